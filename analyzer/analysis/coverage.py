"""Coverage: records against what the kernel counted itself, and the gaps that dtrace admits."""

import math
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.analysis.seen import why_unseen
from analyzer.errors import DataError
from analyzer.ingest.releases import ITER_RENAME, handler, path_steps
from analyzer.summary.reduce import SECOND
from analyzer.summary.reduce_watch import COARSE
from analyzer.summary.summary import LogSummary

# Kinds of notices that are gaps, and what each puts in doubt.
GAPS = {
    "drop": "records of that CPU are missing, and faults cut by the drop can look out of balance",
    "dynamic-variable-drop": "faults have no record, and state of a thread can be stale",
    "aggregation-drop": "counts of calls are too low",
    "speculation-drop": "speculative records are missing",
    "error": "a clause of the script was abandoned",
    "failed": "dtrace could not do what it was told",
    "unknown": "a message of dtrace that vmtrace does not know",
    "string-overflow": "stacks of processes are missing",
    "aborted": "the kernel stopped tracing: what came after is missing",
    "cut": "a piece of the file is missing",
    "unpaired": "entries and returns of the handler without their other half: those faults are left out",
    "end-without-fault": "a result stands without its fault, which is left out",
    "as-json": "a script of vmtrace printed JSON: its records stand as values only",
    "no-trailer": "the end of the trace is missing",
}
_INSERTS = frozenset({"vm_page_insert", "vm_page_iter_insert", "vm_page_iter_rename"})
_GROWN = "vm.stats.vm."  # counters of the kernel
PAGE_INS = f"{_GROWN}v_io_faults"
UNFILTERED = "what was counted in the kernel, in sections, is of the whole trace and no filter cuts it"
LOSSY = frozenset({"drop", "dynamic-variable-drop", "error", "speculation-drop"})


@dataclass(frozen=True)
class Gap:
    """Losses of one kind at one place.

    Attributes:
        kind, where: of the notices.
        count: how many things were lost in all; 1 where it is not a count.
        after_ts: ns, the last record before the first message; None where none is.
    """

    kind: str
    where: str
    count: int
    after_ts: int | None

    def __str__(self) -> str:
        place = f" on {self.where}" if self.where and self.kind != "error" else ""
        number = f"{self.count:,} " if self.kind.endswith("drop") else ""
        name = self.kind.replace("-", " ") + ("s" if number and self.count != 1 else "")
        return f"{number}{name}{place}: {GAPS[self.kind]}"


def gaps(log: LogSummary) -> list[Gap]:
    """What is missing from the trace; a line that could not be read is a gap too, told by `unread_count`."""
    found: dict[tuple[str, str], Gap] = {}
    for notice in log.notices:
        if notice.kind in GAPS:
            key = (notice.kind, notice.where)
            before = found.get(key, Gap(notice.kind, notice.where, 0, notice.after_ts))
            found[key] = Gap(notice.kind, notice.where, before.count + notice.count, before.after_ts)
    return list(found.values())


def require_records(log: LogSummary) -> None:
    """Raise DataError where the log has nothing to judge: no fault, no step, no aggregation.

    A probe that never fired must not look like a clean bill.
    """
    if log.rows("faults") or log.rows("aggregations") or log.evidence or log.count("LS"):
        return
    name = log.meta["name"]
    if log.meta.get("filter"):
        why = f"; {UNFILTERED}" if counts_in_sections(log) else ""
        raise DataError(f"{name}: no fault record matches the filter ({log.meta['filter']}){why}")
    if log.unread_count:
        raise DataError(
            f"{name}: has no fault record that can be read; {log.unread_count:,} lines are refused, "
            f"the first is line {log.unread[0].line}: expected {log.unread[0].expected}"
        )
    if "format" in log.meta:
        raise DataError(f"{name}: says nothing of the fault path; vmtrace inspect shows what it holds")
    raise DataError(f"{name}: has no fault record; did the script's probes fire, and did anything run?")


def is_complete(log: LogSummary) -> bool:
    """No gap: what the trace does not show did not happen (to what the script can see)."""
    return not gaps(log) and not log.unread_count


def may_have_lost_steps(log: LogSummary) -> bool:
    """A gap that can make a balanced fault look unbalanced; a missing end cannot."""
    return any(gap.kind in LOSSY for gap in gaps(log))


# Records that a buffer of a megabyte holds: no CPU has a smaller one unless dtrace says so.
_BUFFERFUL = 4000


def may_have_lost_unsaid(log: LogSummary) -> bool:
    """Whether dtrace can have skipped clauses without a word in this log.

    It says drops up to a second late, or behind the trace where its two streams were joined: a log without its end has
    not the last word.  One so short that no buffer was ever full lost nothing.
    """
    # The counters stand behind all that dtrace said.
    uncounted = "counter.before" in log.meta and "counter.after" not in log.meta
    if "script" not in log.meta or (log.ended and not uncounted):
        return False
    sizes = [notice.text for notice in log.notices if notice.kind == "buffer-lowered"]
    small = any(not size.endswith(("m", "g", "t")) for size in sizes)
    return small or log.sum("records", "records") >= _BUFFERFUL


def calls(log: LogSummary, function: str) -> int | None:
    """How often the script counted that function's entry; None where it did not count."""
    return log.sums("calls", "calls", "fn").get(function)


def insert_functions(log: LogSummary) -> tuple[str, ...]:
    """Those whose failures are the failed radix inserts.

    From 15 on the insert is inlined: the three functions that insert are traced, by the first edition of the scripts
    the allocation of the node (docs/freebsd-vm-tracing.md, 13.2).
    """
    called, failed = log.sums("calls", "calls", "fn").keys(), log.sums("failures", "failed", "fn").keys()
    # Calls of what renames are counted by every edition; the second alone says that its insert failed.
    if {"vm_page_insert", "vm_page_iter_insert"} & called or _INSERTS & failed:
        return tuple(sorted(_INSERTS & (called | failed)))
    return ("vm_radix_node_alloc",) if "vm_radix_node_alloc" in called | failed else ("vm_radix_insert",)


def failed_inserts(log: LogSummary) -> dict[tuple[str, int, int], int]:
    """Failed radix inserts by function, result and whether inside a fault (1, 0, or -1: not recorded)."""
    functions = insert_functions(log)
    counted = log.sums("failures", "failed", "fn", "rc", "infault")
    return {key: failed for key, failed in counted.items() if key[0] in functions}


def insert_calls(log: LogSummary) -> int | None:
    """Counted calls of the functions that insert; None where none was counted."""
    counted = [called for function in insert_functions(log) if (called := calls(log, function)) is not None]
    return sum(counted) if counted else None


def move_function(log: LogSummary, move: str) -> str:
    """The function of a page move, "rename" or "replace": from 15 on it is vm_page_iter_rename that renames."""
    if move == "rename" and (log.meta.get("osreldate") or 0) >= ITER_RENAME:
        return "vm_page_iter_rename"
    return f"vm_page_{move}"


def growth(log: LogSummary, counter: str) -> int | None:
    """By how much a counter of the kernel grew while tracing ran; None where the log has not both readings."""
    before, after = (log.meta.get(f"counter.{when}", {}).get(counter) for when in ("before", "after"))
    return None if before is None or after is None else after - before


def is_narrowed(log: LogSummary) -> bool:
    """Whether the script itself traced some processes only, so that counters of the whole machine are no measure."""
    return log.meta.get("script") == "vmevents" or "host.filter" in log.meta


class Counted(NamedTuple):
    """What was recorded beside what was counted; `gap` says what dtrace lost."""

    measure: str
    recorded: int
    expected: int
    gap: str


def counts(log: LogSummary) -> list[Counted]:
    """What was recorded beside what was counted.

    A complete trace has all calls, and at least what a counter grew by: it is read while tracing runs.  What the script
    cannot see on this release has no row: nothing is missing there.
    Empty for a filtered log, whose records the kernel did not count apart; the same holds for the counters of the
    whole machine where the script itself traced some processes only.
    """
    return log.once(_counts)


def _counts(log: LogSummary) -> list[Counted]:
    if log.meta.get("filter"):
        return []
    narrowed = is_narrowed(log)
    bits = log.meta.get("bits", {}).get("path")
    by_path, moves = log.sums("faults", "faults", "path"), log.sums("moves", "moves", "fn")

    def took(*steps: str) -> int:
        return sum(n for path, n in by_path.items() if set(path_steps(path, bits)).intersection(steps))

    function = handler(log.meta.get("osreldate"))
    inserts = sum(failed_inserts(log).values())
    rename = move_function(log, "rename")
    # Each with the measure that the script must be able to see for it.
    rows = [
        ("faults", f"faults: calls of {function}", log.faults, calls(log, function)),
        ("faults", f"faults: {_GROWN}v_vm_faults", log.faults, growth(log, f"{_GROWN}v_vm_faults")),
        ("moves-rename", f"page moves: calls of {rename}", moves.get("rename", 0), calls(log, rename)),
        (
            "moves-replace",
            "page moves: calls of vm_page_replace",
            moves.get("replace", 0),
            calls(log, "vm_page_replace"),
        ),
        (
            "faults",
            f"moves in faults: {_GROWN}v_cow_optim",
            took("rename", "replace"),
            growth(log, f"{_GROWN}v_cow_optim"),
        ),
        (
            "copy",
            f"copies and moves: {_GROWN}v_cow_faults",
            took("copy", "rename", "replace"),
            growth(log, f"{_GROWN}v_cow_faults"),
        ),
        ("page-in", f"page-ins: {PAGE_INS}", took("page-in"), growth(log, PAGE_INS)),
        ("failed-inserts", "insert failures: RADIX NODE fails", inserts, growth(log, "vm.uma.RADIX_NODE.stats.fails")),
    ]
    lost = "; ".join(str(gap).partition(":")[0] for gap in gaps(log))
    asked = log.count("F") or log.count("E") or log.rows("faults")
    return [
        Counted(name, n, int(expected), lost)
        for measure, name, n, expected in rows
        if expected and asked and not (narrowed and ": vm." in name) and not why_unseen(log, measure)
    ]


class CoveredSecond(NamedTuple):
    """Faults recorded and calls of the handler counted in a second since the trace began."""

    second: int
    recorded: int
    called: int


def coverage_seconds(log: LogSummary) -> list[CoveredSecond]:
    """Second by second; empty without counts of calls."""
    function, first = handler(log.meta.get("osreldate")), first_second(log)
    by_second = log.sums("calls", "calls", "second", "fn")
    called = {second: n for (second, name), n in by_second.items() if name == function and second >= 0}
    recorded = log.sums("seconds", "faults", "second")
    if not called or not recorded:
        return []
    seconds = sorted(called.keys() | recorded.keys())
    return [CoveredSecond(second - first, recorded.get(second, 0), called.get(second, 0)) for second in seconds]


def first_second(log: LogSummary) -> int:
    """The value of `second` columns that stands for the beginning: 0, but on the clock of the wall for several logs."""
    return min(log.sums("seconds", "faults", "second"), default=0) if log.start == 0 else 0


def missing_returns(log: LogSummary) -> int | None:
    """Handler calls without a record when tracing ended; None where that cannot be told.

    Calls must have been counted, in a trace that ended on purpose and lost nothing: in one that was cut, the counts of
    the last second are missing, or run ahead of the records.
    """
    called = calls(log, handler(log.meta.get("osreldate")))
    if called is None or not is_complete(log) or called < log.faults:
        return None
    return called - log.faults


def missing_faults(log: LogSummary) -> tuple[int, int, str] | None:
    """Recorded faults, the larger number that an independent count gives, and what counted it; None where none does."""
    short = [row for row in counts(log) if row.measure.startswith("faults: ") and row.recorded < row.expected]
    if not short:
        return None
    worst = max(short, key=lambda row: row.expected)
    return worst.recorded, worst.expected, worst.measure.removeprefix("faults: ")


def counts_in_sections(log: LogSummary) -> bool:
    """Whether faults were counted in the kernel, and records are a selection (vmwatch)."""
    return "F" in log.meta.get("select", {})


def step(log: LogSummary) -> int:
    """For how many seconds a row of the table `seconds` stands, from its `second` on; a trace may be shorter."""
    if not counts_in_sections(log):
        return 1
    return COARSE if log.last_ts is None else min(COARSE, max(1, math.ceil((log.last_ts - log.start) / SECOND)))
