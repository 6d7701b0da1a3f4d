"""The law: what may be concluded from a trace, claim by claim.

A claim is answered once.  Where its events are found they are proved, or suspected where a gap could explain them.
Where none is found, that none happened ("clean") is a claim like any other: it is given only where nothing in
`why_not_clean` speaks against it.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

from analyzer import measures
from analyzer.analysis import imbalance, seen
from analyzer.analysis.coverage import calls, gaps, missing_faults, missing_returns, move_function
from analyzer.format import count, counted
from analyzer.ingest.releases import NOT_RECORDED, handler
from analyzer.summary.summary import LogSummary
from analyzer.verdict import defects, handled
from analyzer.verdict.finding import Finding, Keep, every

# Scripts that tell of events in another way than by records of their own.
_WITHOUT_RECORDS = ("vmagg", "vmevents", "vmwatch")


@dataclass(frozen=True)
class Claim:
    """One question to a trace.

    Attributes:
        key: its name in Verdict.answers.
        event: what "no …" says in a clean answer; "" where that goes without saying.
        find: the events, as findings of their own.
        measures: analyzer/measures.py; one of them must be seen.
        tag: the records that tell of the events; "" where other things do.
        counts: what else speaks against "none": each gives a sentence, or "".
        inside: whether such events are inside of faults alone.
        exact: filters that leave all records of such an event together, so that "none in the filter" can be said.
    """

    key: str
    event: str
    find: Callable[[LogSummary, Keep], list[Finding]]
    measures: tuple[str, ...]
    tag: str
    counts: tuple[Callable[[LogSummary], str], ...] = ()
    inside: bool = True
    exact: frozenset[str] = frozenset({"process", "pid"})


def _unrecorded_faults(log: LogSummary) -> str:
    missing = missing_faults(log)
    if not missing:
        return ""
    recorded, expected, by = missing
    return f"{count(expected - recorded)} of {counted(expected, 'fault')} ({by}) left no record"


def _cut_faults(log: LogSummary) -> str:
    cut = imbalance.counted(log, "cut faults")
    return f"of {counted(cut, 'fault')} the beginning or the end is not recorded" if cut else ""


def _out_of_range(log: LogSummary) -> str:
    over = imbalance.counted(log, "out of range")
    return f"the counters of {counted(over, 'fault')} ran out of their range" if over else ""


def _unrecorded_moves(log: LogSummary) -> str:
    rename = move_function(log, "rename")
    called, moves = calls(log, rename), log.sums("moves", "moves", "fn", "rc")
    recorded = sum(number for (function, _), number in moves.items() if function == "rename")
    open_ended = sum(number for (function, rc), number in moves.items() if function == "rename" and rc < 0)
    if open_ended:
        return f"of {counted(open_ended, 'move')} the result is not recorded"
    if called is not None and called > recorded:
        return f"{counted(recorded, 'move')} are recorded of {counted(called, 'call')} of {rename}"
    return "" if recorded else "no page was renamed in this trace"


def _unplaced_moves(log: LogSummary) -> str:
    moves = log.sums("moves", "moves", "infault", "rc")
    unplaced = sum(number for (infault, rc), number in moves.items() if infault < 0 and rc > 0)
    if unplaced:
        return f"{counted(unplaced, 'move')} failed, and the script does not say where"
    first = imbalance.unplaced_moves(log, log.evidence.get("failed-move", ()))
    return f"{counted(first, 'failed move')} can have been in a fault that began before tracing" if first else ""


def _open_returns(log: LogSummary) -> str:
    """What keeps "every fault returned" from being said, though no return is known to be missing."""
    function = handler(log.meta.get("osreldate"))
    called = calls(log, function)
    if called is None:
        return "calls were not counted"
    if called < log.faults:
        return f"{count(log.faults)} faults are recorded and {counted(called, 'call')} counted: nothing follows"
    rows = imbalance.unreturned(log)
    if rows and not missing_returns(log):
        return f"what thread {rows[0]['tid']} did in a fault is recorded, its return is not"
    return ""


def _without_end(log: LogSummary) -> str:
    return "" if log.ended else "the log has no end, and a panic ends a log"


def _taken_pages(log: LogSummary) -> str:
    """On 10.x another CPU can take the page of a failed rename between its two frees: then no mark of a free page."""
    moved = imbalance.failed_moves_in_faults(log)
    held = imbalance.alarms(log, "lock-held") or log.evidence.get("imbalance") or imbalance.unreturned(log)
    if moved and held and handled.renames_in_faults(log):
        return "after a rename that failed in a fault another CPU can have taken the page before it was freed again"
    return ""


_ALL = frozenset({"process", "pid", "path", "time"})
CLAIMS = (
    Claim("lock-held", "lock left held", defects.locks, ("lock-held", "lock-balance"), "F",
          (_out_of_range, _cut_faults, _unrecorded_faults)),
    Claim("double-free", "page freed twice", defects.double_frees, ("double-free",), "X", (_taken_pages,)),
    Claim("never-returned", "fault without a return", defects.never_returned, ("calls",), "F", (_open_returns,),
          exact=frozenset()),
    Claim("failed-move-in-fault", "failed page move in a fault", handled.failed_moves_in_faults,
          ("moves-rename",), "M", (_unrecorded_moves, _unplaced_moves, _cut_faults)),
    Claim("failed-move", "failed page move outside of faults", handled.failed_moves_outside,
          ("moves-rename",), "M", (_unrecorded_moves,), inside=False),
    Claim("failed-insert", "failed radix insert", handled.failed_inserts, ("failed-inserts",), "A", inside=False),
    Claim("failed-fault", "failed fault", handled.failed_faults, ("results",), "F", (_cut_faults, _unrecorded_faults),
          exact=_ALL),
    Claim("panic", "", defects.panics, (), "", (_without_end,), inside=False, exact=_ALL),
)  # fmt: skip


def why_not_clean(claim: Claim, log: LogSummary) -> str:
    """Why a log in which no event of the claim was found does not show that there was none; "" where it does.

    Args:
        log: not filtered: what a filter takes away is not known to be absent.
    """
    lost = "; ".join([str(gap).partition(":")[0] for gap in gaps(log)] + _unread(log))
    checks = (
        why_unseen(claim, log),
        why_wrong(claim, log),
        f"the trace has gaps: {lost}" if lost else "",
        "no fault is recorded from its beginning to its end" if claim.tag and not log.faults else "",
        *(speaks_against(log) for speaks_against in claim.counts),
    )
    return next((reason for reason in checks if reason), "")


def why_unseen(claim: Claim, log: LogSummary) -> str:
    """Why this script, of this edition, on this release, has no eye for the claim; "" where it has."""
    if "format" in log.meta:
        tells = {"failed-fault": _has_results(log), "panic": log.meta["format"] == "console"}
        return "" if tells.get(claim.key) else f"{log.meta['format']} does not tell"
    if not claim.measures:
        return ""
    if claim.key == "lock-held" and log.has("F", measures.UNASKED):
        return "it was not asked (collect --no-locks)"
    script = log.meta.get("script")
    if script == "vmevents" and not claim.inside:
        return "vmevents looks inside faults only"
    unseen = seen.why_unseen(log, *claim.measures)
    if unseen or script in _WITHOUT_RECORDS or claim.tag in log.meta.get("fields", {}):
        return unseen
    return f"the log has no {claim.tag} records"


def _has_results(log: LogSummary) -> bool:
    """Whether faults were recorded with their results: dtrace -F shows that the handler returned, not what."""
    return log.faults > 0 and NOT_RECORDED not in log.sums("faults", "faults", "rc")


def why_wrong(claim: Claim, log: LogSummary) -> str:
    """Why records of the claim are not to be believed: a measure was proved wrong on this kernel; "" otherwise."""
    told = log.meta.get("host.proved")
    return next(filter(None, (measures.why_wrong(measure, told) for measure in claim.measures)), "")


def findings(claim: Claim, log: LogSummary, keep: Keep = every) -> tuple[Finding, ...]:
    """The events of a claim as findings of their own, none proved by what is not to be believed."""
    return tuple(doubted(finding, why_wrong(claim, log)) for finding in claim.find(log, keep))


def doubted(finding: Finding, reason: str) -> Finding:
    """The finding, suspected at most where there is a reason against it."""
    if not reason or finding.certainty != "proved":
        return finding
    return replace(finding, certainty="suspected", detail=f"{finding.detail} {reason}.".strip())


def kept_whole(claim: Claim, log: LogSummary) -> frozenset[str]:
    """Filters by which the log tells all events of the claim apart.

    Counts belong to no process; the steps of vmevents have no path, and only the entries name their process.
    """
    script = log.meta.get("script")
    if script == "vmevents":
        return claim.exact - {"process", "path"}
    recorded = claim.tag in log.meta.get("fields", {}) and claim.key != "failed-fault"
    return claim.exact if script not in ("vmagg", "vmwatch") or recorded or not claim.tag else frozenset()


def _unread(log: LogSummary) -> list[str]:
    return [f"{counted(log.unread_count, 'line')} could not be read"] if log.unread_count else []
