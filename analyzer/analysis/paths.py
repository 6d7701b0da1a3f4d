"""What each path costs: how often it is taken, its share of the time, its percentiles."""

import pandas as pd

from analyzer.analysis.coverage import counts_in_sections
from analyzer.format import address
from analyzer.ingest.releases import NOT_RECORDED, path_name, result_name
from analyzer.summary.histogram import resolution, shown_percentiles
from analyzer.summary.own import TRACING_ITSELF
from analyzer.summary.summary import LogSummary
from analyzer.summary.where import RANGE_BITS

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}


def path_costs(log: LogSummary) -> pd.DataFrame:
    """One row a path, most time first, without the faults of tracing itself.  Times are ns; None is not measured.

    path, faults, share_of_faults, time (sum), share_of_time, mean, p50, p90, p99, p999, longest, oncpu (sum),
    waiting (sum: time not on CPU), retries (map lookups after the first).  A percentile is None of too few faults,
    and the two ends of its bucket where the log has nothing finer.
    """
    faults = log.table("faults")
    faults = faults[faults["execname"] != TRACING_ITSELF]
    sums = faults.groupby("path", as_index=False)[["faults", "dur", "oncpu", "retries"]].sum()
    longest = faults.groupby("path")["longest"].max()
    latency = log.table("latency")
    bits = log.meta.get("bits", {}).get("path")
    all_faults, all_time = sums["faults"].sum(), sums["dur"].sum()
    # The sections of the times and those of the counts end at other moments where the log was cut.
    timed = not counts_in_sections(log) or log.ended
    on_cpu = log.has("F", "oncpu")
    rows = []
    for path, number, time, oncpu, retries in sums.itertuples(index=False):
        histogram = latency[latency["path"] == path]
        shares = shown_percentiles(histogram, "faults", list(PERCENTILES.values())) if len(histogram) else [None] * 4
        most = int(longest[path]) or None
        rows.append(
            {
                "path": path_name(path, bits),
                "faults": int(number),
                "share_of_faults": number / all_faults if all_faults else None,
                "time": int(time) if len(histogram) else None,
                "share_of_time": time / all_time if all_time else None,
                "mean": time / number if number and time and timed else None,
                # The middle of a bucket can lie above the largest value, which is known exactly.
                **{name: _at_most(value, most) for name, value in zip(PERCENTILES, shares, strict=True)},
                "longest": most,
                "oncpu": int(oncpu) if on_cpu else None,
                "waiting": max(0, int(time - oncpu)) if on_cpu else None,
                "retries": int(retries) if log.has("F", "lookups") or log.count("E") else None,
            }
        )
    frame = pd.DataFrame(rows, columns=list(rows[0]) if rows else ["path", "faults", "time"])
    return frame.sort_values(["time", "path"], ascending=[False, True], ignore_index=True)


def _at_most(value: float | tuple[float, float] | None, most: int | None) -> float | tuple[float, float] | None:
    if not value or not most:
        return value
    if isinstance(value, tuple):
        return (value[0], min(value[1], most)) if value[0] < most else most
    return min(value, most)


def latency_bins(log: LogSummary) -> pd.DataFrame:
    """The distribution of durations: path (name), low, high (ns), faults."""
    latency = log.table("latency")
    bits = log.meta.get("bits", {}).get("path")
    names = {path: path_name(path, bits) for path in latency["path"].unique()}
    return latency.assign(path=latency["path"].map(names))


def latency_resolution(log: LogSummary) -> float:
    """By how much a percentile can be off, as a share of it; 0 where nothing was measured."""
    return resolution(log.table("latency"))


def process_costs(log: LogSummary) -> pd.DataFrame:
    """One row a process name, most time first: process, faults, failed, time (ns, None where it was not measured)."""
    processes = log.table("processes")
    faults = processes.assign(dur=0) if len(processes) else log.table("faults")
    faults = faults[faults["execname"] != ""]
    failed = faults[~faults["rc"].isin([0, NOT_RECORDED])].groupby("execname")["faults"].sum()
    sums = faults.groupby("execname", as_index=False)[["faults", "dur"]].sum()
    sums["failed"] = sums["execname"].map(failed).fillna(0).astype("int64")
    named = sums.rename(columns={"execname": "process", "dur": "time"})[["process", "faults", "failed", "time"]]
    named = named.sort_values(["time", "faults", "process"], ascending=[False, False, True], ignore_index=True)
    return named if named["time"].any() else named.assign(time=None)


def slowest_faults(log: LogSummary) -> pd.DataFrame:
    """The slowest faults, the slowest first: line, when (ns since the trace began), process, pid, thread, address,
    path, result, duration (ns)."""
    slowest = log.table("slowest").sort_values(["dur", "line"], ascending=[False, True], ignore_index=True)
    bits, osreldate = log.meta.get("bits", {}).get("path"), log.meta.get("osreldate")
    return pd.DataFrame(
        {
            "line": slowest["line"],
            "when": slowest["ts"] - log.start,
            "process": slowest["execname"],
            "pid": slowest["pid"],
            "thread": slowest["tid"],
            # As objects: joined with another log's, numbers above 2**63 would become floats.
            "address": pd.Series([value % (1 << 64) for value in slowest["va"]], dtype=object),
            "path": [path_name(path, bits) for path in slowest["path"]],
            "result": [result_name(rc, osreldate) for rc in slowest["rc"]],
            "duration": slowest["dur"],
        }
    )


def hottest(log: LogSummary) -> pd.DataFrame:
    """Where most time went: process, path, addresses ("from–to"), faults, time (ns), share_of_time; most first."""
    hot = log.table("hot").sort_values(["dur", "execname", "range"], ascending=[False, True, True], ignore_index=True)
    bits, size = log.meta.get("bits", {}).get("path"), 1 << RANGE_BITS
    return pd.DataFrame(
        {
            "process": hot["execname"],
            "path": [path_name(path, bits) for path in hot["path"]],
            "addresses": [f"{address(n * size)}–{address((n + 1) * size - 1)}" for n in hot["range"]],
            "faults": hot["faults"],
            "time": hot["dur"],
            "share_of_time": hot["dur"] / max(hot["dur"].sum(), 1),
        }
    )


def faults_of_tracing(log: LogSummary) -> int:
    """Faults of vmtrace's own processes, where the log names them and nobody asked to count them with the others."""
    faults = log.table("faults")
    return int(faults.loc[faults["execname"] == TRACING_ITSELF, "faults"].sum())
