"""Whether a trace says what happened: the load's own statement and the kernel's counters against the records."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from analyzer.host import counters
from analyzer.host.records import records
from analyzer.host.sections import Sections
from analyzer.host.tally import Tally
from analyzer.measures import ALLOC, ZERO

EXACT, WRONG, NOT_ASKED, NOT_SEEN = "exact", "wrong", "not asked", "not seen"

_PAGER, _COPY, _REPLACE = 0x1, 0x4, 0x10
# What each fault that must fail comes to; before 12.2 what lies beyond a file's end has no result of its own.
_RESULTS = {"invalid": (1,), "protected": (2,), "beyond": (2, 5, 9)}
_ZEROED = ("zero-fill", "threads")
_HANDLERS = ("vm_fault", "vm_fault_hold")
_STEPS = {
    "pmap_zero_page": ZERO,
    "pmap_copy_page": _COPY,
    "vm_page_alloc": ALLOC,
    "vm_page_alloc_after": ALLOC,
    "vm_page_alloc_iter": ALLOC,
}
_SIGNS = {"rw-acquire": 1, "rw-release": -1}
# What can be asked of a script that records each step inside the faults of a target, beside no counter of the kernel.
OF_STEPS = {"faults", "results", "zero-fill", "copy", "path-alloc", "lock-balance"}


@dataclass(frozen=True)
class Answer:
    """One measure: how many were seen of how many that happened, or why not."""

    measure: str
    outcome: str
    seen: int | None = None
    happened: int | None = None
    reason: str = ""


@dataclass(frozen=True)
class _Fault:
    va: int
    pid: int
    rc: int
    path: int


@dataclass
class Trace:
    """What a log says, as far as a proof needs it.

    Attributes:
        faults: those recorded one by one.
        counted: faults by path and result, where the kernel counted them.
        results: faults by process name and result, where the kernel counted them.
        moves: pages moved, by function and whether inside a fault.
        forked: pages moved outside faults, by process and the two objects.
        witness: what the clauses that prove adds to the script counted, by probe.
        failed: failed faults as those clauses counted them, by process name, process and result.
    """

    faults: list[_Fault] = field(default_factory=list)
    counted: Counter[tuple[int, int]] = field(default_factory=Counter)
    results: Counter[tuple[str, int]] = field(default_factory=Counter)
    moves: Counter[tuple[str, bool]] = field(default_factory=Counter)
    forked: Counter[tuple[int, str, str]] = field(default_factory=Counter)
    alarms: Counter[str] = field(default_factory=Counter)
    unbalanced: int = 0
    tally: Tally = field(default_factory=Tally)
    witness: Counter[str] = field(default_factory=Counter)
    failed: Counter[tuple[str, int, int]] = field(default_factory=Counter)

    @property
    def recorded(self) -> int:
        return sum(self.counted.values()) or len(self.faults)

    def with_steps(self, wanted: int, without: int = 0) -> int:
        """Faults whose path has these bits and not those."""
        if self.counted:
            return sum(n for (path, _), n in self.counted.items() if path & wanted == wanted and not path & without)
        return sum(1 for fault in self.faults if fault.path & wanted == wanted and not fault.path & without)


def digest(data: bytes) -> Trace:
    """Read a whole log."""
    trace = Trace()
    trace.tally.lines(data)
    steps = []
    for tag, row in records(data):
        if tag == "F":
            trace.unbalanced += not _balanced(row)
            trace.alarms["lock-held"] += int(row.get("held", "0"), 16) != 0
            if tag not in trace.tally.selected:
                path = int(row["path"], 16)
                trace.faults.append(_Fault(int(row["va"], 16), int(row["pid"]), int(row["rc"]), path))
        elif tag == "M":
            inside = row["infault"] != "0"
            trace.moves[row["fn"], inside] += 1
            if not inside and row["fn"] == "rename":
                trace.forked[int(row["pid"]), row["src"], row["dst"]] += 1
        elif tag == "X":
            trace.alarms[row["kind"]] += 1
        elif tag in ("E", "R", "L"):
            steps.append((tag, row))
    _put_together(trace, sorted(steps, key=lambda step: int(step[1]["ts"])))
    for counted in Sections().rows(data):
        keys = counted.keys
        if counted.section == "latency":
            trace.counted[int(keys["path"]), int(keys["rc"])] += counted.value
        elif counted.section == "process":
            trace.results[keys["execname"], int(keys["rc"])] += counted.value
        elif counted.section == "moves":
            trace.moves[keys["fn"], keys["infault"] != "0"] += counted.value
        elif counted.section == "witness":
            trace.witness[keys["probe"]] += counted.value
        elif counted.section == "failed":
            trace.failed[keys["execname"], int(keys["pid"]), int(keys["rc"])] += counted.value
    return trace


def _put_together(trace: Trace, steps: list[tuple[str, dict[str, str]]]) -> None:
    """Faults from the steps of vmevents in order of time, thread by thread."""
    within: dict[str, list[int]] = {}  # address, process, path, sum of the locks
    for tag, row in steps:
        fault = within.get(row["tid"])
        if tag == "E" and row["fn"] in _HANDLERS:
            within[row["tid"]] = [int(row["a1"], 16), int(row["pid"]), 0, 0]
        elif fault is None:
            continue
        elif tag == "E":
            fault[2] |= _STEPS.get(row["fn"], 0)
        elif tag == "L":
            fault[3] += _SIGNS.get(row["op"], 0) * (int(row["lock"], 16) + 1)
            trace.witness[row["op"]] += 1
        elif row["fn"] in _HANDLERS:
            va, pid, path, locks = within.pop(row["tid"])
            trace.faults.append(_Fault(va, pid, int(row["rc"]) & 0xFFFFFFFF, path))
            trace.unbalanced += locks != 0


def _balanced(row: dict[str, str]) -> bool:
    if "locksum" in row:
        return int(row["locksum"], 16) == 0
    if "lockxor" in row:
        return row["acq"] == row["rel"] and int(row["lockxor"], 16) == 0
    return True


class Judge:
    """Holds one trace against what the load did and what the kernel counted meanwhile.

    Args:
        statement: what the load says (load.py).
        growth: of the kernel's counters inside the trace (counters.NAMES).
        cpus: of the box: so many faults may be under way when the trace ends.
    """

    def __init__(self, trace: Trace, statement: dict, growth: dict[str, int], cpus: int) -> None:
        self._trace, self._growth, self._cpus = trace, growth, cpus
        self._name = statement["name"]
        self._parts = statement["parts"]

    def answer(self, measure: str) -> Answer:
        return ASKED[measure](self, measure)

    def _held(self, measure: str, seen: int, least: int, most: int | None = None) -> Answer:
        """Exact where `seen` lies in what happened: at least this, at most that (`least`, where there is none)."""
        most = least if most is None else max(least, most)
        if least <= seen <= most:
            return Answer(measure, EXACT, seen, seen)
        return Answer(measure, WRONG, seen, least if seen < least else most)

    def _some(self, *names: str) -> list[dict]:
        return [part for part in self._parts if part["part"] in names]

    def _within(self, part: dict) -> list[_Fault]:
        pids = set(part["pids"])
        return [
            fault for fault in self._trace.faults if part["first"] <= fault.va < part["last"] and fault.pid in pids
        ]

    def _by_counter(self, measure: str, seen: int, *names: str) -> Answer:
        """Held against the growth of the first counter less that of the others.

        Tracing begins before the counters are read and ends after: so many more as there are faults more than the
        kernel counted in between may rightly be seen.
        """
        if counters.FAULTS not in self._growth or names[0] not in self._growth:
            return Answer(measure, NOT_ASKED, reason=f"{names[0]} could not be read")
        least = self._growth[names[0]] - sum(self._growth.get(name, 0) for name in names[1:])
        return self._held(measure, seen, least, least + self._trace.recorded - self._growth[counters.FAULTS])

    def _faults(self, measure: str) -> Answer:
        parts = [part for part in self._parts if part["faults"] and part["part"] != "page-in"]
        if self._trace.counted or not parts:
            return self._by_counter(measure, self._trace.recorded, counters.FAULTS)
        answers = [self._in_range(measure, part) for part in parts]
        if wrong := [answer for answer in answers if answer.outcome == WRONG]:
            return wrong[0]
        if self._trace.recorded < self._growth.get(counters.FAULTS, 0):
            return Answer(measure, WRONG, self._trace.recorded, self._growth[counters.FAULTS])
        seen = sum(answer.seen or 0 for answer in answers)
        return self._held(measure, seen, sum(answer.happened or 0 for answer in answers))

    def _in_range(self, measure: str, part: dict) -> Answer:
        return self._held(measure, len(self._within(part)), part["faults"], part["most"])

    def _results(self, measure: str) -> Answer:
        parts = self._some(*_RESULTS)
        if not parts:
            return Answer(measure, NOT_ASKED, reason="the load has no fault that must fail")
        if self._trace.counted:
            codes = {code for part in parts for code in _RESULTS[part["part"]]}
            seen = sum(self._trace.results[self._name, code] for code in codes) - self._elsewhere(parts, codes)
        else:
            seen = sum(fault.rc in _RESULTS[part["part"]] for part in parts for fault in self._within(part))
        return self._held(measure, seen, sum(part["faults"] for part in parts))

    def _elsewhere(self, parts: list[dict], codes: set[int]) -> int:
        """Faults that failed with such a result in other processes of the load's name.

        Where the linker starts a program faults fail too (8 of Python's on 13.2, KERN_PROTECTION_FAILURE).
        """
        pids = {pid for part in parts for pid in part["pids"]}
        return sum(
            count
            for (name, pid, code), count in self._trace.failed.items()
            if name == self._name and code in codes and pid not in pids
        )

    def _zero_fill(self, measure: str) -> Answer:
        parts = self._some(*_ZEROED)
        if self._trace.counted or not parts:
            # A page table is zeroed in a fault too: that fault allocates no page of its own, or copies into it.
            seen = self._trace.with_steps(ZERO | ALLOC, _COPY | _PAGER)
            return self._by_counter(measure, seen, counters.ZERO_FILLED, counters.ZERO_ALREADY)
        seen = sum(bool(fault.path & ZERO) for part in parts for fault in self._within(part))
        happened = sum(part["faults"] for part in parts)
        return self._held(measure, seen, happened - self._growth.get(counters.ZERO_ALREADY, 0), happened)

    def _copy(self, measure: str) -> Answer:
        parts = self._some("copy")
        if self._trace.counted or not parts:
            return self._by_counter(
                measure, self._trace.with_steps(_COPY), counters.COPIED_ON_WRITE, counters.MOVED_ON_WRITE
            )
        seen = sum(bool(fault.path & _COPY) for part in parts for fault in self._within(part))
        return self._held(measure, seen, sum(part["faults"] for part in parts))

    def _alloc(self, measure: str) -> Answer:
        parts = self._some(*_ZEROED, "copy")
        if self._trace.counted or not parts:
            seen = self._trace.with_steps(ALLOC)
            least = self._trace.with_steps(_COPY) + self._trace.with_steps(ZERO | ALLOC, _COPY | _PAGER)
            return Answer(measure, EXACT, seen, seen) if seen >= least > 0 else Answer(measure, WRONG, seen, least)
        seen = sum(bool(fault.path & ALLOC) for part in parts for fault in self._within(part))
        return self._held(measure, seen, sum(part["faults"] for part in parts))

    def _page_in(self, measure: str) -> Answer:
        parts = self._some("page-in")
        if self._trace.counted or not parts:
            answer = self._by_counter(measure, self._trace.with_steps(_PAGER), counters.WITH_INPUT)
            happened = self._growth.get(counters.WITH_INPUT, 0)
        else:
            happened = sum(part["faults"] for part in parts)
            seen = sum(bool(fault.path & _PAGER) for part in parts for fault in self._within(part))
            answer = self._held(measure, seen, happened)
        if not happened and answer.outcome == EXACT:
            return Answer(measure, NOT_ASKED, reason="no page had to be read: the file stayed in memory")
        return answer

    def _calls(self, measure: str) -> Answer:
        calls = self._trace.tally.handled
        return self._held(measure, self._trace.recorded, max(1, calls - self._cpus), calls)

    def _balance(self, measure: str) -> Answer:
        if not self._trace.witness["rw-acquire"] or not self._trace.witness["rw-release"]:
            return Answer(measure, NOT_ASKED, reason="no lock was seen to be taken and released inside a fault")
        return self._held(measure, self._trace.recorded - self._trace.unbalanced, self._trace.recorded)

    def _alarm(self, measure: str) -> Answer:
        told = self._trace.alarms[measure]
        reason = "told, and none should have happened" if told else "none should have happened, none was told"
        return Answer(measure, WRONG if told else EXACT, told, 0, reason)

    def _rename(self, measure: str) -> Answer:
        parts = self._some("fork")
        inside = self._trace.moves["rename", True]
        if inside and (answer := self._by_counter(measure, inside, counters.MOVED_ON_WRITE)).outcome == WRONG:
            return answer  # 10.x: a fault moves by rename
        if parts and self._trace.faults:
            pids = {pid for part in parts for pid in part["pids"]}
            groups = [count for (pid, _, _), count in self._trace.forked.items() if pid in pids]
            happened = sum(part["moves"] for part in parts)
            return self._held(measure, min(groups, key=lambda count: abs(count - happened), default=0), happened)
        entered = self._trace.witness["vm_page_rename"] + self._trace.witness["vm_page_iter_rename"]
        if not entered:
            return Answer(measure, NOT_ASKED, reason="no page was renamed meanwhile")
        return self._held(measure, self._trace.moves["rename", False] + inside, entered - self._cpus, entered)

    def _replace(self, measure: str) -> Answer:
        seen = self._trace.moves["replace", True]
        if seen != self._trace.with_steps(_REPLACE):
            return Answer(measure, WRONG, seen, self._trace.with_steps(_REPLACE))
        answer = self._by_counter(measure, seen, counters.MOVED_ON_WRITE)
        if not seen and answer.outcome == EXACT:
            return Answer(measure, NOT_ASKED, reason="no page moved in a fault this time")
        return answer

    def _inserts(self, measure: str) -> Answer:
        failed = self._growth.get(counters.NODES_FAILED)
        if not failed:
            return Answer(measure, NOT_ASKED, reason="no radix node was refused; see 'vmtrace failmod'")
        seen = self._trace.tally.count("A")
        if 0 < seen < failed and self._trace.witness["vm_page_iter_rename"]:
            # 15: amd64's pmap inserts into the same zone and has no probe for it (facts 13.2).
            return Answer(measure, NOT_ASKED, seen, failed, "the kernel's pmap asks the same zone for nodes")
        return self._held(measure, seen, failed)


ASKED: dict[str, Callable[[Judge, str], Answer]] = {
    "faults": Judge._faults,
    "calls": Judge._calls,
    "results": Judge._results,
    "zero-fill": Judge._zero_fill,
    "copy": Judge._copy,
    "page-in": Judge._page_in,
    "path-alloc": Judge._alloc,
    "lock-balance": Judge._balance,
    "lock-held": Judge._alarm,
    "double-free": Judge._alarm,
    "moves-rename": Judge._rename,
    "moves-replace": Judge._replace,
    "failed-inserts": Judge._inserts,
}
