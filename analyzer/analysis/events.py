"""What happened when: faults second by second, and each thing that went wrong on the trace's own time."""

from typing import Any, NamedTuple

from analyzer.analysis.coverage import counts_in_sections, first_second, step
from analyzer.analysis.failures import MOVES, failures_by_second
from analyzer.analysis.imbalance import imbalance_points
from analyzer.ingest.releases import fault_function
from analyzer.summary.evidence import CAP
from analyzer.summary.reduce import SECOND
from analyzer.summary.reduce_watch import STEP
from analyzer.summary.summary import LogSummary


class Event(NamedTuple):
    """What went wrong at a moment, in seconds since the trace began; number counts how often."""

    second: float
    kind: str
    serious: bool
    number: int
    text: str


def faults_by_second(log: LogSummary) -> dict[int, int]:
    """How many faults in each second since the trace began that has any, in their order."""
    first = first_second(log)
    return {second - first: faults for second, faults in sorted(log.sums("seconds", "faults", "second").items())}


def events(log: LogSummary) -> list[Event]:
    """Each thing that went wrong, kind by kind.

    Where more happened than rows are kept, the whole seconds that they are counted by stand for the moments.
    """
    found = [
        Event(point.second, point.kind, True, 1, ", ".join(point.label.split("\n"))) for point in imbalance_points(log)
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
            found += [Event((row["ts"] - start) / SECOND, kind, False, 1, _whose(row)) for row in mine]
        else:
            found += _counted(log, kind, evidence == "failed-move", inside)
    handler = fault_function(log.meta.get("osreldate"))
    found += [
        Event(_middle(log, each.second, step(log)), "fault failed", False, each.failed, each.result)
        for each in failures_by_second(log)
        if each.function == handler
    ]
    return found


def _whose(row: dict[str, Any]) -> str:
    return f"{row['execname']}, thread {row['tid']}"


def _counted(log: LogSummary, kind: str, moves: bool, inside: tuple[int, ...]) -> list[Event]:
    by_second: dict[int, int] = {}
    for (second, name, infault), failed in log.sums("failures", "failed", "second", "fn", "infault").items():
        if (name in MOVES) == moves and infault in inside and second >= 0:
            by_second[second] = by_second.get(second, 0) + failed
    width = STEP if counts_in_sections(log) else 1
    text = "in that second" if width == 1 else f"in those {width} seconds"
    return [
        Event(_middle(log, second - first_second(log), width), kind, False, failed, text)
        for second, failed in sorted(by_second.items())
    ]


def _middle(log: LogSummary, second: int, width: int) -> float:
    """Where what was counted in so many seconds is drawn: in their middle, as far as the trace reaches."""
    end = (log.last_ts - log.start) / SECOND if log.last_ts is not None and log.start else second + width
    return (second + min(second + width, max(end, second))) / 2
