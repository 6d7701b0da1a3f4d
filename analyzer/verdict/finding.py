"""A finding: one statement, how sure it is, and what it rests on."""

from dataclasses import dataclass, field
from typing import Literal

from analyzer.analysis.coverage import may_have_lost_steps
from analyzer.analysis.statistics import wilson
from analyzer.format import interval, share
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary

Certainty = Literal["proved", "suspected", "not measured", "clean"]
# Kinds of findings that a healthy kernel has too.
ORDINARY = frozenset({"failed-move", "failed-insert", "freed-again", "failed-fault"})


@dataclass(frozen=True)
class Finding:
    """One statement.

    Attributes:
        kind: "d4326", "lock-held", "double-free", "panic", "never-returned", "failed-move-in-fault", "failed-move",
            "failed-insert", "freed-again", "failed-fault", "clean", "gap" or "not-measured".
        certainty: proved: the trace shows it and no gap can explain it; suspected: a gap could.
        headline: one sentence.
        detail, next_step: what it rests on, what to look at next; may be empty.
        rows: the evidence, first by time first.
    """

    kind: str
    certainty: Certainty
    headline: str
    detail: str = ""
    next_step: str = ""
    rows: tuple[Row, ...] = field(default=(), repr=False)


def sure(log: LogSummary) -> Certainty:
    """How sure a record of something bad is: a missing end cannot explain it, lost steps could."""
    return "suspected" if may_have_lost_steps(log) else "proved"


def where(row: Row) -> str:
    """Whose record it is."""
    thread = f"thread {row['tid']}" if "tid" in row else "a thread"
    return f"{thread} ({row['execname']}, pid {row['pid']})"


def rate(failed: int, of: int) -> str:
    """A rate with its interval."""
    return f"{share(failed / of)}, 95 % interval {interval(*wilson(failed, of))}" if of else "rate unknown"
