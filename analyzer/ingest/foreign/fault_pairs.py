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


def fault_tables(
    timeline: pa.Table, va: pa.Array, prot: pa.Array, rc: pa.Array
) -> tuple[dict[str, pa.Table], list[Notice]]:
    """F, PFLT and PRET from the whole `timeline` (schema TIMELINE) of a ktrace file.

    `va` and `prot` (uint64) belong to the PFLT rows of the timeline in their order, `rc` (int64) to its PRET rows.
    F (ts, pid, tid, va, prot, rc, dur, execname, line) has one row per fault, in the order of their starts.
    A PFLT that no PRET of its thread follows stands in PFLT, a PRET without a PFLT in PRET, each with a Notice.
    Where the tid is null, faults of one process are paired in order; a Notice counts those that ran at once.
    """
    types = timeline["type"]
    places = np.flatnonzero(pc.is_in(types, pa.array(["PFLT", "PRET"])).to_numpy())
    starting = pc.equal(types.take(pa.array(places)), "PFLT").to_numpy()
    threads = timeline["tid"].null_count == 0
    group = timeline["tid" if threads else "pid"].to_numpy()[places]
    order = np.argsort(group, kind="stable")
    pairs, shared = _pairs(group[order], starting[order], threads)
    starts, ends = order[pairs[0]], order[pairs[1]]
    by_start = np.argsort(starts)
    starts, ends = starts[by_start], ends[by_start]
    rank = np.where(starting, np.cumsum(starting), np.cumsum(~starting)) - 1

    unpaired = np.ones(len(places), bool)
    unpaired[starts] = unpaired[ends] = False
    open_starts, open_ends = np.flatnonzero(unpaired & starting), np.flatnonzero(unpaired & ~starting)

    first = _side(timeline, places[starts])
    faults = first.append_column("va", va.take(pa.array(rank[starts])))
    faults = faults.append_column("prot", prot.take(pa.array(rank[starts])))
    faults = faults.append_column("rc", rc.take(pa.array(rank[ends])))
    last_ts = timeline["ts"].take(pa.array(places[ends]))
    faults = faults.append_column("dur", pc.subtract(last_ts, first["ts"]))
    left = _side(timeline, places[open_starts]).append_column("va", va.take(pa.array(rank[open_starts])))
    left = left.append_column("prot", prot.take(pa.array(rank[open_starts])))
    alone = _side(timeline, places[open_ends]).append_column("rc", rc.take(pa.array(rank[open_ends])))

    tables = {
        "F": faults.select(["ts", "pid", "tid", "va", "prot", "rc", "dur", "execname", "line"]),
        "PFLT": left.select(["ts", "pid", "tid", "va", "prot", "execname", "line"]),
        "PRET": alone.select(["ts", "pid", "tid", "rc", "execname", "line"]),
    }
    notices = _notices(
        left, "unfinished-fault", "fault without an end: its thread never left the handler, or a record was lost"
    )
    notices += _notices(alone, "end-without-fault", "end of a fault whose start is not in this file")
    if shared:
        text = "faults of one process ran at once: without thread numbers (kdump -H) they are paired in order"
        notices.append(Notice(int(faults["line"][0].as_py()), "ambiguous-pairs", shared, "", text))
    return tables, sorted(notices, key=lambda notice: notice.line)


def _pairs(group: np.ndarray, starting: np.ndarray, threads: bool) -> tuple[tuple[np.ndarray, np.ndarray], int]:
    """Places of starts and of their ends in events sorted by group, and how many of the pairs are in doubt.

    A thread has one fault at a time: an end belongs to the start just before it.  A process without thread numbers
    may have several: from where none runs to where none runs again, the n-th end is taken for the n-th start.
    """
    neighbours = np.flatnonzero(starting[:-1] & ~starting[1:] & (group[:-1] == group[1:]))
    if threads:
        return (neighbours, neighbours + 1), 0
    starts, ends, shared = [], [], 0
    for low, high in _spans(group):
        depth = np.cumsum(np.where(starting[low:high], 1, -1))
        idle = np.flatnonzero(depth == 0) + 1
        whole = low + (idle[-1] if len(idle) and depth.min() >= 0 else 0)
        starts.append(low + np.flatnonzero(starting[low:whole]))
        ends.append(low + np.flatnonzero(~starting[low:whole]))
        sizes = np.diff(idle, prepend=0)
        shared += int(sizes[sizes > 2].sum() // 2) if whole > low else 0
        rest = neighbours[(neighbours >= whole) & (neighbours < high)]
        starts.append(rest)
        ends.append(rest + 1)
    if not starts:
        return (neighbours, neighbours), 0
    return (np.concatenate(starts), np.concatenate(ends)), shared


def _spans(group: np.ndarray) -> list[tuple[int, int]]:
    """Where each run of equal values begins and ends."""
    edges = np.flatnonzero(np.diff(group)) + 1
    limits = [0, *edges.tolist(), len(group)]
    return [(low, high) for low, high in pairwise(limits) if high > low]


def _side(timeline: pa.Table, places: np.ndarray) -> pa.Table:
    """The columns that starts and ends have in common."""
    rows = timeline.select(["ts", "pid", "tid", "comm", "line"]).take(pa.array(places, pa.int64()))
    return rows.rename_columns(["ts", "pid", "tid", "execname", "line"])


def _notices(table: pa.Table, kind: str, text: str) -> list[Notice]:
    notices = []
    for row in table.select(["line", "pid", "tid", "ts"]).to_pylist():
        where = f"pid {row['pid']}" if row["tid"] is None else f"tid {row['tid']}"
        notices.append(Notice(row["line"], kind, 1, where, text, row["ts"]))
    return notices
