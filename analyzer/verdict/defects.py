"""Findings that a healthy kernel does not have: locks left held, pages freed twice, faults that never returned."""

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import calls, is_complete, may_have_lost_steps
from analyzer.analysis.coverage import never_returned as count_never_returned
from analyzer.format import address, count, counted
from analyzer.ingest.releases import handler
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Certainty, Finding, sure, where


def d4326(log: LogSummary) -> list[Finding]:
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
                    sure(log),
                    "This is the bug of review D4326: vm_page_rename failed inside "
                    f"{handler(log.meta.get('osreldate'))}, "
                    f"page {address(freed['page'])} was freed twice, and {where(held)} still owns the write lock of "
                    f"object {address(held['object'])}{owner}.",
                    "The radix insert got no node (M_NOWAIT); the error path unlocks one object of two and frees the "
                    "page of the top object that it had freed before. FreeBSD 10.x has it; r291907 mended it, and "
                    "later vm_page_replace, which allocates nothing.",
                    "Look at unlock_and_deallocate after vm_page_rename in vm_fault_hold (sys/vm/vm_fault.c).",
                    (move, freed, held),
                )
            ]
    return []


def locks(log: LogSummary) -> list[Finding]:
    found = []
    for group in imbalance.held_locks(log):
        row = group.first
        others = f" It happened {count(len(group.rows))} times." if len(group.rows) > 1 else ""
        found.append(
            Finding(
                "lock-held",
                sure(log),
                f"The write lock of object {address(row['object'])} is still held by {where(row)}"
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
    lock, delta = row["lock"], row["delta"]
    if lock:
        what = f"returned with the write lock of object {address(lock)} held" if "held" in row else (
            f"left lock {address(lock)} held"
        )
    else:
        what = f"acquired {abs(delta)} locks {'more' if delta > 0 else 'fewer'} than it released" if delta else (
            "released other locks than it acquired"
        )
    detail = (
        "The lock word of the fault's top object named the thread at the handler's return."
        if "held" in row
        else "The lock's address is the VM object's where it is an object lock. "
        f"Group: {group.label}; {counted(len(group.rows), 'fault')} of "
        f"{count(imbalance.counted(log, 'balance asked'))}."
    )
    sites = [str(unpaired["site"]) for unpaired in row.get("unpaired", ())]
    next_step = (
        f"Look at {sites[0]}: this acquire has no release."
        if sites
        else f"Record {row['execname']} with the script vmevents: it names the code of the unpaired acquire."
    )
    return Finding("lock-held", sure(log), f"A fault of {where(row)} {what}.", detail, next_step, group.rows)


def double_frees(log: LogSummary) -> list[Finding]:
    found = []
    for group in imbalance.double_frees(log):
        row = group.first
        page = f"page {address(row['page'])}" if row.get("page") else "one page"
        found.append(
            Finding(
                "double-free",
                sure(log),
                f"{page[0].upper()}{page[1:]} was freed twice by {where(row)}, {group.label}.",
                "It carried PG_FREE when vm_page_free_toq was called again."
                if "page" in row
                else "Two frees of the fault were of the same page, and nothing was allocated in between.",
                "A stock kernel panics here: 'vm_page_free: freeing free page'. Look at the callers in the stack.",
                group.rows,
            )
        )
    return found


def never_returned(log: LogSummary) -> list[Finding]:
    missing = count_never_returned(log)
    rows = tuple(imbalance.unreturned(log))
    if may_have_lost_steps(log) or not (missing or rows):
        return []
    function = handler(log.meta.get("osreldate"))
    called, recorded = calls(log, function), log.count("F")
    threads = ", ".join(where(row) for row in rows)
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


def unfinished(log: LogSummary) -> list[Finding]:
    """Faults of a ktrace file that have a start and no end."""
    rows = log.evidence.get("unfinished", [])
    if not rows:
        return []
    return [
        Finding(
            "never-returned",
            "suspected",
            f"{counted(len(rows), 'fault')} began and did not end in this file, the first of {where(rows[0])}.",
            "ktrace drops records when its pool is empty, and the last fault of a thread can have been running.",
            "If the thread is still there, 'procstat -kk' shows where it waits.",
            tuple(rows),
        )
    ]


_PANICS = {
    "double-free": "the second free of D4326: vm_page_free found the page on the free list",
    "lock-recursion": "D4326 on an INVARIANTS kernel: the error path locks the object that the thread has locked",
}


def panics(log: LogSummary) -> list[Finding]:
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
