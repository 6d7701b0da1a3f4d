"""The bug of review D4326 as one event: a rename fails in a fault, a page is freed twice, an object stays locked."""

from analyzer.analysis import imbalance
from analyzer.format import address, counted
from analyzer.ingest.releases import handler
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding, sure, where

_MENDED = 1100000  # r291907


def d4326_events(log: LogSummary) -> list[list[Row]]:
    """For each time it happened its records: the failed move, the double free, and the lock that stayed held.

    A stock kernel panics at the double free: its log is cut before the lock can be seen held.
    """
    if (log.meta.get("osreldate") or _MENDED) >= _MENDED:
        return []
    found = []
    alarms = log.evidence.get("alarm", ())
    for move in imbalance.failed_moves_in_faults(log):
        after = [row for row in alarms if row["tid"] == move["tid"] and _followed(move, row)]
        marks = {row["kind"]: row for row in reversed(after) if row["object"] == move.get("dst")}
        if "double-free" in marks and ("lock-held" in marks or _ends_there(log, marks["double-free"])):
            insert = [row for row in log.evidence.get("failed-insert", ()) if imbalance.within(row, move)]
            found.append([*insert, move, *(marks[kind] for kind in ("double-free", "lock-held") if kind in marks)])
    return found


def _followed(move: Row, alarm: Row) -> bool:
    """Whether the alarm came soon after the move, in the same fault.

    The mended handler does no harm when a rename fails; a later fault of that thread can have another bug.
    """
    faults = [old for old in alarm["before"] if old["tag"] == "F"]
    returned = any(fault["ts"] <= move["ts"] <= fault["ts"] + fault["dur"] for fault in faults)
    return not returned and any(old["line"] == move["line"] for old in alarm["before"])


def _ends_there(log: LogSummary, alarm: Row) -> bool:
    """Whether log and thread end with the alarm, as where the kernel panics at it."""
    return not log.ended and alarm.get("returned") is None


def d4326(log: LogSummary, events: list[list[Row]]) -> Finding:
    """All events as one finding, each record a mark below it."""
    rows = {_kind(row): row for row in events[0]}
    freed, held = rows["double-free"], rows.get("lock-held")
    if held:
        owner = f" (owner {address(held['owner'])})" if held.get("owner") else ""
        end = f"{where(held)} still owns the write lock of object {address(held['object'])}{owner}"
    else:
        end = f"the log of {where(freed)} ends there, as on a stock kernel, which panics"
    more = f" It happened {counted(len(events), 'time')}." if len(events) > 1 else ""
    return Finding(
        "d4326",
        sure(log),
        "kernel bug",
        f"This is the bug of review D4326: vm_page_rename failed inside {handler(log.meta.get('osreldate'))}, "
        f"page {address(freed['page'])} was freed twice, and {end}.{more}",
        "The radix insert got no node (M_NOWAIT); the error path unlocks one object of two and frees the page of the "
        "top object that it had freed before. FreeBSD 10.x has it; r291907 mended it, and later vm_page_replace, "
        "which allocates nothing.",
        "Look at unlock_and_deallocate after vm_page_rename in vm_fault_hold (sys/vm/vm_fault.c).",
        tuple(row for event in events for row in event),
        len(events),
        tuple(_mark(log, row) for event in events for row in event),
    )


_CLAIMS = {"insert": "failed-insert", "move": "failed-move-in-fault"}


def _kind(row: Row) -> str:
    return str(row.get("kind", "move" if "page" in row else "insert"))


def _mark(log: LogSummary, row: Row) -> Finding:
    kind = _kind(row)
    match kind:
        case "insert":
            text = f"{row['fn']} got no node in a fault of {where(row)}."
        case "move":
            text = f"vm_page_rename failed to move page {address(row['page'])} to object {address(row['dst'])}."
        case "double-free":
            text = f"Page {address(row['page'])} was free already when it was freed."
        case _:
            text = f"Thread {row['tid']} held the write lock of object {address(row['object'])} after its release."
    return Finding(_CLAIMS.get(kind, kind), sure(log), "kernel bug", text, rows=(row,))
