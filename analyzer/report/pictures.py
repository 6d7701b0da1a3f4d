"""The pictures that stand for a whole report."""

import pandas as pd

from analyzer.analysis import coverage
from analyzer.analysis.events import events, faults_by_second
from analyzer.charts import over_time
from analyzer.charts.model import Chart
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary


def overview(summary: Summary, provenance: str) -> Chart | None:
    """The whole trace in one picture, or each of several in a row of its own; None where no fault has a time."""
    logs = [log for log in summary.logs if len(log.table("seconds"))]
    if not logs:
        return None
    if len(summary.logs) > 1:
        shown = [(str(log.meta["name"]), faults_by_second(log), events(log)) for log in logs]
        return over_time.overview_of_logs(shown, provenance, max(map(coverage.step, logs)))
    (log,) = logs
    return over_time.overview(
        faults_by_second(log), events(log), gap_bands(log), _seconds(log), provenance, coverage.step(log)
    )


def gap_bands(log: LogSummary) -> pd.DataFrame:
    """From the last record before a loss was reported, one second wide: start, end, text."""
    known = [gap for gap in coverage.gaps(log) if gap.after_ts is not None]
    seconds = [(gap, (gap.after_ts - log.start) / SECOND) for gap in known]
    rows = [(max(0.0, at - 1), at, str(gap).partition(":")[0]) for gap, at in seconds]
    return pd.DataFrame(rows, columns=["start", "end", "text"])


def _seconds(log: LogSummary) -> float:
    """From the trace's beginning to its last record."""
    if log.last_ts is not None and coverage.counts_in_sections(log):
        return (log.last_ts - log.start) / SECOND
    last = log.table("seconds")["second"].max() + 1
    return max(float(last), 0.0 if log.last_ts is None else (log.last_ts - log.start) / SECOND)
