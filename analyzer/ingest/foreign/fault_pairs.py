"""ktrace's fault records as faults: PFLT and PRET of one thread belong together."""

from itertools import pairwise

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import Notice

# sys/vm/vm.h; the last one has had several names.
PROTECTIONS = {
    "VM_PROT_NONE": 0x00,
    "VM_PROT_READ": 0x01,
    "VM_PROT_WRITE": 0x02,
    "VM_PROT_EXECUTE": 0x04,
    "VM_PROT_COPY": 0x08,
    "VM_PROT_PRIV_FLAG": 0x10,
    "VM_PROT_FAULT_LOOKUP": 0x10,
    "VM_PROT_QUICK_NOFAULT": 0x10,
}

TIMELINE = pa.schema(
    [
        ("line", pa.int64()),
        ("pid", pa.int64()),
        ("tid", pa.int64()),
        ("comm", pa.string()),
        ("ts", pa.int64()),
        ("type", pa.string()),
        ("body", pa.string()),
    ]
)


_EVENT = pa.schema(
    [
        *((name, TIMELINE.field(name).type) for name in ("ts", "pid", "tid", "comm", "line")),
        ("start", pa.bool_()),
        ("va", pa.uint64()),
        ("prot", pa.uint64()),
        ("rc", pa.int64()),
    ]
)
_OPEN = 1 << 16  # events of a process that no moment without a fault has parted: then the nearest are paired


class FaultPairs:
    """Pairs the PFLT and PRET rows of a timeline that comes in parts."""

    def __init__(self) -> None:
        self._open = _EVENT.empty_table()

    def take(
        self, timeline: pa.Table, va: pa.Array, prot: pa.Array, rc: pa.Array, last: bool
    ) -> tuple[dict[str, pa.Table], list[Notice]]:
        """F, PFLT and PRET from the next part of the timeline (schema TIMELINE) of a ktrace file.

        `va` and `prot` (uint64) belong to the part's PFLT rows in their order, `rc` (int64) to its PRET rows.
        F (ts, pid, tid, va, prot, rc, dur, execname, line) has one row per fault, in the order of their starts.
        A PFLT that no PRET of its thread follows stands in PFLT, a PRET without a PFLT in PRET, each with a Notice;
        what may still find its other half waits for the next part, unless this is the `last`.
        Where the tid is null, faults of one process are paired in order; a Notice counts those that ran at once.
        """
        events = pa.concat_tables([self._open, _events(timeline, va, prot, rc)]).combine_chunks()
        starting = events["start"].to_numpy()
        threads = events["tid"].null_count == 0
        group = events["tid" if threads else "pid"].to_numpy()
        order = np.argsort(group, kind="stable")
        starts, ends, shared, rest = _pairs(group[order], starting[order], threads, last)
        starts, ends = order[starts], order[ends]
        by_start = np.argsort(starts)
        starts, ends = starts[by_start], ends[by_start]
        alone = np.ones(len(events), bool)
        alone[starts] = alone[ends] = alone[order[rest]] = False
        self._open = events.take(pa.array(np.sort(order[rest])))

        faults, results = events.take(pa.array(starts)), events.take(pa.array(ends))
        faults = faults.set_column(faults.column_names.index("rc"), "rc", results["rc"])
        faults = faults.append_column("dur", pc.subtract(results["ts"], faults["ts"]))
        left, end = (events.filter(pa.array(alone & side)) for side in (starting, ~starting))
        tables = {
            "F": _named(faults).select(["ts", "pid", "tid", "va", "prot", "rc", "dur", "execname", "line"]),
            "PFLT": _named(left).select(["ts", "pid", "tid", "va", "prot", "execname", "line"]),
            "PRET": _named(end).select(["ts", "pid", "tid", "rc", "execname", "line"]),
        }
        notices = _notices(
            left, "unfinished-fault", "fault without an end: its thread never left the handler, or a record was lost"
        )
        notices += _notices(end, "end-without-fault", "end of a fault whose start is not in this file")
        if shared:
            text = "faults of one process ran at once: without thread numbers (kdump -H) they are paired in order"
            notices.append(Notice(int(faults["line"][0].as_py()), "ambiguous-pairs", shared, "", text))
        return tables, sorted(notices, key=lambda notice: notice.line)


def _events(timeline: pa.Table, va: pa.Array, prot: pa.Array, rc: pa.Array) -> pa.Table:
    """The starts and ends of faults in a timeline (schema _EVENT)."""
    rows = timeline.filter(pc.is_in(timeline["type"], pa.array(["PFLT", "PRET"])))
    start = pc.equal(rows["type"], "PFLT").combine_chunks()
    end = pc.invert(start)
    columns = {name: rows[name] for name in ("ts", "pid", "tid", "comm", "line")} | {"start": start}
    for name, mask, values in (("va", start, va), ("prot", start, prot), ("rc", end, rc)):
        values = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        columns[name] = pc.replace_with_mask(pa.nulls(len(rows), _EVENT.field(name).type), mask, values)
    return pa.table(columns, _EVENT)


def _pairs(
    group: np.ndarray, starting: np.ndarray, threads: bool, last: bool
) -> tuple[np.ndarray, np.ndarray, int, np.ndarray]:
    """Places of starts and of their ends in events sorted by group, how many pairs are in doubt, and what stays open.

    A thread has one fault at a time: an end belongs to the start just before it.  A process without thread numbers
    may have several: from where none runs to where none runs again, the n-th end is taken for the n-th start.
    """
    neighbours = np.flatnonzero(starting[:-1] & ~starting[1:] & (group[:-1] == group[1:]))
    none = np.empty(0, np.int64)
    if threads:
        final = np.flatnonzero(np.append(group[:-1] != group[1:], True) & starting) if len(group) else none
        return neighbours, neighbours + 1, 0, none if last else final
    starts, ends, rest, shared = [none], [none], [none], 0
    for low, high in _spans(group):
        depth = np.cumsum(np.where(starting[low:high], 1, -1))
        idle = np.flatnonzero(depth == 0) + 1
        whole = low + (idle[-1] if len(idle) and depth.min() >= 0 else 0)
        starts.append(low + np.flatnonzero(starting[low:whole]))
        ends.append(low + np.flatnonzero(~starting[low:whole]))
        sizes = np.diff(idle, prepend=0)
        shared += int(sizes[sizes > 2].sum() // 2) if whole > low else 0
        if not last and depth.min() >= 0 and high - whole < _OPEN:
            rest.append(np.arange(whole, high))
            continue
        near = neighbours[(neighbours >= whole) & (neighbours < high)]
        starts.append(near)
        ends.append(near + 1)
        if not last and starting[high - 1]:
            rest.append(np.array([high - 1]))
    return np.concatenate(starts), np.concatenate(ends), shared, np.concatenate(rest)


def _spans(group: np.ndarray) -> list[tuple[int, int]]:
    """Where each run of equal values begins and ends."""
    edges = np.flatnonzero(np.diff(group)) + 1
    limits = [0, *edges.tolist(), len(group)]
    return [(low, high) for low, high in pairwise(limits) if high > low]


def _named(events: pa.Table) -> pa.Table:
    """The events with `comm` under the name that faults have for it."""
    return events.rename_columns(["execname" if name == "comm" else name for name in events.column_names])


def _notices(table: pa.Table, kind: str, text: str) -> list[Notice]:
    notices = []
    for row in table.select(["line", "pid", "tid", "ts"]).to_pylist():
        where = f"pid {row['pid']}" if row["tid"] is None else f"tid {row['tid']}"
        notices.append(Notice(row["line"], kind, 1, where, text, row["ts"]))
    return notices
