"""The pictures that stand for a whole report, or for one finding."""

import math
from pathlib import Path
from typing import Literal

from analyzer.analysis import coverage
from analyzer.analysis.events import events, faults_by_second
from analyzer.charts import over_time
from analyzer.charts import story as story_chart
from analyzer.charts.model import Band, Chart
from analyzer.charts.story import Told
from analyzer.format import address, counted, duration, visible
from analyzer.report.document import Section
from analyzer.report.findings import describe
from analyzer.summary import waiting
from analyzer.summary.evidence import Row
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.finding import Finding

_MOST_STORIES = 4
_MOST_STEPS = 10


def overview(summary: Summary, provenance: str) -> Chart | None:
    """The whole trace in one picture, or each of several in a row of its own; None where no fault has a time."""
    logs = [log for log in summary.logs if log.rows("seconds")]
    if not logs:
        return None
    if len(summary.logs) > 1:
        logs, left = logs[: over_time.MOST_LOGS], len(logs[over_time.MOST_LOGS :])
        shown = [(str(log.meta["name"]), faults_by_second(log), events(log)) for log in logs]
        return over_time.overview_of_logs(shown, provenance, max(map(coverage.step, logs)), left)
    (log,) = logs
    return over_time.overview(
        faults_by_second(log), events(log), gap_bands(log), _seconds(log), provenance, coverage.step(log)
    )


def stories(pairs: list[tuple[LogSummary, Finding]], provenance: str) -> Section | None:
    """A picture of each serious finding that has its moments; `pairs` as the report numbers them."""
    charts: list[Chart] = []
    for number, (log, finding) in enumerate(pairs, 1):
        if finding.severity == "kernel bug" and len(charts) < _MOST_STORIES:
            open_ = sum(other.events for of, other in pairs if of is log and other.kind == "never-returned")
            chart = story(number, finding, log, open_, provenance)
            charts += [chart] if chart is not None else []
    if not charts:
        return None
    text = "Each thread's own story: what it did before, what failed, what it left behind."
    return Section("story", "What happened", text, tuple(charts))


def story(number: int, finding: Finding, log: LogSummary, open_: int, provenance: str) -> Chart | None:
    """What the thread of the finding's first record did, what it left, and who came to wait for that.

    None where its records have no time.  `open_` other faults had not returned when tracing ended.
    """
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
        *(_step(row, origin, _kind(row), row.get("kind") == "lock-held") for row in rows),
        *(step for row in rows for step in _left_held(row, origin)),
        *(_waiters(log, rows[-1].get("pid"), open_) if finding.kind in ("d4326", "lock-held") else ()),
    ]
    steps.sort(key=lambda step: step.start)
    thread = f"thread {first['tid']} ({first['execname']})"
    told = "; ".join(f"{step.what}: {step.value}" for step in steps if step.kind != "before")
    return story_chart.story(
        f"finding-{number}", visible(f"Finding {number}: what {thread} did"), steps, visible(f"{told}."), provenance
    )


def _kind(row: Row) -> Literal["cause", "harm"]:
    """A failure that an error path has to handle is the cause, and the fault that left a lock; else it is the harm."""
    if row.get("lock") or row.get("unpaired"):
        return "cause"
    return "harm" if "kind" in row or "acq" in row or "held" in row or "locksum" in row else "cause"


def _step(row: Row, origin: int, kind: Literal["before", "cause", "harm"], lasts: bool) -> Told:
    since = row["ts"] - origin
    named = row.get("page") or row.get("object")
    what = f"{describe(row)}, {address(named)}" if named and kind != "before" else describe(row)
    sign = "+" if since >= 0 else ""
    value = f"{sign}{duration(since)}".replace("-", "−") + f", line {row['line']}"
    if lasts:
        value += ", to the end"
    end = math.inf if lasts else since + row.get("dur", 0)
    return Told(what, value, since, end, kind)


def _left_held(row: Row, origin: int) -> list[Told]:
    """The locks that a fault out of balance left, from where they were taken, or else from its return on."""
    unpaired = row.get("unpaired") or ([{"lock": row["lock"]}] if row.get("lock") else [])
    steps = []
    for lock in unpaired:
        since = lock.get("ts", row["ts"] + row.get("dur", 0)) - origin
        taken = f"taken at {lock['site']}" if "site" in lock else "at the fault's return"
        what, value = f"lock {address(lock['lock'])} held", f"+{duration(since)}, {taken}, to the end"
        steps.append(Told(what, value, since, math.inf, "harm"))
    return steps


def _waiters(log: LogSummary, owner: object, open_: int) -> list[Told]:
    """Who waits when all is over: lists of threads beside the trace, faults that had not returned."""
    known = []
    rows = log.evidence.get("waiting", ())
    for (wants, _), threads in waiting.grouped(rows).items():
        lists = ", ".join(sorted({Path(str(row["log"])).name for row in threads}))
        doubt = "" if waiting.of_one_moment(rows, owner) else ", perhaps of another moment or box"
        known.append((f"{counted(len(threads), 'thread waits', 'threads wait')} for {wants}", lists + doubt))
    if open_:
        known.append((f"{counted(open_, 'other fault')} without a return", "when tracing ended"))
    return [Told(what, value, math.inf, math.inf, "wait") for what, value in known]


def gap_bands(log: LogSummary) -> list[Band]:
    """From the last record before a loss was reported, one second wide."""
    gaps = coverage.gaps(log)
    seconds = [(gap, (gap.after_ts - log.start) / SECOND) for gap in gaps if gap.after_ts is not None]
    return [Band(visible(str(gap).partition(":")[0]), max(0.0, at - 1), at) for gap, at in seconds]


def _seconds(log: LogSummary) -> float:
    """From the trace's beginning to its last record."""
    if log.last_ts is not None and coverage.counts_in_sections(log):
        return (log.last_ts - log.start) / SECOND
    last = max(log.sums("seconds", "faults", "second")) + 1
    return max(float(last), 0.0 if log.last_ts is None else (log.last_ts - log.start) / SECOND)
