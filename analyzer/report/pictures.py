"""The pictures that stand for a whole report, or for one finding."""

import math
from typing import Any

import pandas as pd

from analyzer.analysis import coverage
from analyzer.analysis.events import events, faults_by_second
from analyzer.charts import over_time
from analyzer.charts import story as story_chart
from analyzer.charts.model import Chart
from analyzer.format import address, duration, visible
from analyzer.report.document import Section
from analyzer.report.findings import describe
from analyzer.summary.evidence import Row
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.finding import Finding

_MOST_STORIES = 4
_MOST_STEPS = 10


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


def stories(pairs: list[tuple[LogSummary, Finding]], provenance: str) -> Section | None:
    """A picture of each serious finding that has its moments; `pairs` as the report numbers them."""
    charts = [
        chart
        for number, (log, finding) in enumerate(pairs, 1)
        if finding.severity == "kernel bug" and (chart := story(number, finding, log, provenance)) is not None
    ]
    if not charts:
        return None
    text = "Each thread's own story: what it did before, what failed, what it left behind."
    return Section("story", "What happened", text, tuple(charts[:_MOST_STORIES]))


def story(number: int, finding: Finding, log: LogSummary, provenance: str) -> Chart | None:
    """What the thread of the finding's first record did; None where its records have no time."""
    first = next((row for row in finding.rows if row.get("ts") and "tid" in row), None)
    if first is None:
        return None
    rows = sorted((row for row in finding.rows if row.get("tid") == first["tid"]), key=lambda row: row["ts"])
    rows = rows[:_MOST_STEPS]
    origin = rows[0]["ts"]
    extent = max(row["ts"] + row.get("dur", 0) for row in rows) - origin
    near = {row["line"]: row for row in rows[0]["before"] if origin - row["ts"] <= max(extent, SECOND // 1000)}
    known = {row["line"] for row in rows}
    steps = [
        *(_step(row, origin, "before", False) for line, row in sorted(near.items()) if line not in known),
        *(_step(row, origin, "harm" if _is_harm(row) else "cause", row.get("kind") == "lock-held") for row in rows),
    ]
    frame = pd.DataFrame(steps).sort_values("start", kind="stable", ignore_index=True)
    thread = f"thread {first['tid']} ({first['execname']})"
    told = "; ".join(f"{step.what} {step.value}" for step in frame.itertuples() if step.kind != "before")
    return story_chart.story(
        f"finding-{number}", visible(f"Finding {number}: what {thread} did"), frame, visible(f"{told}."), provenance
    )


def _is_harm(row: Row) -> bool:
    """A record of what must not be, no failure that an error path has to handle."""
    return "kind" in row or "acq" in row or "held" in row or "locksum" in row


def _step(row: Row, origin: int, kind: str, lasts: bool) -> dict[str, Any]:
    since = row["ts"] - origin
    named = row.get("lock") or row.get("page") or row.get("object") or row.get("held") or row.get("lockxor")
    what = f"{describe(row)}, {address(named)}" if named and kind != "before" else describe(row)
    sign = "+" if since >= 0 else ""
    value = f"{sign}{duration(since)}".replace("-", "−") + f", line {row['line']}"
    if lasts:
        value += ", to the end"
    end = math.inf if lasts else since + row.get("dur", 0)
    return {"what": what, "value": value, "start": since, "end": end, "kind": kind}


def gap_bands(log: LogSummary) -> pd.DataFrame:
    """From the last record before a loss was reported, one second wide: start, end, text."""
    gaps = coverage.gaps(log)
    seconds = [(gap, (gap.after_ts - log.start) / SECOND) for gap in gaps if gap.after_ts is not None]
    rows = [(max(0.0, at - 1), at, str(gap).partition(":")[0]) for gap, at in seconds]
    return pd.DataFrame(rows, columns=["start", "end", "text"])


def _seconds(log: LogSummary) -> float:
    """From the trace's beginning to its last record."""
    if log.last_ts is not None and coverage.counts_in_sections(log):
        return (log.last_ts - log.start) / SECOND
    last = log.table("seconds")["second"].max() + 1
    return max(float(last), 0.0 if log.last_ts is None else (log.last_ts - log.start) / SECOND)
