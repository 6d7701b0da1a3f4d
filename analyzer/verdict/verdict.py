"""The verdict: each claim of verdict/claims.py answered once, and the answers as findings in order of severity."""

from dataclasses import dataclass, replace

from analyzer.analysis.coverage import is_complete
from analyzer.format import counted
from analyzer.summary import waiting
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary
from analyzer.verdict.claims import (
    CLAIMS,
    Claim,
    doubted,
    findings,
    kept_whole,
    why_not_clean,
    why_unseen,
    why_wrong,
)
from analyzer.verdict.d4326 import d4326, d4326_events
from analyzer.verdict.finding import Certainty, Finding, Severity, weight
from analyzer.verdict.scope import gap, scope


@dataclass(frozen=True)
class Answer:
    """What a trace says to one claim.

    Attributes:
        claim: its key.
        count: events that are as sure as `certainty` says; 0 where clean, None where not measured.
        reason: why it is not clean, or not proved; one sentence without its full stop, or "".
        findings: the events, each once.
        seen: whether the script, on its release, has an eye for such events at all.
    """

    claim: str
    certainty: Certainty
    severity: Severity
    count: int | None
    reason: str = ""
    findings: tuple[Finding, ...] = ()
    seen: bool = True


@dataclass(frozen=True)
class Verdict:
    """What may be concluded from one log.

    Attributes:
        answers: by claim key, in the order of CLAIMS.
        findings: what is shown, in order of severity; one event is one finding.
        scope: how much was recorded, what is missing, what is filtered: it stands beside every verdict.
    """

    answers: dict[str, Answer]
    findings: tuple[Finding, ...]
    scope: str


def judge(log: LogSummary) -> Verdict:
    """The verdict on one log.

    A filtered log is held against the whole one (LogSummary.whole): a filter takes records away, never truth.
    """
    return log.once(_judge)


def _judge(log: LogSummary) -> Verdict:
    whole = judge(log.whole) if log.whole is not None else None
    root = _d4326(log)
    marks = root.marks if root and root.certainty == "proved" else ()
    answers = {claim.key: _answer(claim, log, whole, marks) for claim in CLAIMS}
    shown = [*_waited_for(log, _events(log, answers, root)), *gap(log), *_clean(log, answers), *_not_measured(answers)]
    if whole is not None:
        shown += _outside(log, shown, whole)
    return Verdict(answers, tuple(sorted(shown, key=weight)), scope(log))


def together(verdicts: list[Verdict]) -> dict[str, Answer]:
    """One answer a claim of several logs: clean is what all of them are, proved what one of them shows."""
    return {claim.key: _joined([found.answers[claim.key] for found in verdicts]) for claim in CLAIMS}


def _joined(answers: list[Answer]) -> Answer:
    first = min(answers, key=lambda answer: _TOGETHER.index(answer.certainty))
    counts = [answer.count or 0 for answer in answers if answer.certainty == first.certainty]
    return replace(
        first,
        count=None if first.certainty == "not measured" else sum(counts),
        findings=tuple(finding for answer in answers for finding in answer.findings),
        seen=all(answer.seen for answer in answers),
    )


_TOGETHER = ("proved", "suspected", "not measured", "clean")


def _answer(claim: Claim, log: LogSummary, whole: Verdict | None, marks: tuple[Finding, ...]) -> Answer:
    found = findings(claim, log)
    if found:
        first = min(found, key=weight)
        proved = [finding for finding in found if finding.certainty == "proved"]
        # What is part of an event that is proved is proved with it.
        proved = proved or [mark for mark in marks if mark.kind == claim.key]
        doubt = "" if proved else _doubt(claim, found[0], log)
        certainty: Certainty = "suspected" if doubt else "proved"
        count, seen = sum(each.events for each in proved or found), not why_unseen(claim, log)
        return Answer(claim.key, certainty, first.severity, count, doubt, found, seen)
    reason = why_not_clean(claim, log if log.whole is None else log.whole) or _filtered(claim, log, whole)
    if reason:
        return Answer(claim.key, "not measured", "cannot tell", None, reason, seen=not why_unseen(claim, log))
    return Answer(claim.key, "clean", "ordinary", 0)


def _doubt(claim: Claim, finding: Finding, log: LogSummary) -> str:
    if wrong := why_wrong(claim, log):
        return wrong
    if not is_complete(log):
        return "the trace has gaps that can look like it"
    return finding.detail.partition(". ")[0].removesuffix(".")


def _filtered(claim: Claim, log: LogSummary, whole: Verdict | None) -> str:
    """Why none can be told to be in the filter, though none of its records is."""
    if whole is None:  # summaries of old did not keep what their filter left out
        return f"the rest of the log is not known, only {log.meta['filter']}" if log.meta.get("filter") else ""
    if whole.answers[claim.key].certainty == "clean" or kept_whole(claim, log).issuperset(log.meta["filtered_by"]):
        return ""
    return f"the filter ({log.meta['filter']}) does not tell which of its events are inside"


def _d4326(log: LogSummary) -> Finding | None:
    events = d4326_events(log)
    if not events:
        return None
    wrong = (why_wrong(claim, log) for claim in CLAIMS if claim.key in ("failed-move-in-fault", "double-free"))
    return doubted(d4326(log, events), next(filter(None, wrong), ""))


def _events(log: LogSummary, answers: dict[str, Answer], root: Finding | None) -> list[Finding]:
    """The findings of all claims, those of one event as one: `root` is the bug of review D4326."""
    if root is None:
        return _rooted([finding for answer in answers.values() for finding in answer.findings])
    mine = {id(row) for row in root.rows}
    tids = {row["tid"] for row in root.rows}

    def of_event(row: Row) -> bool:
        # The thread of an event does not come back: what its fault left open is the event's.
        return id(row) in mine or (row["tid"] in tids and row.get("returned") is None and "kind" in row)

    rest = [finding for claim in CLAIMS for finding in findings(claim, log, lambda row: not of_event(row))]
    return [root, *_rooted(rest)]


def _waited_for(log: LogSummary, findings: list[Finding]) -> list[Finding]:
    """The findings, the first one of a lock that stays held with who waits, if a list of threads stands beside."""
    first = next((finding for finding in findings if finding.kind in _LEFT_HELD and finding.rows), None)
    said = waiting.sentence(log.evidence.get("waiting", ()), first.rows[-1].get("pid")) if first else ""
    if first is None or not said:
        return findings
    told = replace(first, detail=f"{first.detail} {said}".strip())
    return [told if finding is first else finding for finding in findings]


_LEFT_HELD = ("d4326", "lock-held", "panic")


def _rooted(findings: list[Finding]) -> list[Finding]:
    """A move that failed outside of faults stands below the insert that made it fail."""
    roots = [finding for finding in findings if finding.kind == "failed-insert" and finding.certainty == "proved"]
    caused = tuple(finding for finding in findings if finding.kind == "failed-move")
    if not roots or not caused:
        return findings
    return [
        replace(finding, marks=caused) if finding is roots[0] else finding
        for finding in findings
        if finding not in caused
    ]


def _clean(log: LogSummary, answers: dict[str, Answer]) -> list[Finding]:
    """What was looked for, could be seen, and is not there."""
    absent = _spoken([key for key, answer in answers.items() if answer.certainty == "clean"])
    if not absent:
        return []
    listed = absent[0] if len(absent) == 1 else f"{', no '.join(absent[:-1])} and no {absent[-1]}"
    text = f"No {listed} in {counted(log.faults, 'fault')}."
    return [Finding("clean", "clean", "ordinary", text, f"{scope(log)}.")]


def _not_measured(answers: dict[str, Answer]) -> list[Finding]:
    by_reason: dict[str, list[str]] = {}
    for key, answer in answers.items():
        if answer.certainty == "not measured":
            by_reason.setdefault(answer.reason, []).append(key)
    spoken = {reason: _spoken(keys) for reason, keys in by_reason.items()}
    told = "; ".join(f"{', '.join(events)}: {reason}" for reason, events in spoken.items() if events)
    return [Finding("not-measured", "not measured", "cannot tell", f"Not measured: {told}.")] if told else []


def _spoken(keys: list[str]) -> list[str]:
    """The events of these claims in words; of page moves in faults and outside, both, without the place."""
    both = {"failed-move", "failed-move-in-fault"} <= set(keys)
    events = [(claim.key, claim.event) for claim in CLAIMS if claim.key in keys and claim.event]
    return [
        "failed page move" if both and key == "failed-move-in-fault" else event
        for key, event in events
        if not (both and key == "failed-move")
    ]


def _outside(log: LogSummary, inside: list[Finding], whole: Verdict) -> list[Finding]:
    """What the filter leaves out, in one line."""
    known: dict[str, int] = {}
    for finding in inside:
        known[finding.kind] = known.get(finding.kind, 0) + finding.events
    told = [finding for finding in whole.findings if finding.certainty in ("proved", "suspected")]
    left = []
    for finding in told:
        known[finding.kind] = known.get(finding.kind, 0) - finding.events
        if known[finding.kind] < 0:
            left.append(finding)
    if not left:
        return []
    return [
        Finding(
            "outside",
            left[0].certainty,
            left[0].severity,
            f"Outside your filter ({log.meta['filter']}): {counted(len(left), 'finding')}, the first: "
            f"{left[0].headline}",
            events=len(left),
        )
    ]
