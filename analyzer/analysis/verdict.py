"""The verdict: what the trace proves, what it suggests, what it cannot say; in order of weight."""

from dataclasses import dataclass, field
from typing import Literal

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import calls, coverage_counts, gaps, is_complete, may_have_lost_steps, never_returned
from analyzer.analysis.evidence import Row
from analyzer.analysis.failures import MOVES, fail_point, failure_rates, wilson
from analyzer.analysis.summary import LogSummary
from analyzer.format import address, count, counted, interval, share
from analyzer.ingest.releases import fault_function, handler, release

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


def verdict(log: LogSummary) -> list[Finding]:
    """The findings of one log, weightiest first; a trace that lost records opens with that."""
    moves = _failed_moves(log)
    serious = [
        *_d4326(log),
        *_locks(log),
        *_double_frees(log),
        *_never_returned(log),
        *_unfinished(log),
        *_panics(log),
        *(finding for finding in moves if finding.kind == "failed-move-in-fault"),
    ]
    ordinary = [
        *(finding for finding in moves if finding.kind == "failed-move"),
        *_failed_inserts(log),
        *_freed_again(log),
        *_failed_faults(log),
    ]
    findings = [*serious, *_clean(log, serious + ordinary), *ordinary]
    gap = _gap(log)
    return (
        [*gap, *findings, *_not_measured(log)] if may_have_lost_steps(log) else [*findings, *gap, *_not_measured(log)]
    )


def _sure(log: LogSummary) -> Certainty:
    """How sure a record of something bad is: a missing end cannot explain it, lost steps could."""
    return "suspected" if may_have_lost_steps(log) else "proved"


def _where(row: Row) -> str:
    thread = f"thread {row['tid']}" if "tid" in row else "a thread"
    return f"{thread} ({row['execname']}, pid {row['pid']})"


def _d4326(log: LogSummary) -> list[Finding]:
    """The bug of review D4326: rename fails in a fault, the page is freed twice, the object stays locked."""
    for move in imbalance.failed_moves_in_faults(log):
        after = [
            row
            for row in log.evidence.get("alarm", ())
            if row["tid"] == move["tid"] and row["ts"] >= move["ts"] and row["object"] == move.get("dst")
        ]
        kinds = {row["kind"]: row for row in reversed(after)}
        if {"double-free", "lock-held"} <= set(kinds):
            freed, held = kinds["double-free"], kinds["lock-held"]
            owner = f" (owner {address(held['owner'])})" if held.get("owner") else ""
            return [
                Finding(
                    "d4326",
                    _sure(log),
                    "This is the bug of review D4326: vm_page_rename failed inside "
                    f"{handler(log.meta.get('osreldate'))}, "
                    f"page {address(freed['page'])} was freed twice, and {_where(held)} still owns the write lock of "
                    f"object {address(held['object'])}{owner}.",
                    "The radix insert got no node (M_NOWAIT); the error path unlocks one object of two and frees the "
                    "page of the top object that it had freed before. FreeBSD 10.x has it; r291907 mended it, and "
                    "later vm_page_replace, which allocates nothing.",
                    "Look at unlock_and_deallocate after vm_page_rename in vm_fault_hold (sys/vm/vm_fault.c).",
                    (move, freed, held),
                )
            ]
    return []


def _locks(log: LogSummary) -> list[Finding]:
    found = []
    for group in imbalance.held_locks(log):
        row = group.first
        others = f" It happened {count(len(group.rows))} times." if len(group.rows) > 1 else ""
        found.append(
            Finding(
                "lock-held",
                _sure(log),
                f"The write lock of object {address(row['object'])} is still held by {_where(row)}"
                + (f", owner {address(row['owner'])}" if row.get("owner") else "")
                + f", after the code {group.label} let go of what it had.",
                f"The lock word was read on the spot: it names that thread.{others}",
                "Every thread that wants this object now waits for ever; look at the error path the stack names.",
                group.rows,
            )
        )
    for group in imbalance.leaks(log):
        found.append(_leak(log, group))
    return found


def _leak(log: LogSummary, group: imbalance.Group) -> Finding:
    row = group.first
    lock = row.get("held") or row.get("lockxor") or 0
    number = counted(len(group.rows), "fault")
    if "held" in row:
        what = f"returned with the write lock of object {address(lock)} held"
        detail = "The lock word of the fault's top object named the thread at the handler's return."
    else:
        what = f"acquired {row['acq']} locks and released {row['rel']}" + (
            f": lock {address(lock)} was left held" if row["acq"] > row["rel"] and lock else ""
        )
        detail = (
            f"lockxor is {address(lock)}, the lock's address, and the VM object's where it is an object lock. "
            f"Group: {group.label}; {number} of {count(imbalance.counted(log, 'balance asked'))}."
        )
    certainty = _sure(log) if lock else "suspected"  # the script's counters wrap at 1024; an address does not
    sites = [str(unpaired["site"]) for unpaired in row.get("unpaired", ())]
    next_step = (
        f"Look at {sites[0]}: this acquire has no release."
        if sites
        else f"Record {row['execname']} with the script vmevents: it names the code of the unpaired acquire."
    )
    return Finding("lock-held", certainty, f"A fault of {_where(row)} {what}.", detail, next_step, group.rows)


def _double_frees(log: LogSummary) -> list[Finding]:
    found = []
    for group in imbalance.double_frees(log):
        row = group.first
        page = f"page {address(row['page'])}" if row.get("page") else "one page"
        found.append(
            Finding(
                "double-free",
                _sure(log),
                f"{page[0].upper()}{page[1:]} was freed twice by {_where(row)}, {group.label}.",
                "It carried PG_FREE when vm_page_free_toq was called again."
                if "page" in row
                else "Two frees of the fault were of the same page, and nothing was allocated in between.",
                "A stock kernel panics here: 'vm_page_free: freeing free page'. Look at the callers in the stack.",
                group.rows,
            )
        )
    return found


def _never_returned(log: LogSummary) -> list[Finding]:
    missing = never_returned(log)
    rows = tuple(imbalance.unreturned(log))
    if may_have_lost_steps(log) or not (missing or rows):
        return []
    function = handler(log.meta.get("osreldate"))
    called, recorded = calls(log, function), log.count("F")
    threads = ", ".join(_where(row) for row in rows)
    known = f" One of them, at least, is of {threads}: what it did last is recorded, its return is not." if rows else ""
    certainty: Certainty = "proved" if rows and is_complete(log) else "suspected"
    more = "" if rows else " One a thread can simply have been running when tracing stopped."
    return [
        Finding(
            "never-returned",
            certainty,
            f"{counted(max(missing, len(rows)), 'fault')} entered {function} and never returned "
            f"({count(called or 0)} calls, {count(recorded)} records).",
            (known + more).strip(),
            "Threads that wait in a fault for a lock whose owner never lets go look like this; "
            "take 'procstat -kk -a' or 'ps -axHO wchan' on the box while it lasts.",
            rows,
        )
    ]


def _unfinished(log: LogSummary) -> list[Finding]:
    """Faults of a ktrace file that have a start and no end."""
    rows = log.evidence.get("unfinished", [])
    if not rows:
        return []
    return [
        Finding(
            "never-returned",
            "suspected",
            f"{counted(len(rows), 'fault')} began and did not end in this file, the first of {_where(rows[0])}.",
            "ktrace drops records when its pool is empty, and the last fault of a thread can have been running.",
            "If the thread is still there, 'procstat -kk' shows where it waits.",
            tuple(rows),
        )
    ]


_PANICS = {
    "double-free": "the second free of D4326: vm_page_free found the page on the free list",
    "lock-recursion": "D4326 on an INVARIANTS kernel: the error path locks the object that the thread has locked",
}


def _panics(log: LogSummary) -> list[Finding]:
    """What the kernel said on its console, and who waits for whom."""
    found = []
    for row in log.evidence.get("panic", ()):
        meaning = _PANICS.get(row["kind"])
        waiting, held = row["waiting"], row["held"]
        detail = []
        if waiting:
            names = ", ".join(sorted({str(thread["comm"]) for thread in waiting}))
            detail.append(
                f"{counted(len(waiting), 'thread')} ({names}) wait for the lock at {address(waiting[0]['wchan'])} "
                f"({waiting[0]['wmesg']})."
            )
        detail += [
            f"ddb shows {lock['name']} {address(lock['lock'])} held by thread {lock['tid']}, taken at {lock['site']}."
            for lock in held
        ]
        thread = f" of thread {row['tid']}" if "tid" in row else ""
        said = f"The console{thread} says '{row['text']}'"
        found.append(
            Finding(
                "panic",
                "proved" if meaning else "suspected",
                f"{said}: {meaning}." if meaning else f"{said}; that it comes from the fault path is not shown.",
                " ".join(detail),
                "Look at the backtrace on the console, and at the frame below panic().",
                (row,),
            )
        )
    return found


def _failed_moves(log: LogSummary) -> list[Finding]:
    moves = log.table("moves")
    failed = moves[moves["rc"] > 0]
    found = []
    for (function, infault), part in failed.groupby(["fn", "infault"], sort=False):
        same = moves[(moves["fn"] == function) & (moves["infault"] == infault) & (moves["rc"] >= 0)]
        number, of = int(part["moves"].sum()), int(same["moves"].sum())
        name = MOVES.get(function, function)
        place = {1: "inside faults", 0: "outside faults (fork's split, exit's collapse)"}.get(infault, "in all")
        rows = tuple(row for row in log.evidence.get("failed-move", ()) if row.get("infault", -1) == infault)
        found.append(
            Finding(
                "failed-move-in-fault" if infault == 1 else "failed-move",
                _sure(log),
                f"{name} failed {count(number)} of {counted(of, 'time')} {place} ({_rate(number, of)}).",
                "In a fault this is the copy-on-write optimisation; up to 10.x its error path is the bug of D4326."
                if infault == 1
                else "Here its callers wait for memory and try again: that is meant.",
                "",
                rows,
            )
        )
    return found


def _failed_inserts(log: LogSummary) -> list[Finding]:
    failures = log.table("failures")
    mine = failures[failures["fn"] == "vm_radix_insert"]
    failed, of = int(mine["failed"].sum()), calls(log, "vm_radix_insert")
    if not failed:
        return []
    inside = int(mine.loc[mine["infault"] == 1, "failed"].sum())
    point = fail_point(log)
    asked = f" The fail point {point[0]} asked for {share(point[1])} of the node allocations." if point else ""
    rate = f" of {counted(of, 'call')} ({_rate(failed, of)})" if of else ""
    known = mine["infault"].isin([0, 1]).all()
    return [
        Finding(
            "failed-insert",
            _sure(log),
            f"vm_radix_insert got no node {count(failed)} times{rate}"
            + (f", {count(inside)} of them inside a fault." if known else "."),
            f"Not every insert needs a new node.{asked}",
            "",
            tuple(log.evidence.get("failed-insert", ())),
        )
    ]


def _freed_again(log: LogSummary) -> list[Finding]:
    rows = imbalance.freed_again(log)
    if not rows:
        return []
    number = imbalance.counted(log, "freed again")
    return [
        Finding(
            "freed-again",
            "suspected",
            f"{counted(number, 'fault')} freed one page twice, but retried or failed an insert in between.",
            "Each failed insert gives back the page that was to be inserted, and the next allocation can return the "
            "same page: this is likely to be harmless.",
            "The script vmevents shows whether an allocation stands between the two frees.",
            tuple(rows),
        )
    ]


def _failed_faults(log: LogSummary) -> list[Finding]:
    function = fault_function(log.meta.get("osreldate"))
    rates = failure_rates(log)
    mine = rates[(rates["function"] == function) & (rates["failed"] > 0)]
    if mine.empty:
        return []
    results = ", ".join(f"{count(row.failed)} × {row.result}" for row in mine.itertuples())
    failed, of = int(mine["failed"].sum()), int(mine["of"].iloc[0])
    return [
        Finding(
            "failed-fault",
            _sure(log),
            f"{count(failed)} of {counted(of, 'fault')} failed: {results} ({_rate(failed, of)}).",
            "A process that touches what it may not gets these; alone they are no defect of the kernel.",
        )
    ]


def _clean(log: LogSummary, found: list[Finding]) -> list[Finding]:
    """What was looked for, could be seen, and is not there."""
    kinds = {finding.kind for finding in found}
    looked = [
        ("lock left held", imbalance.balance_is_measured(log) and "lock-held" not in kinds),
        ("page freed twice", imbalance.frees_are_measured(log) and "double-free" not in kinds),
        ("failed page move", bool(len(log.table("moves"))) and not kinds & {"failed-move", "failed-move-in-fault"}),
        ("failed radix insert", calls(log, "vm_radix_insert") is not None and "failed-insert" not in kinds),
    ]
    absent = [name for name, seen in looked if seen]
    if not absent or not is_complete(log):
        return []
    counts = coverage_counts(log)
    held_against = "; ".join(
        f"{count(row.recorded)} of {count(row.expected)} {row.measure}" for row in counts.itertuples()
    )
    return [
        Finding(
            "clean",
            "clean",
            f"No {_listed(absent)} in {counted(int(log.table('faults')['faults'].sum()), 'fault')}.",
            "The trace has no gap" + (f"; recorded against counted: {held_against}." if held_against else "."),
        )
    ]


def _gap(log: LogSummary) -> list[Finding]:
    lost = [str(gap) for gap in gaps(log)]
    if log.unread_count:
        lost.append(f"{counted(log.unread_count, 'line')} could not be read")
    if not lost:
        return []
    headline = (
        "This trace proves nothing: it lost records."
        if may_have_lost_steps(log)
        else "The trace is not whole: what it does not show may still have happened."
    )
    return [
        Finding(
            "gap",
            "not measured",
            headline,
            "; ".join(lost) + ".",
            "Record again with a larger bufsize or dynvarsize, a higher switchrate, or a narrower filter."
            if may_have_lost_steps(log)
            else "",
        )
    ]


def _not_measured(log: LogSummary) -> list[Finding]:
    reasons = []
    script, osreldate = log.meta.get("script"), log.meta.get("osreldate")
    source = script or log.meta.get("format", "this log")
    if source == "console":
        return []
    if not imbalance.balance_is_measured(log):
        reasons.append(
            f"lock balance: on {release(osreldate)} uncontended object locks fire no probe"
            if script == "vmevents"
            else f"lock balance: {source} does not record it"
        )
    elif osreldate is not None and osreldate < 1100000:
        reasons.append(
            f"locks other than the top object's: on {release(osreldate)} acquires and releases cannot be counted"
        )
    if not imbalance.frees_are_measured(log):
        reasons.append(f"double frees: {source} does not record them")
    if calls(log, handler(osreldate)) is None and script != "vmlocks":
        reasons.append(f"faults that never returned: {source} does not count calls")
    replaced, recorded = calls(log, "vm_page_replace"), log.table("moves")
    if replaced and not (recorded["fn"] == "replace").any():
        reasons.append(f"what vm_page_replace costs: {counted(replaced, 'call')}, but its return probe never fired")
    if not reasons:
        return []
    return [Finding("not-measured", "not measured", f"Not measured: {'; '.join(reasons)}.")]


def _rate(failed: int, of: int) -> str:
    return f"{share(failed / of)}, 95 % interval {interval(*wilson(failed, of))}" if of else "rate unknown"


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', no '.join(names[:-1])} and no {names[-1]}"
