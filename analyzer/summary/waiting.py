"""Threads that waited for a lock when somebody looked: evidence of kind "waiting", for the traces that stand beside it.

A row: line, ts (0), pid, tid, execname, `wants` ("a read/write lock", "a sleepable lock", "a lock" where only that is
known), `inside` (the fault handler that it waits in, "" where the list does not say), `log` (the file that shows it).
"""

from collections.abc import Iterable
from dataclasses import replace

import pyarrow as pa

from analyzer.ingest.foreign.handler_faults import HANDLERS
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary

LISTS = ("procstat", "ps")  # formats that show threads and nothing else
# What a thread calls to wait for a lock (sys/kern/kern_rwlock.c, kern_sx.c, kern_mutex.c, kern_rmlock.c).
_WANTS = {
    "__rw_": "a read/write lock",
    "_rw_": "a read/write lock",
    "_sx_": "a sleepable lock",
    "__mtx_": "a mutex",
    "_mtx_": "a mutex",
    "_rm_": "a read-mostly lock",
}
_BLOCKED = "L"  # ps's state of a thread that waits for a lock


def waiting_rows(waiters: pa.Table) -> list[Row]:
    """The rows of W (ingest/foreign/waiting.py) that wait for a lock."""
    found = []
    for row in waiters.to_pylist():
        functions = [frame.split("+")[0] for frame in (row["stack"] or "").split("\n")]
        wanted = (words for function in functions for call, words in _WANTS.items() if function.startswith(call))
        wanted = (words for function in functions for call, words in _WANTS.items() if function.startswith(call))
        wants = next(wanted, "")
        if not wants and (row["state"] or "").startswith(_BLOCKED):
            wants = "a lock"
        if wants:
            found.append(
                {
                    "line": row["line"],
                    "ts": 0,
                    "pid": row["pid"],
                    **({} if row["tid"] is None else {"tid": row["tid"]}),
                    "execname": row["comm"],
                    "wants": wants,
                    "inside": next((function for function in functions if function in HANDLERS), ""),
                    "stack": row["stack"] or "",
                    "before": [],
                }
            )
    return found


def beside(logs: list[LogSummary]) -> list[LogSummary]:
    """The logs, each trace with the waiting threads that the lists among them show."""
    rows = [
        row | {"log": log.meta["name"]}
        for log in logs
        if log.meta.get("format") in LISTS
        for row in log.evidence.get("waiting", ())
    ]
    if not rows:
        return logs
    return [
        log if log.meta.get("format") in LISTS else replace(log, evidence=log.evidence | {"waiting": rows})
        for log in logs
    ]


def grouped(rows: Iterable[Row]) -> dict[tuple[str, str], list[Row]]:
    """The threads by what they want and the handler that they wait in, each thread once."""
    rows = list(rows)
    inside = [row for row in rows if row["inside"]]
    groups: dict[tuple[str, str], list[Row]] = {}
    for row in {(row["pid"], row.get("tid")): row for row in [*rows, *inside]}.values():
        groups.setdefault((row["wants"], row["inside"]), []).append(row)
    return groups


def of_one_moment(rows: Iterable[Row], owner: object) -> bool:
    """Whether the lists can be of the trace's own time: the process that holds the lock stands in them."""
    return owner in {row["pid"] for row in rows}


def sentence(rows: Iterable[Row], owner: object = None) -> str:
    """Who waits, in one sentence; "" where nobody does.

    `owner` is the process that holds the lock: a list in which it does not stand may be of another moment.
    """
    rows = list(rows)
    if not rows:
        return ""
    parts = []
    for (wants, function), threads in grouped(rows).items():
        who = ", ".join(str(row["tid"]) for row in threads if "tid" in row)
        names = ", ".join(sorted({str(row["execname"]) for row in threads}))
        where = f" in {function}" if function else ""
        verb = "waits" if len(threads) == 1 else "wait"
        number = f"{len(threads)} thread{'' if len(threads) == 1 else 's'}"
        parts.append(f"{number} of {names}{f' ({who})' if who else ''} {verb} for {wants}{where}")
    lists = ", ".join(sorted({str(row["log"]) for row in rows if "log" in row}))
    known = owner is None or of_one_moment(rows, owner)
    doubt = "" if known else f"; nobody of pid {owner} is among them, so it may show another moment"
    return "; ".join(parts) + (f", as {lists} shows" if lists else "") + f"{doubt}."
