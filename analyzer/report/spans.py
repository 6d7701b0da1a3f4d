"""What threads did when, as nested spans: faults, functions, system calls, held locks."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from analyzer.ingest.releases import KERN_RESULTS


@dataclass
class Span:
    """One stretch of a thread's time, in ns; `end` equals `start` where only the moment is known.

    `ended` is False where the trace ends, or the caller returns, before the span's own end was seen.
    """

    pid: int
    tid: int
    name: str
    kind: str
    start: int
    end: int
    args: dict[str, Any] = field(default_factory=dict)
    ended: bool = True


def thread_spans(tables: dict[str, pa.Table]) -> dict[tuple[int, int], list[Span]]:
    """All spans but those of locks, by (pid, tid), nested: each lies inside the one before it or behind it."""
    spans = [*_faults(tables), *_moves(tables), *_functions(tables), *_calls(tables), *_moments(tables)]
    by_thread: dict[tuple[int, int], list[Span]] = {}
    for span in spans:
        by_thread.setdefault((span.pid, span.tid), []).append(span)
    return {thread: _nested(by_thread[thread]) for thread in sorted(by_thread)}


def lock_spans(tables: dict[str, pa.Table]) -> list[Span]:
    """How long each lock was held, from L: acquire to release by the same thread, in the order of acquires.

    A release without an acquire is of a lock taken before the trace began: it has no span.
    """
    rows = _rows(tables, "L", ("ts", "pid", "tid", "op", "lock", "reader", "name", "site"))
    last = max((row["ts"] for row in rows), default=0)
    held: dict[tuple[int, int], list[Span]] = {}
    spans = []
    for row in rows:
        stack = held.setdefault((row["tid"], row["lock"]), [])
        if row["op"].endswith("-acquire"):
            args = {"lock": hex(row["lock"]), "mode": "read" if row["reader"] else "write", "site": row["site"]}
            stack.append(Span(row["pid"], row["tid"], row["name"], "lock", row["ts"], last, args, ended=False))
            spans.append(stack[-1])
        elif row["op"].endswith("-release") and stack:
            span = stack.pop()
            span.end, span.ended = row["ts"], True
            span.args["released at"] = row["site"]
        elif stack:
            stack[-1].args[row["op"].partition("-")[2]] = row["ts"] - stack[-1].start
    return spans


def depths(spans: Iterable[Span]) -> list[int]:
    """How many spans each of the nested `spans` of one thread lies in."""
    found = []
    open_: list[Span] = []
    for span in spans:
        while open_ and open_[-1].end <= span.start:
            open_.pop()
        found.append(len(open_))
        open_.append(span)
    return found


def process_names(tables: dict[str, pa.Table]) -> dict[int, str]:
    """The first name of each process."""
    names: dict[int, str] = {}
    for tag in sorted(tables):
        for column in ("execname", "comm"):
            if {"pid", column} <= set(tables[tag].column_names):
                pairs = tables[tag].select(["pid", column]).group_by(["pid", column], use_threads=False).aggregate([])
                for row in pairs.to_pylist():
                    if row["pid"] is not None and row[column] is not None:
                        names.setdefault(row["pid"], row[column])
    return names


def _rows(tables: dict[str, pa.Table], tag: str, columns: tuple[str, ...]) -> list[dict]:
    """Rows of a table with a time, in its order; columns that the table has not are left out."""
    if tag not in tables or "ts" not in tables[tag].column_names:
        return []
    table = tables[tag].select([column for column in columns if column in tables[tag].column_names])
    rows = [row for row in table.to_pylist() if row["ts"] is not None]
    return sorted(rows, key=lambda row: row["ts"])


def _thread(row: dict) -> tuple[int, int]:
    """pid and tid; a process whose threads are not known is its own thread."""
    return row["pid"], row["pid"] if row.get("tid") is None else row["tid"]


def _result(code: int | None) -> str:
    if code is None:
        return "unknown"
    return KERN_RESULTS[code] if 0 <= code < len(KERN_RESULTS) else str(code)


def _faults(tables: dict[str, pa.Table]) -> Iterable[Span]:
    for row in _rows(tables, "F", ("ts", "pid", "tid", "va", "prot", "rc", "dur", "path")):
        args = {name: hex(row[name]) for name in ("va", "prot", "path") if row.get(name) is not None}
        end = row["ts"] + (row.get("dur") or 0)
        yield Span(*_thread(row), "fault", "fault", row["ts"], end, args | {"result": _result(row.get("rc"))})


def _moves(tables: dict[str, pa.Table]) -> Iterable[Span]:
    for row in _rows(tables, "M", ("ts", "pid", "tid", "fn", "page", "src", "dst", "rc", "dur", "infault")):
        args = {name: hex(row[name]) for name in ("page", "src", "dst") if row.get(name) is not None}
        end = row["ts"] + (row.get("dur") or 0)
        yield Span(*_thread(row), row["fn"], "page move", row["ts"], end, args | {"rc": row.get("rc")})


def _moments(tables: dict[str, pa.Table]) -> Iterable[Span]:
    """A, failed inserts, and X, what must not happen: moments with a stack."""
    for row in _rows(tables, "A", ("ts", "pid", "tid", "fn", "rc", "stack")):
        args = {"rc": row.get("rc"), "stack": frames_of(row.get("stack"))}
        yield Span(*_thread(row), f"insert failure in {row['fn']}", "moment", row["ts"], row["ts"], args)
    for row in _rows(tables, "X", ("ts", "pid", "tid", "kind", "object", "page", "owner", "stack")):
        args = {name: hex(row[name]) for name in ("object", "page", "owner") if row.get(name) is not None}
        args["stack"] = frames_of(row.get("stack"))
        yield Span(*_thread(row), row["kind"], "moment", row["ts"], row["ts"], args)


def _functions(tables: dict[str, pa.Table]) -> list[Span]:
    """Functions from E and R of one thread; a function whose return is never traced is a moment.

    A function entered again before its return was seen lost that return: none of the traced ones calls itself.
    """
    entries = _rows(tables, "E", ("ts", "pid", "tid", "fn", "a0", "a1", "a2", "a3"))
    returns = _rows(tables, "R", ("ts", "pid", "tid", "fn", "rc"))
    returning = {row["fn"] for row in returns}
    # At one moment a return stands before the entry that follows it.
    events = sorted([*((row, 1) for row in entries), *((row, 0) for row in returns)], key=lambda e: (e[0]["ts"], e[1]))
    stacks: dict[int, list[Span]] = {}
    spans = []
    for row, entering in events:
        stack = stacks.setdefault(row["tid"], [])
        found = _close(stack, row["fn"], row["ts"]) if row["fn"] in returning else None
        if not entering:
            if found is not None:
                found.ended = True
                found.args["result"] = row["rc"]
            continue
        args = {name: hex(row[name]) for name in ("a0", "a1", "a2", "a3") if row.get(name) is not None}
        span = Span(*_thread(row), row["fn"], "function", row["ts"], row["ts"], args)
        spans.append(span)
        if row["fn"] in returning:
            span.ended = False
            stack.append(span)
    last = events[-1][0]["ts"] if events else 0
    for span in (span for stack in stacks.values() for span in stack):
        span.end = last
    return spans


def _close(stack: list[Span], name: str, ts: int) -> Span | None:
    """Ends the innermost open span of that name and all inside it; None where none is open."""
    if not any(span.name == name for span in stack):
        return None
    while True:
        span = stack.pop()
        span.end = ts
        if span.name == name:
            return span


def _calls(tables: dict[str, pa.Table]) -> Iterable[Span]:
    """System calls from ktrace's timeline: CALL to the RET of the same thread."""
    open_: dict[int, Span] = {}
    for row in _rows(tables, "K", ("ts", "pid", "tid", "type", "body")):
        pid, tid = _thread(row)
        if row["type"] == "CALL":
            name = row["body"].partition("(")[0]
            open_[tid] = Span(pid, tid, name, "system call", row["ts"], row["ts"], {"call": row["body"]}, ended=False)
        elif row["type"] == "RET" and tid in open_:
            span = open_.pop(tid)
            span.end, span.ended = row["ts"], True
            span.args["return"] = row["body"].partition(" ")[2]
            yield span
    yield from open_.values()


def _nested(spans: list[Span]) -> list[Span]:
    """In order of their starts, the longer first, each cut where the one around it ends."""
    spans.sort(key=lambda span: (span.start, -span.end))
    open_: list[Span] = []
    for span in spans:
        while open_ and open_[-1].end <= span.start:
            open_.pop()
        if open_ and span.end > open_[-1].end:
            span.end = open_[-1].end
            span.ended = False
        open_.append(span)
    return spans


def frames_of(stack: str | list[str] | None) -> list[str]:
    """A stack's frames, innermost first; it may be text with newlines or a list."""
    if stack is None:
        return []
    return [frame for frame in (stack.split("\n") if isinstance(stack, str) else stack) if frame]
