"""What a fault costs, taken apart into its steps; from vmevents, which records each of them."""

from typing import NamedTuple

from analyzer.ingest.releases import path_name
from analyzer.summary.histogram import Shown, histograms, shown_percentiles, size
from analyzer.summary.summary import LogSummary


class StepCost(NamedTuple):
    """A step of a path's faults; times in ns, exclusive: a step's time is not also that of the function around it.

    paths_faults counts the faults of that path, faults those that took the step; time is their sum and share that of
    the path's time, mean is over all faults of the path, the percentiles are over those that took it.
    """

    path: str
    paths_faults: int
    step: str
    faults: int
    time: int
    mean: float | None
    p50: Shown
    p90: Shown
    p99: Shown
    share: float


def step_costs(log: LogSummary) -> list[StepCost]:
    """All paths and steps, the path with most time first, of each the step with most time."""
    bits = log.meta.get("bits", {}).get("path")
    by_path, times = log.sums("latency", "faults", "path"), log.sums("step_times", "dur", "path", "step")
    totals: dict[str, int] = {}
    for (path, _), time in times.items():
        name = path_name(path, bits)
        totals[name] = totals.get(name, 0) + time
    costs = []
    for (path, step), histogram in histograms(log.entries("step_times"), "faults", "path", "step").items():
        name, whole, time = path_name(path, bits), by_path.get(path, 0), times[path, step]
        p50, p90, p99 = shown_percentiles(histogram, [0.5, 0.9, 0.99])
        mean, share = time / whole if whole else None, time / totals[name]
        costs.append(StepCost(name, whole, step, size(histogram), time, mean, p50, p90, p99, share))
    return sorted(costs, key=lambda cost: (-totals[cost.path], cost.path, -cost.time, cost.step))
