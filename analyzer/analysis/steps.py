"""What a fault costs, taken apart into its steps; from vmevents, which records each of them."""

import pandas as pd

from analyzer.ingest.releases import path_name
from analyzer.summary.histogram import shown_percentiles
from analyzer.summary.summary import LogSummary


def step_costs(log: LogSummary) -> pd.DataFrame:
    """One row a path and step, times in ns, exclusive: a step's time is not also that of the function around it.

    path, paths_faults (faults of that path), step, faults (that took it), time (sum), share (of the path's time), mean
    (over all faults of the path), p50, p90, p99 (over those that took it).  The path with most time first.
    """
    times = log.table("step_times")
    bits = log.meta.get("bits", {}).get("path")
    by_path = log.table("latency").groupby("path")["faults"].sum()
    rows = []
    for (path, step), part in times.groupby(["path", "step"]):
        whole, time = int(by_path.get(path, 0)), int(part["dur"].sum())
        p50, p90, p99 = shown_percentiles(part, "faults", [0.5, 0.9, 0.99])
        rows.append(
            {
                "path": path_name(path, bits),
                "paths_faults": whole,
                "step": step,
                "faults": int(part["faults"].sum()),
                "time": time,
                "mean": time / whole if whole else None,
                "p50": p50,
                "p90": p90,
                "p99": p99,
            }
        )
    frame = pd.DataFrame(rows)
    if frame.empty:
        return frame
    totals = frame.groupby("path")["time"].transform("sum")
    frame = frame.assign(share=frame["time"] / totals, total=totals)
    order = ["total", "path", "time", "step"]
    frame = frame.sort_values(order, ascending=[False, True, False, True], ignore_index=True)
    return frame.drop(columns="total")
