"""Aggregations of scripts that vmtrace does not know: as they stand, with the percentiles of distributions."""

from typing import NamedTuple

from analyzer.summary.histogram import Shown, histograms, shown_percentiles, size
from analyzer.summary.summary import LogSummary

_BETWEEN = ", "  # the columns of a key


class Value(NamedTuple):
    """A single value."""

    aggregation: str
    key: str
    value: int


class Distribution(NamedTuple):
    """A distribution, in the script's own unit."""

    aggregation: str
    key: str
    number: int
    p50: Shown
    p90: Shown
    p99: Shown


def values(log: LogSummary) -> list[Value]:
    """Aggregations of single values, largest first."""
    found = [
        Value(row["name"], row["key"].replace("\t", _BETWEEN), row["value"])
        for row in log.entries("aggregations")
        if row["low"] == 0 and row["high"] == 0
    ]
    return sorted(found, key=lambda each: (-each.value, each.aggregation, each.key))


def distributions(log: LogSummary) -> list[Distribution]:
    """Aggregations in buckets."""
    rows = (row for row in log.entries("aggregations") if row["high"] != row["low"] and row["value"] > 0)
    return [
        Distribution(name, key.replace("\t", _BETWEEN), size(bins), *shown_percentiles(bins, [0.5, 0.9, 0.99]))
        for (name, key), bins in histograms(rows, "value", "name", "key").items()
    ]
