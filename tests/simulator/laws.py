"""The laws: what a verdict on a log must not say, and must say, held against what happened."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from analyzer.errors import DataError
from analyzer.ingest.sources import Source
from analyzer.summary.filters import Filter
from analyzer.summary.logs import summarize_log
from analyzer.summary.pool import Pool
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.check import Checked, Rules, check
from analyzer.verdict.verdict import Verdict, judge

from .cases import Case
from .scope import Scope, path_of
from .world import Event

CLAIMS = (
    "lock-held", "double-free", "never-returned", "panic", "failed-move-in-fault", "failed-move", "failed-insert",
    "failed-fault",
)  # fmt: skip
CERTAINTIES = ("proved", "suspected", "not measured", "clean")


class Broken(NamedTuple):
    """A law that a verdict broke."""

    law: str
    claim: str
    text: str


class Judged(NamedTuple):
    """A case with what was said of it; `verdict` is None where the log was refused as empty."""

    case: Case
    verdict: Verdict | None
    broken: tuple[Broken, ...]


def judged(case: Case) -> Judged:
    """Read the log of a case as the commands do, and hold what is said of it against what happened."""
    scope = Scope(case)
    try:
        log = summarize_log(_Bytes(case.log), _filter(case), _HERE)
        verdict, checked = judge(log), _checked(log)
    except DataError as error:
        return Judged(case, None, tuple(_refused(case, scope, error)))
    except Exception as error:
        return Judged(case, None, (Broken("raised", type(error).__name__, str(error)),))
    broken = [
        *_answers(case, scope, verdict),
        *_contradictions(verdict),
        *_checks(scope, checked),
        *(_numbers(case, scope, log) if case.whole else ()),
    ]
    return Judged(case, verdict, tuple(broken))


# What is said


def _answers(case: Case, scope: Scope, verdict: Verdict) -> Iterator[Broken]:
    for claim in CLAIMS:
        answer = verdict.answers[claim]
        surely, maybe = scope.surely(claim), scope.maybe(claim)
        if answer.certainty == "clean":
            if surely:
                yield Broken("called clean", claim, f"it happened {len(surely)} times, the first at {surely[0].ts}")
            elif _blind(claim, case):
                yield Broken("called clean unseen", claim, "the script cannot see it on this release")
        elif answer.certainty == "proved" and answer.count > len(maybe):
            yield Broken("proved", claim, f"{answer.count} times; it happened {len(maybe)} times")
        shown = [event for event in surely if _shows(case, event)]
        if case.whole and not case.asked and shown:
            if answer.certainty != "proved":
                yield Broken("not proved", claim, f"{answer.certainty}: {answer.reason}")
            elif len(shown) == len(maybe) != answer.count:
                yield Broken("miscounted", claim, f"{answer.count} for {len(shown)}")
    d4326 = [finding for finding in verdict.findings if finding.kind == "d4326" and finding.certainty == "proved"]
    if d4326 and not ("d4326" in case.kernel.plan.bugs and scope.maybe("double-free")):
        yield Broken("proved", "d4326", d4326[0].headline)


def _contradictions(verdict: Verdict) -> Iterator[Broken]:
    """One answer a claim, in the words of the house, its count in step with it, and no finding that says otherwise."""
    if set(verdict.answers) != set(CLAIMS):
        yield Broken("contradicts", "", f"claims {sorted(set(verdict.answers) ^ set(CLAIMS))}")
    for claim, answer in verdict.answers.items():
        expected = {"clean": answer.count == 0, "not measured": answer.count is None}
        if answer.certainty not in CERTAINTIES or not expected.get(answer.certainty, (answer.count or 0) > 0):
            yield Broken("contradicts", claim, f"{answer.certainty} with a count of {answer.count}")
        told = [finding for finding in verdict.findings if finding.kind == claim and finding.certainty != "clean"]
        if answer.certainty in ("clean", "not measured") and (answer.findings or told):
            yield Broken("contradicts", claim, f"{answer.certainty}, but: {(told or answer.findings)[0].headline}")


def _checked(log: LogSummary) -> list[Checked]:
    """Every rule; none where there is nothing to ask."""
    try:
        return check(Summary([log]), _RULES, None).rules
    except DataError:
        return []


_RULES = Rules(max_failure_rate=dict.fromkeys(("vm_fault", "vm_page_rename", "vm_radix_insert"), 0.0))
_RULED = {
    "max-imbalance": ("lock-held",),
    "no double free": ("double-free",),
    "max-failure-rate vm_fault": ("failed-fault",),
    "max-failure-rate vm_page_rename": ("failed-move", "failed-move-in-fault"),
    "max-failure-rate vm_radix_insert": ("failed-insert",),
}


def _checks(scope: Scope, checked: list[Checked]) -> Iterator[Broken]:
    for rule in checked:
        claims = next(claims for name, claims in _RULED.items() if rule.rule.startswith(name))
        if rule.outcome == "kept" and any(scope.surely(claim) for claim in claims):
            yield Broken("check: kept", claims[0], rule.text)
        if rule.outcome == "broken" and not any(scope.maybe(claim) for claim in claims):
            yield Broken("check: broken", claims[0], rule.text)


def _refused(case: Case, scope: Scope, error: DataError) -> Iterator[Broken]:
    if case.whole and not case.asked and any(map(scope.has_fault, case.kernel.faults)):
        yield Broken("refused", "", str(error))


# What the scripts can show


def _blind(claim: str, case: Case) -> bool:
    """Whether the script has no eye for the claim on that release (docs/freebsd-vm-tracing.md, 5.4, 12, 13)."""
    name, edition, osreldate = case.program.name, case.program.edition, case.program.osreldate
    match claim:
        case "lock-held":
            return osreldate < 1100000 and name != "vmfault10"
        case "double-free":
            return name == "vmagg" or (name in ("vmfault", "vmwatch") and (edition == 1 or osreldate < 1300000))
        case "never-returned":
            return name == "vmagg"
        case "failed-insert":
            return edition == 1 and osreldate >= 1500000
        case "failed-move":
            return name == "vmevents"
    return False


def _shows(case: Case, event: Event) -> bool:
    """Whether a whole trace of that script shows the event beyond doubt."""
    name, edition = case.program.name, case.program.edition
    match event.claim:
        case "panic":
            return False
        case _ if _blind(event.claim, case):
            return False
        case "lock-held":
            # The first edition's counters must not have carried; vmagg has no addresses to know it by.
            within = event.fault.lookups < 16 or edition == 2 or name in ("vmfault10", "vmevents")
            return _seen(event, case) and name != "vmagg" and within
        case "double-free":
            return name != "vmevents" and case.kernel.plan.d4326 != "reallocated"
        case "never-returned":
            return name == "vmfault10" and any(
                other.claim == "lock-held" and other.fault is event.fault for other in case.kernel.events
            )
        case "failed-move" | "failed-move-in-fault" | "failed-insert":
            # vmagg does not say where a move was; vmevents makes faults of steps when they return.
            known = name != "vmagg" or event.claim == "failed-insert"
            return known and (name != "vmevents" or _seen(event, case)) and not _may_be_inside(event, case)
    return _seen(event, case)


def _seen(event: Event, case: Case) -> bool:
    """Whether its fault has a record, or an X record tells of it."""
    returned = event.fault.end is not None and event.fault.end <= case.kernel.end
    return returned or (case.program.name == "vmfault10" and event.claim != "failed-fault")


def _may_be_inside(event: Event, case: Case) -> bool:
    """Whether nothing in the log speaks against a move's thread having been in a fault since before tracing began."""
    if event.claim != "failed-move" or case.program.callers:
        return False
    returned = (
        fault.thread is event.thread and fault.start >= case.kernel.begin and (fault.end or case.kernel.end) < event.ts
        for fault in case.kernel.faults
    )
    return case.program.name == "vmwatch" or not any(returned)


# Numbers

_CARRIES = 60  # lookups: the first edition has six bits for them

def _numbers(case: Case, scope: Scope, log: LogSummary) -> Iterator[Broken]:
    """What a whole trace counts is what happened."""
    program, kernel = case.program, case.kernel
    faults = [fault for fault in kernel.faults if scope.has_fault(fault)]
    if case.asked.paths and any(fault.lookups >= _CARRIES for fault in kernel.faults):
        return  # the first edition's counters of retries run into the path, by which the filter chooses
    if not case.asked or (program.fields.get("F", "").startswith("ts:time\tcpu") and program.name != "vmwatch"):
        truth = Counter(fault.rc for fault in faults)
        yield from _equal("faults by result", _counted(log, "faults", "rc"), truth)
        if all(fault.lookups < _CARRIES for fault in faults) and program.name != "vmevents":
            truth = Counter(path_of(fault, program) for fault in faults)
            yield from _equal("faults by path", _counted(log, "faults", "path"), truth)
    if program.name in ("vmfault", "vmfault10") and not case.asked.paths:
        truth = Counter(fault.thread.process.execname for fault in faults)
        yield from _equal("faults by process", _counted(log, "faults", "execname"), truth)
    if case.asked or program.narrowing or program.name in ("vmagg", "vmevents"):
        return
    moves = Counter(
        (move.function, int(move.fault is not None and move.fault.start >= kernel.begin), move.rc)
        for move in kernel.moves
        if kernel.begin <= move.start and move.end <= kernel.end and _recorded(case, move.function)
    )
    yield from _equal("moves", _counted(log, "moves", "fn", "infault", "rc"), moves)
    function = kernel.release.handler
    calls = sum(kernel.begin <= fault.start <= kernel.end for fault in kernel.faults)
    counted = log.table("calls")
    yield from _equal("calls", Counter({function: counted.loc[counted["fn"] == function, "calls"].sum()}),
                      Counter({function: calls}))  # fmt: skip


def _recorded(case: Case, function: str) -> bool:
    """From 13.0 vm_page_replace does not return, and the first edition waits for that."""
    return function == "rename" or case.program.edition == 2 or case.kernel.release.replace_returns


def _counted(log: LogSummary, name: str, *keys: str) -> Counter:
    table = log.table(name)
    sums = {"faults": "faults", "moves": "moves"}[name]
    rows = zip(*(table[key] for key in keys), strict=True)
    found: Counter = Counter()
    for row, number in zip(rows, table[sums], strict=True):
        found[row if len(row) > 1 else row[0]] += int(number)
    return found


def _equal(what: str, said: Counter, truth: Counter) -> Iterator[Broken]:
    said, truth = +said, +truth
    if said != truth:
        yield Broken("number", what, f"{dict(said - truth)} too many, {dict(truth - said)} missing")


# Reading


class _Bytes(Source):
    """A log that is in memory."""

    def __init__(self, data: bytes) -> None:
        self.name, self.damage, self.total = "simulated", "", len(data)
        self._data, self._at, self.text_size = data, 0, 0

    @property
    def size(self) -> int:
        return len(self._data)

    @property
    def sha256(self) -> str:
        return ""

    def fill(self, buffer: memoryview) -> int:
        piece = self._data[self._at : self._at + len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)


class _Done(NamedTuple):
    value: LogSummary

    def result(self) -> LogSummary:
        return self.value


# Blocks are read where they are asked for: a log of the simulator is one block.
_HERE = Pool(lambda function, *arguments: _Done(function(*arguments)), 1)


def _filter(case: Case) -> Filter:
    asked = case.asked
    return Filter(asked.processes, asked.pids, asked.paths, asked.since, asked.until)
