"""Where the time went: a fault taken apart, the slowest ones with their lines, the hottest places."""

import pandas as pd

from analyzer.analysis.paths import hottest, slowest_faults
from analyzer.analysis.steps import step_costs
from analyzer.charts import steps
from analyzer.format import duration
from analyzer.report.document import Section
from analyzer.report.tables import table
from analyzer.summary.summary import LogSummary, Summary

SHOWN = 10


def slowest_section(summary: Summary, log: LogSummary, shown: int, top: int) -> Section | None:
    """The `shown` slowest faults of all logs, and where most of the time went; None where no fault has a line."""
    several = len(summary.logs) > 1
    # No other log has one of them.
    logs = sorted(summary.logs, key=lambda part: -max(part.sums("slowest", "faults", "dur"), default=-1))[:shown]
    parts = [slowest_faults(part).assign(log=str(part.meta["name"])) for part in logs]
    faults = pd.concat(parts).sort_values("duration", ascending=False, kind="stable", ignore_index=True)
    if faults.empty:
        return None
    columns = (
        ("duration", "ns", "from entry to return"),
        *([("log", "text", "")] if several else []),
        ("line", "id", "line of the log: vmtrace show LOG --fault LINE"),
        ("process", "text", ""),
        ("path", "text", "the steps that the fault took"),
        ("result", "text", ""),
        ("address", "addr", "that was touched"),
        ("thread", "id", ""),
        ("pid", "id", ""),
        ("when", "time", "since the trace began"),
    )
    hot = (
        ("process", "text", ""),
        ("path", "text", ""),
        ("time", "ns", "from entry to return, all its faults"),
        ("share_of_time", "share", "of the time of all faults"),
        ("faults", "int", ""),
        ("addresses", "text", "64 MB of what was touched"),
    )
    first = faults.iloc[0]
    sentence = (
        f"The slowest fault took {duration(first['duration'])}, in {first['process']}, line {first['line']} of its log."
    )
    tables = (
        table("Slowest faults", faults.head(shown), columns, shown),
        table("Where most time went", hottest(log), hot, min(top, shown)),
    )
    return Section("slowest", "Slowest and hottest", sentence, tables=tables)


def steps_section(log: LogSummary, provenance: str, top: int) -> Section | None:
    """What faults of each path spend their time on; None where no step is recorded."""
    costs = step_costs(log)
    if costs.empty:
        return None
    columns = (
        ("path", "text", "the steps that the fault took"),
        ("step", "text", "rest: between the functions that are traced"),
        ("share", "share", "of the time of all faults of the path"),
        ("mean", "ns", "over all faults of the path"),
        ("faults", "int", "that took the step"),
        ("p50", "ns", "of the faults that took it"),
        ("p90", "ns", ""),
        ("p99", "ns", ""),
        ("time", "ns", "all faults together"),
    )
    sentence = (
        "Each moment of a fault is given to one step, the innermost one; of functions whose return is not traced "
        "(zeroing, copying, radix lookups) up to the next record."
    )
    tables = tuple(
        table(caption, part, columns, max(top, len(part)) if moved else top)
        for caption, part, moved in (("Steps by path", costs, False), ("Rename and replace", _moves(costs), True))
        if len(part)
    )
    return Section("steps", "A fault taken apart", sentence, (steps.step_costs(costs, provenance),), tables)


def _moves(costs: pd.DataFrame) -> pd.DataFrame:
    """The paths that move a page, side by side."""
    moving = costs["path"].str.contains("rename|replace")
    return costs[moving].sort_values(["step", "path"], kind="stable", ignore_index=True)
