"""The story of one fault: its steps in order, the locks held at each, and its neighbours on the same objects.

All of it comes from a Trace, a whole log in memory.  A vmevents log has every step; of the others what they recorded
inside the fault is known: page moves, failed inserts, alarms.
"""

from dataclasses import dataclass, replace
from typing import Any

import pandas as pd

from analyzer.ingest.releases import OBJECT_LOCKS, handler
from analyzer.ingest.trace import Trace

NEIGHBOURS = 5  # before, and as many after
_OBJECTS = ("src", "dst", "object", "held", "lockxor", "lock")
_LOCKS_SEEN = 1100000  # from 11.0 on uncontended lock operations fire probes (docs/freebsd-vm-tracing.md, 5.4)


@dataclass(frozen=True)
class Step:
    """One record of the fault.

    Attributes:
        ts, line: ns; the line of the log.
        record: its columns.
        held: locks held after it, as (address, name, mode); None where that is not known.
    """

    ts: int
    line: int
    record: dict[str, Any]
    held: tuple[tuple[int, str, str], ...] | None = None


@dataclass(frozen=True)
class Story:
    """One fault.

    Attributes:
        tid, start, end: the thread; ns of entry and return, None where that was not recorded.
        fault: its F record, or the entry in a vmevents log; empty where it never returned.
        steps: in order of time.
        objects: VM objects that it touched.
        neighbours: records of others on the same objects, in order of time; `tag`, `line`, `ts` and their columns.
    """

    tid: int
    start: int | None
    end: int | None
    fault: dict[str, Any]
    steps: tuple[Step, ...]
    objects: tuple[int, ...] = ()
    neighbours: tuple[dict[str, Any], ...] = ()

    @property
    def begun(self) -> int:
        """ns of its entry, or of its first record where that was not recorded."""
        return self.start if self.start is not None else min((step.ts for step in self.steps), default=0)


def fault_story(trace: Trace, line: int) -> Story | None:
    """The fault that the record on that line of the log is of, or happened in; None where there is none."""
    records = _timed(trace)
    mine = records[records["line"] == line]
    if mine.empty:
        return None
    at = mine.iloc[0]
    thread = records[records["tid"] == at["tid"]]
    found = _stepwise(trace, thread, at) if "E" in trace.tables else _recorded(trace, thread, at)
    if found is None:
        return None
    story, lines = found
    named = [story.fault, *(step.record for step in story.steps)]
    objects = tuple(sorted({address for record in named if record for address in _objects(record)}))
    return replace(story, objects=objects, neighbours=_neighbours(trace, lines, objects, story))


def _timed(trace: Trace) -> pd.DataFrame:
    """tag, line, ts, end and tid of every record that has a thread."""
    parts = []
    for tag, table in trace.tables.items():
        if {"ts", "tid"} <= set(table):
            end = table["ts"] + table["dur"] if "dur" in table else table["ts"]
            parts.append(table[["line", "ts", "tid"]].assign(tag=tag, end=end))
    empty = pd.DataFrame(columns=["line", "ts", "tid", "tag", "end"])
    return pd.concat(parts or [empty], ignore_index=True).sort_values(["ts", "line"], ignore_index=True)


def _record(trace: Trace, tag: str, line: int) -> dict[str, Any]:
    table = trace.tables[tag]
    return {"tag": tag, **table[table["line"] == line].to_dict("records")[0]}


def _recorded(trace: Trace, thread: pd.DataFrame, at: pd.Series) -> tuple[Story, set[int]] | None:
    """From F, M, A and X records: the fault around `at`, or what its thread did after its last one."""
    faults = thread[thread["tag"] == "F"]
    around = faults[(faults["ts"] <= at["ts"]) & (faults["end"] >= at["ts"])]
    inside = thread[thread["tag"] != "F"]
    if len(around):
        fault = around.iloc[-1]
        record, start, end = _record(trace, "F", fault["line"]), int(fault["ts"]), int(fault["end"])
        inside = inside[(inside["ts"] >= start) & (inside["ts"] <= end)]
        lines = {int(fault["line"])}
    else:
        record, start, end, lines = {}, None, None, set()
        before, after = faults[faults["end"] < at["ts"]], faults[faults["ts"] > at["ts"]]
        inside = inside[(inside["ts"] > before["end"].max()) if len(before) else inside["ts"].notna()]
        inside = inside[(inside["ts"] < after["ts"].min()) if len(after) else inside["ts"].notna()]
        if not any(_record(trace, row.tag, row.line).get("infault", 1) for row in inside.itertuples()):
            return None
    steps = tuple(Step(int(r.ts), int(r.line), _record(trace, r.tag, r.line)) for r in inside.itertuples())
    return Story(int(at["tid"]), start, end, record, steps), lines | {step.line for step in steps}


def _stepwise(trace: Trace, thread: pd.DataFrame, at: pd.Series) -> tuple[Story, set[int]] | None:
    """From E, R and L records: what the thread did from the handler's entry to its return."""
    entered = trace.tables["E"]["fn"]
    own = handler(trace.meta.get("osreldate"))
    names = trace.tables["E"].set_index("line")["fn"]
    returned = trace.tables["R"].set_index("line")["fn"] if "R" in trace.tables else names.iloc[:0]
    if not (entered == own).any():
        return None
    entries = thread[(thread["tag"] == "E") & (thread["line"].map(names) == own)]
    begun = entries[entries["ts"] <= at["ts"]]
    if begun.empty:
        return None
    first = begun.iloc[-1]
    following = entries[entries["ts"] > first["ts"]]
    until = following["ts"].min() if len(following) else thread["ts"].max() + 1
    ends = thread[(thread["tag"] == "R") & (thread["line"].map(returned) == own)]
    ends = ends[(ends["ts"] >= first["ts"]) & (ends["ts"] < until)]
    end = int(ends["ts"].iloc[0]) if len(ends) else None
    inside = thread[(thread["ts"] >= first["ts"]) & (thread["ts"] <= (until - 1 if end is None else end))]
    if end is not None and at["ts"] > end:
        return None
    measured = (trace.meta.get("osreldate") or 0) >= _LOCKS_SEEN
    held: dict[int, tuple[str, str]] = {}
    steps = []
    for row in inside.itertuples():
        record = _record(trace, row.tag, row.line)
        if row.tag == "L":
            _hold(held, record)
        now = tuple((lock, *what) for lock, what in held.items()) if measured else None
        steps.append(Step(int(row.ts), int(row.line), record, now))
    fault = steps[0].record
    return Story(int(at["tid"]), steps[0].ts, end, fault, tuple(steps)), {step.line for step in steps}


def _hold(held: dict[int, tuple[str, str]], record: dict[str, Any]) -> None:
    """Follow one lock operation of vmevents."""
    lock, operation = int(record["lock"]), str(record["op"])
    if operation == "rw-release":
        held.pop(lock, None)
    elif operation in ("rw-acquire", "rw-upgrade", "rw-downgrade"):
        held[lock] = str(record["name"]), "read" if record["reader"] else "write"


def _objects(record: dict[str, Any]) -> list[int]:
    """The VM objects that a record names: an object's lock is its first member, so both have one address."""
    if record["tag"] == "L" and record.get("name") not in OBJECT_LOCKS:
        return []
    return [int(record[name]) for name in _OBJECTS if record.get(name)]


def _neighbours(trace: Trace, own: set[int], objects: tuple[int, ...], story: Story) -> tuple[dict[str, Any], ...]:
    """The nearest records on the same objects before the fault's first moment, and from then on."""
    lines = []
    for tag, table in trace.tables.items():
        columns = [name for name in _OBJECTS if name in table]
        if columns and {"ts", "tid"} <= set(table):
            touching = table[table[columns].isin(objects).any(axis=1) & ~table["line"].isin(list(own))]
            lines += [(int(row.ts), tag, int(row.line)) for row in touching.itertuples()]
    before = sorted(entry for entry in lines if entry[0] < story.begun)[-NEIGHBOURS:]
    after = sorted(entry for entry in lines if entry[0] >= story.begun)[:NEIGHBOURS]
    return tuple(_record(trace, tag, line) for _, tag, line in [*before, *after])
