"""What each thread did first and last in a block: so much of a block must its neighbours know.

"Before" and "after" go by lines: a thread's records stand in a log in the order in which they were printed, but for
a thread that changed its CPU within the time that dtrace takes to collect the buffers.
"""

from collections.abc import Iterable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NEAR = 8  # records of a thread that are kept: what came before is chosen of them
TAGS = ("F", "M", "A", "X")
_ABSENT = -1 << 63  # stands for a number that a record has no column for
_NUMBERS = ("line", "ts", "tid", "dur", "path", "rc")
_TEXTS = ("tag", "fn", "kind")
_RECORDS = pa.schema([(name, pa.int64()) for name in _NUMBERS] + [(name, pa.string()) for name in _TEXTS])
_RETURNS = pa.schema([(name, pa.int64()) for name in ("tid", "line", "ts", "dur")])


def thread_records(tables: dict[str, pa.Table], tids: Iterable[int] | None = None) -> pa.Table:
    """Records of threads, in the order of thread and line: line, ts, tid, dur, path, rc, tag, fn, kind.

    Args:
        tables: of one block.
        tids: all records of these threads; the last NEAR of each thread where it is None.
    """
    parts = [_RECORDS.empty_table()]
    for tag in TAGS:
        table = tables.get(tag)
        if table is None or not len(table) or not {"line", "ts", "tid"} <= set(table.column_names):
            continue
        if tids is None:
            table = table.take(pa.array(np.sort(_nearest(table, NEAR))))
        else:
            table = table.filter(pc.is_in(table["tid"], pa.array(list(tids), pa.int64())))
        parts.append(_records(table, tag))
    records = in_order(parts)
    return records if tids is not None else last_of_each(records)


def first_faults(faults: pa.Table | None) -> pa.Table:
    """The first fault record of each thread: tid, line, ts, dur."""
    if faults is None or not len(faults) or not set(_RETURNS.names) <= set(faults.column_names):
        return _RETURNS.empty_table()
    return faults.take(pa.array(_nearest(faults, 1, first=True))).select(_RETURNS.names)


def in_order(parts: list[pa.Table]) -> pa.Table:
    """The records of several parts in the order of thread and line."""
    return pa.concat_tables(parts).sort_by([("tid", "ascending"), ("line", "ascending")])


def last_of_each(records: pa.Table) -> pa.Table:
    """Of records in order the last NEAR of each thread."""
    tids = records["tid"].to_numpy()
    left = np.searchsorted(tids, tids, side="right") - np.arange(len(tids))
    return records.filter(pa.array(left <= NEAR))


def first_of_each(records: pa.Table) -> pa.Table:
    """Of records in order the first of each thread."""
    tids = records["tid"].to_numpy()
    return records.filter(pa.array(np.searchsorted(tids, tids) == np.arange(len(tids))))


def as_rows(records: pa.Table) -> list[dict[str, object]]:
    """Records as plain values, without what they have no column for."""
    return [
        {name: value for name, value in row.items() if value != _ABSENT and not (name in _TEXTS and value == "")}
        for row in records.to_pylist()
    ]


def _nearest(table: pa.Table, number: int, first: bool = False) -> np.ndarray:
    """The places of the last (or first) `number` records of each thread."""
    lines = table["line"].to_numpy()
    codes = pa.concat_arrays(table["tid"].chunks).dictionary_encode()
    size = len(codes.dictionary)
    # numpy sorts numbers of 16 bits by radix, ten times faster than others.
    numbers = codes.indices.to_numpy().astype(np.uint16 if size <= 1 << 16 else np.int64)
    ordered = not (np.diff(lines) < 0).any()
    order = np.argsort(numbers, kind="stable") if ordered else np.lexsort((lines, numbers))
    ends = np.cumsum(np.bincount(numbers, minlength=size))
    starts = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    if first:
        places = np.concatenate([np.where(starts + n < ends, starts + n, -1) for n in range(number)])
    else:
        places = np.concatenate([np.where(ends - 1 - n >= starts, ends - 1 - n, -1) for n in range(number)])
    return order[places[places >= 0]]


def _records(table: pa.Table, tag: str) -> pa.Table:
    columns = {"tag": pa.repeat(tag, len(table))}
    for field in _RECORDS:
        if field.name in table.column_names:
            # A path has bits, no sign.
            columns[field.name] = table[field.name].cast(field.type, safe=False)
        elif field.name not in columns:
            columns[field.name] = pa.repeat(pa.scalar("" if field.name in _TEXTS else _ABSENT, field.type), len(table))
    return pa.table(columns).select(_RECORDS.names)
