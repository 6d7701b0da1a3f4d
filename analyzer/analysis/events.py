"""What happened when: faults second by second, and each thing that went wrong on the trace's own time."""

from typing import Any

import pandas as pd

from analyzer.analysis.coverage import counts_in_sections, first_second, step
from analyzer.analysis.failures import MOVES, failures_by_second
from analyzer.analysis.imbalance import imbalance_points
from analyzer.ingest.releases import fault_function
from analyzer.summary.evidence import CAP
from analyzer.summary.reduce import SECOND
from analyzer.summary.reduce_watch import STEP
from analyzer.summary.summary import LogSummary

_COLUMNS = ["second", "kind", "serious", "number", "text"]


def faults_by_second(log: LogSummary) -> pd.DataFrame:
    """second (int, since the trace began), faults."""
    faults = log.table("seconds").groupby("second", as_index=False)["faults"].sum()
    return faults.assign(second=faults["second"] - first_second(log))


def events(log: LogSummary) -> pd.DataFrame:
    """Each thing that went wrong: second (float), kind, serious, number (how many at that moment), text.

    Where more happened than rows are kept, the whole seconds that they are counted by stand for the moments.
    """
    rows = [
        (point.second, point.kind, True, 1, ", ".join(point.label.split("\n")))
        for point in imbalance_points(log).itertuples()
    ]
    start = log.start + first_second(log) * SECOND
    for kind, evidence, inside in (
        ("move failed in a fault", "failed-move", (1,)),
        ("move failed outside faults", "failed-move", (0, -1)),
        ("insert failed", "failed-insert", (-1, 0, 1)),
    ):
        kept = log.evidence.get(evidence, ())
        mine = [row for row in kept if row.get("infault", -1) in inside]
        if len(kept) < CAP and not counts_in_sections(log):
            rows += [((row["ts"] - start) / SECOND, kind, False, 1, _whose(row)) for row in mine]
        else:
            rows += _counted(log, kind, evidence == "failed-move", inside)
    failed = failures_by_second(log)
    failed = failed[failed["function"] == fault_function(log.meta.get("osreldate"))]
    rows += [
        (_middle(log, row.second, step(log)), "fault failed", False, row.failed, row.result)
        for row in failed.itertuples()
    ]
    return pd.DataFrame(rows, columns=_COLUMNS)


def _whose(row: dict[str, Any]) -> str:
    return f"{row['execname']}, thread {row['tid']}"


def _counted(log: LogSummary, kind: str, moves: bool, inside: tuple[int, ...]) -> list[tuple]:
    failures = log.table("failures")
    mine = failures[(failures["fn"].isin(MOVES) == moves) & failures["infault"].isin(inside)]
    by_second = mine[mine["second"] >= 0].groupby("second")["failed"].sum()
    width = STEP if counts_in_sections(log) else 1
    text = "in that second" if width == 1 else f"in those {width} seconds"
    return [
        (_middle(log, second - first_second(log), width), kind, False, n, text) for second, n in by_second.items()
    ]


def _middle(log: LogSummary, second: int, width: int) -> float:
    """Where what was counted in so many seconds is drawn: in their middle, as far as the trace reaches."""
    end = (log.last_ts - log.start) / SECOND if log.last_ts is not None and log.start else second + width
    return (second + min(second + width, max(end, second))) / 2
