"""A finding: one statement, how bad it is, how sure it is, and what it rests on."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

from analyzer.analysis.coverage import may_have_lost_steps, may_have_lost_unsaid
from analyzer.analysis.statistics import wilson
from analyzer.format import interval, share
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary

Certainty = Literal["proved", "suspected", "not measured", "clean"]
Severity = Literal["kernel bug", "needs a look", "ordinary", "cannot tell"]
# In the order in which findings are shown.
SEVERITIES: tuple[Severity, ...] = ("kernel bug", "needs a look", "ordinary", "cannot tell")
CERTAINTIES: tuple[Certainty, ...] = ("clean", "proved", "suspected", "not measured")

# Which rows of evidence a finding may rest on.
Keep = Callable[[Row], bool]


def every(row: Row) -> bool:
    return True


@dataclass(frozen=True)
class Finding:
    """One statement.

    Attributes:
        kind: a claim's key (verdict/claims.py), or "d4326", "clean", "gap", "outside" or "not-measured".
        certainty: proved: the trace shows it and no gap can explain it; suspected: a gap could.
        severity: how bad it is, if it is so; ordinary: healthy kernels do it too.
        headline: one sentence.
        detail, next_step: what it rests on, what to look at next; may be empty.
        rows: the evidence, first by time first.
        events: how often it happened; rows may be fewer.
        marks: what is the same event, or followed from it.
    """

    kind: str
    certainty: Certainty
    severity: Severity
    headline: str
    detail: str = ""
    next_step: str = ""
    rows: tuple[Row, ...] = field(default=(), repr=False)
    events: int = 1
    marks: tuple["Finding", ...] = ()


def label(severity: Severity, certainty: Certainty) -> str:
    """Both as every form shows them: "kernel bug, proved"; "clean" and "not measured" may stand alone."""
    alone = certainty == "clean" or (severity, certainty) == ("cannot tell", "not measured")
    return certainty if alone else f"{severity}, {certainty}"


def weight(finding: Finding) -> tuple[int, int]:
    """The order in which findings are shown: how bad, then how sure."""
    return SEVERITIES.index(finding.severity), CERTAINTIES.index(finding.certainty)


def sure(log: LogSummary) -> Certainty:
    """How sure a record of something bad is: a missing end cannot explain it, lost steps could."""
    return "suspected" if may_have_lost_steps(log) else "proved"


def sure_of_steps(log: LogSummary) -> Certainty:
    """How sure something is that rests on every step of a fault being seen, not on one record."""
    return "suspected" if may_have_lost_unsaid(log) else sure(log)


def where(row: Row) -> str:
    """Whose record it is."""
    thread = f"thread {row['tid']}" if "tid" in row else "a thread"
    return f"{thread} ({row['execname']}, pid {row['pid']})"


def rate(failed: int, of: int) -> str:
    """A rate with its interval."""
    return f"{share(failed / of)}, 95 % interval {interval(*wilson(failed, of))}" if of else "rate unknown"
