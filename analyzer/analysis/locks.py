"""Locks by code site: how long held and waited for (vmlocks), how often taken and released in faults (vmevents)."""

import pandas as pd

from analyzer.summary.histogram import shown_percentiles
from analyzer.summary.summary import LogSummary


def hold_times(log: LogSummary) -> pd.DataFrame:
    """One row a mode and site, longest total first: mode, site, times, total, p50, p99 (ns)."""
    totals = _aggregation(log, "held").set_index(["mode", "site"])["value"]
    frame = _quantized(log, "hold")
    frame["total"] = [int(totals.get((mode, site), 0)) for mode, site in zip(frame["mode"], frame["site"], strict=True)]
    return frame.sort_values(["total", "site"], ascending=[False, True], ignore_index=True)


def wait_times(log: LogSummary) -> pd.DataFrame:
    """One row a kind ("block", "spin"), mode and site, most often first: kind, mode, site, times, p50, p99 (ns)."""
    both = [_quantized(log, kind).assign(kind=kind) for kind in ("block", "spin")]
    return pd.concat(both).sort_values(["times", "site"], ascending=[False, True], ignore_index=True)


def lock_sites(log: LogSummary) -> pd.DataFrame:
    """Lock operations inside faults, most often first: operation, mode, lock (name), site, operations."""
    sites = log.table("lock_sites")
    return sites.sort_values(["operations", "site"], ascending=[False, True], ignore_index=True)


def unreleased(log: LogSummary) -> pd.DataFrame:
    """Acquires that faults left without a release, of the evidence that is kept: lock (name), site, unreleased."""
    left = [row for fault in log.evidence.get("imbalance", ()) for row in fault.get("unpaired", ())]
    frame = pd.DataFrame(left, columns=["name", "site"]).rename(columns={"name": "lock"})
    return frame.groupby(["lock", "site"], as_index=False).size().rename(columns={"size": "unreleased"})


def sentence(log: LogSummary) -> str:
    """What the script could not follow."""
    lost = _aggregation(log, "lost", keys=("what",))
    missed = int(lost.loc[lost["what"] == "slot taken", "value"].sum())
    total = int(lost["value"].sum())
    if not total:
        return "Operations on reader/writer locks inside the traced faults."
    return f"{missed:,} of {total:,} holds were lost because two locks of one thread met in a slot of the script."


def _aggregation(log: LogSummary, name: str, keys: tuple[str, ...] = ("mode", "site")) -> pd.DataFrame:
    rows = log.table("aggregations")
    rows = rows[rows["name"] == name]
    parts = [str(key).split("\t") for key in rows["key"]]
    named = (
        pd.DataFrame(parts, columns=list(keys), index=rows.index, dtype=object)
        if parts
        else pd.DataFrame(columns=list(keys))
    )
    return named.assign(low=rows["low"], high=rows["high"], value=rows["value"])


def _quantized(log: LogSummary, name: str) -> pd.DataFrame:
    rows = []
    for (mode, site), part in _aggregation(log, name).groupby(["mode", "site"]):
        p50, p99 = shown_percentiles(part, "value", [0.5, 0.99])
        rows.append({"mode": mode, "site": site, "times": int(part["value"].sum()), "p50": p50, "p99": p99})
    return pd.DataFrame(rows, columns=["mode", "site", "times", "p50", "p99"])
