"""What a healthy kernel does not do: locks left held, pages freed twice, faults that do not return, panics.

Each function finds the events of one claim (verdict/claims.py) among the rows that `keep` lets pass.
"""

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import calls, missing_returns
from analyzer.format import address, count, counted
from analyzer.ingest.releases import handler
from analyzer.summary import waiting
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding, Keep, every, sure, sure_of_steps, where


def locks(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Locks that were left held, and faults out of balance; both records of one fault are one event."""
    held = [_held(log, group) for group in imbalance.held_locks(log, keep)]
    alarms = imbalance.alarms(log, "lock-held")

    def untold(row: Row) -> bool:
        return keep(row) and not any(imbalance.within(alarm, row) for alarm in alarms)

    groups = imbalance.leaks(log, untold)
    more = imbalance.counted(log, "unbalanced") - len(log.evidence.get("imbalance", ()))  # evidence has the first only
    if not groups and more > 0 and imbalance.balance_is_measured(log):
        return [*held, _unbalanced_counts(log, more)]
    return held + [_leak(log, group, more if number == 0 else 0) for number, group in enumerate(groups)]


def _held(log: LogSummary, group: imbalance.Group) -> Finding:
    row = group.first
    owner = f", owner {address(row['owner'])}" if row.get("owner") else ""
    others = f" It happened {count(len(group.rows))} times." if len(group.rows) > 1 else ""
    return Finding(
        "lock-held",
        sure(log),
        "kernel bug",
        f"The write lock of object {address(row['object'])} is still held by {where(row)}{owner}, after the code "
        f"{group.label} let go of what it had.",
        f"The lock word was read on the spot: it names that thread.{others}",
        "Every thread that wants this object now waits for ever; look at the error path the stack names.",
        group.rows,
        len(group.rows),
    )


def _leak(log: LogSummary, group: imbalance.Group, more: int) -> Finding:
    row = group.first
    lock, delta = row["lock"], row["delta"]
    events = len(group.rows) + more
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
        else "The lock's address is the VM object's where it is an object lock."
    )
    asked = imbalance.counted(log, "balance asked")
    detail += f" Group: {group.label}; {counted(events, 'fault')} of {count(asked)}."
    sites = [str(unpaired["site"]) for unpaired in row.get("unpaired", ())]
    next_step = (
        f"Look at {sites[0]}: this acquire has no release."
        if sites
        else f"Record {row['execname']} with the script vmevents: it names the code of the unpaired acquire."
    )
    # A lock word is read on the spot.  A fault whose first steps were lost never looks like one lock too many.
    certainty = sure(log) if "held" in row else sure_of_steps(log)
    # Where vmevents was cut, the last steps on one CPU are there without those on another.
    if not log.ended and (row["lock"] is None or log.meta.get("script") == "vmevents"):
        certainty = "suspected"
    return Finding(
        "lock-held",
        certainty,
        "kernel bug",
        f"A fault of {where(row)} {what}.",
        detail,
        next_step,
        group.rows,
        events,
    )


def _unbalanced_counts(log: LogSummary, number: int) -> Finding:
    asked = imbalance.counted(log, "balance asked")
    return Finding(
        "lock-held",
        "suspected",
        "kernel bug",
        f"{counted(number, 'fault')} of {count(asked)} did not release as many locks as it acquired.",
        f"{log.meta.get('script', 'This log')} only counts them: neither the lock nor the fault is known.",
        "Record with vmfault: it names the lock and the thread.",
        events=number,
    )


def double_frees(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Pages that were free when they were freed; and, by the first edition's counts, what can look like it."""
    found = []
    for group in imbalance.double_frees(log, keep):
        row = group.first
        found.append(
            Finding(
                "double-free",
                sure(log),
                "kernel bug",
                f"Page {address(row['page'])} was freed twice by {where(row)}, {group.label}.",
                "The page was marked as free when vm_page_free_toq was called again.",
                "A stock kernel panics here: 'vm_page_free: freeing free page'. Look at the callers in the stack.",
                group.rows,
                len(group.rows),
            )
        )
    rows = tuple(row for row in imbalance.freed_again(log) if keep(row))
    if rows:
        number = max(len(rows), imbalance.counted(log, "freed twice") + imbalance.counted(log, "freed again"))
        found.append(
            Finding(
                "double-free",
                "suspected",
                "cannot tell",
                f"{counted(number, 'fault')} freed one page two times, and may have allocated it again in between.",
                "Frees are counted here, and not whether the page was free already. An insert that fails gives its "
                "page back, and the next allocation can return the same page: that is harmless.",
                "Record with the second edition of vmfault: it looks at the page.",
                rows,
                number,
            )
        )
    return found


def never_returned(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Faults that had entered the handler and not returned when tracing ended.

    Only a trace that ended on purpose can show it: in one that was cut, records and counts stop at different times.
    """
    if "unfinished" in log.evidence:
        return _unfinished(log, keep)
    if log.meta.get("format") in waiting.LISTS:
        return _waiting(log, keep)
    missing = missing_returns(log)
    rows = tuple(row for row in imbalance.unreturned(log) if keep(row))
    excluded = len(imbalance.unreturned(log)) - len(rows)
    if not missing or missing <= excluded:
        return []
    function = handler(log.meta.get("osreldate"))
    called, recorded = calls(log, function), log.faults
    threads = ", ".join(where(row) for row in rows)
    known = f"One of them, at least, is of {threads}: what it did last is recorded, its return is not. " if rows else ""
    return [
        Finding(
            "never-returned",
            sure(log),
            "needs a look",
            f"{counted(missing - excluded, 'fault')} entered {function} and had not returned when tracing ended "
            f"({counted(called or 0, 'call')}, {count(recorded)} recorded).",
            f"{known}A thread can have been in a fault just then.",
            "Threads that wait in a fault for a lock whose owner never lets go look like this; "
            "take 'procstat -kk -a' or 'ps -axHO wchan' on the box while it lasts.",
            rows,
            missing - excluded,
        )
    ]


def _waiting(log: LogSummary, keep: Keep) -> list[Finding]:
    """Threads that a list shows waiting for a lock inside the handler; the list does not say who holds it."""
    rows = tuple(row for row in log.evidence.get("waiting", ()) if keep(row) and row["inside"])
    return _perhaps_held_up(
        rows,
        waiting.sentence(rows),
        "A lock is waited for all the time; only one that is never let go makes this last. The list does not say "
        "who holds it.",
        "Take the list again: threads that still stand there wait for ever. A trace beside it names the lock.",
    )


def _unfinished(log: LogSummary, keep: Keep) -> list[Finding]:
    """Faults of a ktrace file that have a start and no end."""
    rows = tuple(row for row in log.evidence["unfinished"] if keep(row))
    first = f", the first of {where(rows[0])}" if rows else ""
    return _perhaps_held_up(
        rows,
        f"{counted(len(rows), 'fault')} began and did not end in this file{first}.",
        "ktrace drops records when its pool is empty, and the last fault of a thread can have been running.",
        "If the thread is still there, 'procstat -kk' shows where it waits.",
    )


def _perhaps_held_up(rows: tuple[Row, ...], headline: str, detail: str, next_step: str) -> list[Finding]:
    """One suspected finding of faults that have not returned; none of no rows."""
    if not rows:
        return []
    return [Finding("never-returned", "suspected", "needs a look", headline, detail, next_step, rows, len(rows))]


_PANICS = {
    "double-free": "the second free of D4326: vm_page_free found the page on the free list",
    "lock-recursion": "D4326 on an INVARIANTS kernel: the error path locks the object that the thread has locked",
}


def panics(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """What the kernel said on its console, and who waits for whom."""
    found = []
    for row in filter(keep, log.evidence.get("panic", ())):
        meaning = _PANICS.get(row["kind"])
        blocked, held = row["waiting"], row["held"]
        detail = []
        if blocked:
            names = ", ".join(sorted({str(thread["comm"]) for thread in blocked}))
            detail.append(
                f"{counted(len(blocked), 'thread')} ({names}) wait for the lock at {address(blocked[0]['wchan'])} "
                f"({blocked[0]['wmesg']})."
            )
        detail += [
            f"ddb shows {lock['name']} {address(lock['lock'])} held by thread {lock['tid']}, taken at {lock['site']}."
            for lock in held
        ]
        thread = f" of thread {row['tid']}" if "tid" in row else ""
        said = f"The console{thread} says '{row['text']}'"
        through = row.get("through") or ()
        if through:
            path = " ← ".join(through[through.index("panic") + 1 if "panic" in through else 0 :])
            detail.append(f"Its backtrace goes through the fault handler: {path}.")
        if "owner_tid" in row:
            owner = f"Thread {row['owner_tid']} (pid {row['owner_pid']})"
            said = f"{owner} sleeps with a lock held; {said[0].lower()}{said[1:]}"
        if through and not meaning:
            meaning = "it wanted that lock in a page fault" if "owner_tid" in row else "it happened in a page fault"
        found.append(
            Finding(
                "panic",
                "proved" if meaning else "suspected",
                "kernel bug",
                f"{said}: {meaning}." if meaning else f"{said}; that it comes from the fault path is not shown.",
                " ".join(detail),
                "Look at the backtrace on the console, and at the frame below panic().",
                (row,),
            )
        )
    return found
