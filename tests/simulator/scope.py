"""Which events of a kernel a claim about a trace may mean, by the trace's own narrowing and what the user asked for."""

from .cases import Case
from .dtrace import Program
from .recording import ALLOC, BUSY, COPY, PAGER, RENAME, REPLACE, WAIT, ZERO
from .world import SECOND, Event, Fault, Thread

_BITS = {
    "zero": ZERO, "copy": COPY, "rename": RENAME, "replace": REPLACE, "alloc": ALLOC, "busy": BUSY, "wait": WAIT,
}  # fmt: skip
_NAMES = {
    ZERO: "zero-fill", COPY: "copy", PAGER: "page-in", RENAME: "rename", REPLACE: "replace", ALLOC: "alloc",
    BUSY: "busy", WAIT: "wait",
}  # fmt: skip


def path_of(fault: Fault, program: Program) -> int:
    """The path bits that the script gives a fault, if it saw all of it."""
    first = program.edition == 1
    bits = sum(bit for step, bit in _BITS.items() if step in fault.steps)
    if ("asked pager" if first else "pager") in fault.steps:
        bits |= PAGER
    blind = first and program.osreldate >= 1500000
    if "page table" in fault.steps and program.name != "vmevents" and (blind or "alloc" in fault.steps):
        bits |= ZERO  # it cannot be told from zero-fill
    if blind:
        bits &= ~ALLOC
    if program.name == "vmagg":
        bits &= ~(BUSY | WAIT)
    return bits


def words(bits: int) -> set[str]:
    """The glossary's words for a path."""
    return {name for bit, name in _NAMES.items() if bits & bit} or {"soft"}


class Scope:
    """What of a kernel's truth a case's log and the user's question are about."""

    def __init__(self, case: Case) -> None:
        self._case, self._asked = case, case.asked
        self._begin, self._end = case.kernel.begin, case.kernel.end
        self._since = self._begin + int((case.asked.since or 0) * SECOND)
        until = case.asked.until
        self._until = self._end + SECOND if until is None else self._begin + int(until * SECOND)

    def surely(self, claim: str) -> list[Event]:
        """Events that whoever says "none" denies: traced from their beginning, in scope however it is read."""
        return [event for event in self._events(claim) if self._traced(event) and self._in(event, all)]

    def maybe(self, claim: str) -> list[Event]:
        """Events that whoever says "proved" can mean."""
        return [event for event in self._events(claim) if self._in(event, any)]

    def has_fault(self, fault: Fault) -> bool:
        """Whether a whole log has a record of the fault that the filter leaves."""
        asked = self._asked
        return (
            fault.end is not None
            and fault.end <= self._end
            and fault.start >= self._begin
            and self._case.program.narrowing.wants(fault.thread.process)
            and self._who(fault.thread)
            and (not asked.paths or bool(words(path_of(fault, self._case.program)).intersection(asked.paths)))
            and self._since <= fault.start < self._until
        )

    def _events(self, claim: str) -> list[Event]:
        return [
            event for event in self._case.kernel.events if event.claim == claim and self._begin <= event.ts <= self._end
        ]

    def _traced(self, event: Event) -> bool:
        program = self._case.program
        inside = event.fault is not None and event.fault.start >= self._begin
        wanted = program.narrowing.wants(event.thread.process)
        outside = event.fault is None and program.name != "vmevents" and not self._began_before(event)
        return wanted and (inside or outside)

    def _began_before(self, event: Event) -> bool:
        """Whether it is the end of a move that was under way when tracing began: that is printed by no script."""
        moves = (move for move in self._case.kernel.moves if move.start < self._begin <= move.end)
        return any((move.thread, move.end) == (event.thread, event.ts) for move in moves)

    def _in(self, event: Event, quantifier) -> bool:
        asked, fault = self._asked, event.fault
        times = [event.ts, *([fault.start, fault.end or event.ts] if fault else [])]
        readings = [self._since <= ts < self._until for ts in times]
        if asked.paths:
            paths = [words(path_of(fault, self._case.program)), _truly(fault)] if fault else [set()]
            readings += [bool(path.intersection(asked.paths)) for path in paths]
            readings += [quantifier is any] * (fault is None)
        return self._who(event.thread) and quantifier(readings)

    def _who(self, thread: Thread) -> bool:
        asked, process = self._asked, thread.process
        return (not asked.processes or process.execname in asked.processes) and (
            not asked.pids or process.pid in asked.pids
        )


def _truly(fault: Fault) -> set[str]:
    bits = sum(bit for step, bit in _BITS.items() if step in fault.steps) | PAGER * ("pager" in fault.steps)
    return words(bits)
