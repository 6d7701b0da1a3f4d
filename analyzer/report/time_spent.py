"""Where the time went: a fault taken apart, the slowest ones with their lines, the hottest places."""

from analyzer.analysis.failures import MOVES
from analyzer.analysis.paths import hottest, slowest_faults
from analyzer.analysis.steps import StepCost, step_costs
from analyzer.charts import steps
from analyzer.format import duration
from analyzer.report.document import Section
from analyzer.report.tables import Columns, dicts, table
from analyzer.summary.summary import LogSummary, Summary

SHOWN = 10


def slowest_section(summary: Summary, log: LogSummary, shown: int, top: int) -> Section | None:
    """The `shown` slowest faults of all logs, and where most of the time went; None where no fault has a line."""
    several = len(summary.logs) > 1
    # No other log has one of them.
    logs = sorted(summary.logs, key=lambda part: -max(part.sums("slowest", "faults", "dur"), default=-1))[:shown]
    faults = [(fault, str(part.meta["name"])) for part in logs for fault in slowest_faults(part)]
    if not faults:
        return None
    faults.sort(key=lambda each: -each[0].duration)
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
    first, _ = faults[0]
    sentence = f"The slowest fault took {duration(first.duration)}, in {first.process}, line {first.line} of its log."
    slowest = [fault._asdict() | {"log": name} for fault, name in faults[:shown]]
    tables = (
        table("Slowest faults", slowest, columns, shown),
        table("Where most time went", dicts(hottest(log)), hot, min(top, shown)),
    )
    return Section("slowest", "Slowest and hottest", sentence, tables=tables)


def steps_section(log: LogSummary, provenance: str, top: int) -> Section | None:
    """What faults of each path spend their time on; None where no step is recorded."""
    costs = step_costs(log)
    if not costs:
        return None
    columns: Columns = (
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
        table(caption, dicts(part), columns, max(top, len(part)) if moved else top)
        for caption, part, moved in (("Steps by path", costs, False), ("Rename and replace", _moves(costs), True))
        if part
    )
    return Section("steps", "A fault taken apart", sentence, (steps.step_costs(costs, provenance),), tables)


def _moves(costs: list[StepCost]) -> list[StepCost]:
    """The paths that move a page, side by side."""
    moving = [cost for cost in costs if any(move in cost.path for move in MOVES)]
    return sorted(moving, key=lambda cost: (cost.step, cost.path))
