"""Aggregations of scripts that vmtrace does not know: as they stand, with the percentiles of distributions."""

import pandas as pd

from analyzer.summary.histogram import shown_percentiles
from analyzer.summary.summary import LogSummary

_BETWEEN = ", "  # the columns of a key


def values(log: LogSummary) -> pd.DataFrame:
    """Aggregations of single values: aggregation, key, value; largest first."""
    rows = log.table("aggregations")
    rows = rows[(rows["low"] == 0) & (rows["high"] == 0)]
    named = rows.rename(columns={"name": "aggregation"})[["aggregation", "key", "value"]]
    named["key"] = named["key"].str.replace("\t", _BETWEEN)
    return named.sort_values(["value", "aggregation", "key"], ascending=[False, True, True], ignore_index=True)


def distributions(log: LogSummary) -> pd.DataFrame:
    """Aggregations in buckets: aggregation, key, count, p50, p90, p99 (in the script's own unit)."""
    rows = log.table("aggregations")
    rows = rows[(rows["high"] != rows["low"]) & (rows["value"] > 0)]
    found = []
    for (name, key), part in rows.groupby(["name", "key"]):
        p50, p90, p99 = shown_percentiles(part, "value", [0.5, 0.9, 0.99])
        count = int(part["value"].sum())
        shown = str(key).replace("\t", _BETWEEN)
        found.append({"aggregation": name, "key": shown, "count": count, "p50": p50, "p90": p90, "p99": p99})
    return pd.DataFrame(found, columns=["aggregation", "key", "count", "p50", "p90", "p99"])
