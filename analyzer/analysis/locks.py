"""Locks by code site: how long held and waited for (vmlocks), how often taken and released in faults (vmevents)."""

from collections import Counter
from typing import Any, NamedTuple

from analyzer.summary.histogram import Shown, histograms, shown_percentiles, size
from analyzer.summary.summary import LogSummary


class HoldTime(NamedTuple):
    """How long VM object locks were held that one code site took: times counts them, total and percentiles are ns."""

    mode: str
    site: str
    times: int
    p50: Shown
    p99: Shown
    total: int


class WaitTime(NamedTuple):
    """How long VM object locks were waited for at one code site (ns); kind is "block" or "spin"."""

    mode: str
    site: str
    times: int
    p50: Shown
    p99: Shown
    kind: str


class LockSite(NamedTuple):
    """Lock operations inside faults; unreleased counts acquires without a release, of the evidence that is kept."""

    operation: str
    mode: str
    lock: str
    site: str
    operations: int
    unreleased: int


def hold_times(log: LogSummary) -> list[HoldTime]:
    """All modes and sites, longest total first."""
    totals = {(row["mode"], row["site"]): row["value"] for row in _aggregation(log, "held", "mode", "site")}
    found = [
        HoldTime(mode, site, times, p50, p99, totals.get((mode, site), 0))
        for (mode, site), (times, p50, p99) in _quantized(log, "hold").items()
    ]
    return sorted(found, key=lambda held: (-held.total, held.site))


def wait_times(log: LogSummary) -> list[WaitTime]:
    """All kinds, modes and sites, most often first."""
    found = [
        WaitTime(mode, site, times, p50, p99, kind)
        for kind in ("block", "spin")
        for (mode, site), (times, p50, p99) in _quantized(log, kind).items()
    ]
    return sorted(found, key=lambda waited: (-waited.times, waited.site))


def lock_sites(log: LogSummary) -> list[LockSite]:
    """All operations and sites, most often first."""
    left = Counter(
        (lock.get("name"), lock.get("site"))
        for fault in log.evidence.get("imbalance", ())
        for lock in fault.get("unpaired", ())
    )
    found = [
        LockSite(**row, unreleased=left[row["lock"], row["site"]] if row["operation"] == "rw-acquire" else 0)
        for row in log.entries("lock_sites")
    ]
    return sorted(found, key=lambda site: (-site.operations, site.site))


def sentence(log: LogSummary) -> str:
    """What the script could not follow."""
    lost = _aggregation(log, "lost", "what")
    missed = sum(row["value"] for row in lost if row["what"] == "slot taken")
    total = sum(row["value"] for row in lost)
    if not total:
        return "Operations on reader/writer locks inside the traced faults."
    return f"{missed:,} of {total:,} holds were lost because two locks of one thread met in a slot of the script."


def _aggregation(log: LogSummary, name: str, *keys: str) -> list[dict[str, Any]]:
    """The rows of an aggregation, with the parts of its key by their names; another script's has not so many."""
    parted = [(row, row["key"].split("\t")) for row in log.entries("aggregations") if row["name"] == name]
    return [row | dict(zip(keys, parts, strict=True)) for row, parts in parted if len(parts) == len(keys)]


def _quantized(log: LogSummary, name: str) -> dict[tuple[str, str], tuple[int, Shown, Shown]]:
    """Times, p50 and p99 by mode and site."""
    found = {}
    for key, bins in histograms(_aggregation(log, name, "mode", "site"), "value", "mode", "site").items():
        p50, p99 = shown_percentiles(bins, [0.5, 0.99])
        found[key] = size(bins), p50, p99
    return found
