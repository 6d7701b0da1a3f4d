"""Where the time went: the slowest faults, each with its line for `vmtrace show`, and the hottest places."""

import pandas as pd

from analyzer.analysis.paths import hottest, slowest_faults
from analyzer.format import duration
from analyzer.report.document import Section
from analyzer.report.tables import table
from analyzer.summary.summary import LogSummary, Summary

SHOWN = 10


def slowest_section(summary: Summary, log: LogSummary, shown: int, top: int) -> Section | None:
    """The `shown` slowest faults of all logs, and where most of the time went; None where no fault has a line."""
    several = len(summary.logs) > 1
    parts = [slowest_faults(part).assign(log=str(part.meta["name"])) for part in summary.logs]
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
        table("Where most time went", hottest(log), hot, top),
    )
    return Section("slowest", "Slowest and hottest", sentence, tables=tables)
