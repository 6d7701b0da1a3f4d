"""What each path costs: how often it is taken, its share of the time, its percentiles."""

import math
from typing import NamedTuple

from analyzer.analysis.coverage import counts_in_sections
from analyzer.format import address
from analyzer.ingest.releases import NOT_RECORDED, path_name, result_name
from analyzer.summary.histogram import Bin, Shown, histograms, resolution, shown_percentiles
from analyzer.summary.own import TRACING_ITSELF
from analyzer.summary.summary import LogSummary
from analyzer.summary.where import RANGE_BITS

PERCENTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p999": 0.999}
_SUMS = ("faults", "dur", "oncpu", "retries")


class PathCost(NamedTuple):
    """What the faults of a path cost; times are ns, shares NaN where there is nothing, None is not measured.

    time, oncpu and waiting (time not on a CPU) are sums, retries are map lookups after the first.  A percentile is
    None of too few faults, and the two ends of its bucket where the log has nothing finer.
    """

    path: str
    faults: int
    share_of_faults: float
    time: int | None
    share_of_time: float
    mean: float | None
    p50: Shown
    p90: Shown
    p99: Shown
    p999: Shown
    longest: int | None
    oncpu: int | None
    waiting: int | None
    retries: int | None


def path_costs(log: LogSummary) -> list[PathCost]:
    """All paths, most time first, without the faults of tracing itself."""
    sums: dict[int, dict[str, int]] = {}
    for row in log.entries("faults"):
        if row["execname"] != TRACING_ITSELF:
            of = sums.setdefault(row["path"], dict.fromkeys((*_SUMS, "longest"), 0))
            of |= {name: of[name] + row[name] for name in _SUMS}
            of["longest"] = max(of["longest"], row["longest"])
    latency = histograms(log.entries("latency"), "faults", "path")
    bits = log.meta.get("bits", {}).get("path")
    all_faults, all_time = (sum(of[name] for of in sums.values()) for name in ("faults", "dur"))
    # The sections of the times and those of the counts end at other moments where the log was cut.
    timed = not counts_in_sections(log) or log.ended
    on_cpu = log.has("F", "oncpu")
    retried = log.has("F", "lookups") or log.count("E") > 0
    costs = []
    for path, of in sorted(sums.items()):
        number, time, most = of["faults"], of["dur"], of["longest"] or None
        histogram = latency.get(path, [])
        shares = shown_percentiles(histogram, list(PERCENTILES.values())) if histogram else [None] * 4
        costs.append(
            PathCost(
                path=path_name(path, bits),
                faults=number,
                share_of_faults=number / all_faults if all_faults else math.nan,
                time=time if histogram else None,
                share_of_time=time / all_time if all_time else math.nan,
                mean=time / number if number and time and timed else None,
                # The middle of a bucket can lie above the largest value, which is known exactly.
                **{name: _at_most(value, most) for name, value in zip(PERCENTILES, shares, strict=True)},
                longest=most,
                oncpu=of["oncpu"] if on_cpu else None,
                waiting=max(0, time - of["oncpu"]) if on_cpu else None,
                retries=of["retries"] if retried else None,
            )
        )
    return sorted(costs, key=lambda cost: (cost.time is None, -(cost.time or 0), cost.path))


def _at_most(value: Shown, most: int | None) -> Shown:
    if not value or not most:
        return value
    if isinstance(value, tuple):
        return (value[0], min(value[1], most)) if value[0] < most else most
    return min(value, most)


class PathBin(NamedTuple):
    """How many faults of a path took low <= x < high (ns)."""

    path: str
    low: float
    high: float
    faults: int


def latency_bins(log: LogSummary) -> list[PathBin]:
    """The distribution of durations by path."""
    bits = log.meta.get("bits", {}).get("path")
    by_path = histograms(log.entries("latency"), "faults", "path")
    return [PathBin(path_name(path, bits), *each) for path, histogram in by_path.items() for each in histogram]


def latency_resolution(log: LogSummary) -> float:
    """By how much a percentile can be off, as a share of it; 0 where nothing was measured."""
    return resolution(Bin(row["low"], row["high"], row["faults"]) for row in log.entries("latency"))


class ProcessCost(NamedTuple):
    """Faults of a process name; time is ns, None where it was not measured."""

    process: str
    faults: int
    failed: int
    time: int | None


def process_costs(log: LogSummary) -> list[ProcessCost]:
    """All processes, most time first."""
    sums: dict[str, tuple[int, int, int]] = {}
    for row in log.entries("processes") or log.entries("faults"):
        name, faults = row["execname"], row["faults"]
        if name:
            before = sums.get(name, (0, 0, 0))
            failed = 0 if row["rc"] in (0, NOT_RECORDED) else faults
            sums[name] = before[0] + faults, before[1] + failed, before[2] + row.get("dur", 0)
    timed = any(time for _, _, time in sums.values())
    ordered = sorted(sums.items(), key=lambda each: (-each[1][2], -each[1][0], each[0]))
    return [ProcessCost(name, faults, failed, time if timed else None) for name, (faults, failed, time) in ordered]


class SlowFault(NamedTuple):
    """One fault: when is ns since the trace began, duration ns, line that of the log."""

    line: int
    when: int
    process: str
    pid: int
    thread: int
    address: int
    path: str
    result: str
    duration: int


def slowest_faults(log: LogSummary) -> list[SlowFault]:
    """The slowest faults that were kept, the slowest first."""
    bits, osreldate = log.meta.get("bits", {}).get("path"), log.meta.get("osreldate")
    return [
        SlowFault(
            line=row["line"],
            when=row["ts"] - log.start,
            process=row["execname"],
            pid=row["pid"],
            thread=row["tid"],
            address=row["va"] % (1 << 64),
            path=path_name(row["path"], bits),
            result=result_name(row["rc"], osreldate),
            duration=row["dur"],
        )
        for row in sorted(log.entries("slowest"), key=lambda row: (-row["dur"], row["line"]))
    ]


class HotPlace(NamedTuple):
    """Faults of a process in 64 MB of addresses; time is their sum in ns, its share that of all faults."""

    process: str
    path: str
    addresses: str
    faults: int
    time: int
    share_of_time: float


def hottest(log: LogSummary) -> list[HotPlace]:
    """Where faults spent most time, most first."""
    bits, size = log.meta.get("bits", {}).get("path"), 1 << RANGE_BITS
    whole = max(log.sum("hot", "dur"), 1)
    return [
        HotPlace(
            process=row["execname"],
            path=path_name(row["path"], bits),
            addresses=f"{address(row['range'] * size)}–{address((row['range'] + 1) * size - 1)}",
            faults=row["faults"],
            time=row["dur"],
            share_of_time=row["dur"] / whole,
        )
        for row in sorted(log.entries("hot"), key=lambda row: (-row["dur"], row["execname"], row["range"]))
    ]


def faults_of_tracing(log: LogSummary) -> int:
    """Faults of vmtrace's own processes, where the log names them and nobody asked to count them with the others."""
    return log.sums("faults", "faults", "execname").get(TRACING_ITSELF, 0)
