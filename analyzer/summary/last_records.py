"""What each thread did first and last in a block: so much of a block must its neighbours know.

"Before" and "after" go by lines: a thread's records stand in a log in the order in which they were printed, but for
a thread that changed its CPU within the time that dtrace takes to collect the buffers.
"""

from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

NEAR = 8  # records of a thread that are kept: what came before is chosen of them
TAGS = ("F", "M", "A", "X")
_ABSENT = -1 << 63  # stands for a number that a record has no column for
_NUMBERS = ("line", "ts", "tid", "dur", "path", "rc")
_TEXTS = ("tag", "fn", "kind")
_RECORDS = pa.schema([(name, pa.int64()) for name in _NUMBERS] + [(name, pa.string()) for name in _TEXTS])
_RETURNS = pa.schema([(name, pa.int64()) for name in ("tid", "line", "ts", "dur", "ended")])


def thread_ends(tables: dict[str, pa.Table]) -> tuple[pa.Table, pa.Table]:
    """Of each thread in one block the last NEAR records, and the first fault record.

    Both are in the order of thread and line.  Records have line, ts, tid, dur, path, rc, tag, fn, kind; faults have
    tid, line, ts, dur, and when (ns) the earliest of their thread ended.
    """
    parts, returns = [_RECORDS.empty_table()], _RETURNS.empty_table()
    for tag, table in _with_threads(tables):
        order = _order(table)
        tids = table["tid"].to_numpy()[order]
        parts.append(_records(table.take(pa.array(order[_are_last(tids)])), tag))
        if tag == "F" and "dur" in table.column_names:
            first = np.flatnonzero(_are_first(tids))
            ended = np.minimum.reduceat((table["ts"].to_numpy() + table["dur"].to_numpy())[order], first)
            faults = table.take(pa.array(order[first])).append_column("ended", pa.array(ended))
            returns = faults.select(_RETURNS.names)
    return last_of_each(in_order(parts)), in_order([returns])


def records_of(tids: Iterable[int], tables: dict[str, pa.Table]) -> pa.Table:
    """All records of those threads in one block, as `thread_ends` gives them."""
    wanted = pa.array(list(tids), pa.int64())
    parts = [_records(table.filter(pc.is_in(table["tid"], wanted)), tag) for tag, table in _with_threads(tables)]
    return in_order([_RECORDS.empty_table(), *parts])


def in_order(parts: list[pa.Table]) -> pa.Table:
    """The records of several parts in the order of thread and line."""
    return pa.concat_tables(parts).sort_by([("tid", "ascending"), ("line", "ascending")])


def last_of_each(records: pa.Table) -> pa.Table:
    """Of records in order the last NEAR of each thread."""
    return records.filter(pa.array(_are_last(records["tid"].to_numpy())))


def first_of_each(records: pa.Table) -> pa.Table:
    """Of fault records in order the first of each thread, with when the earliest ended."""
    first = np.flatnonzero(_are_first(records["tid"].to_numpy()))
    ended = np.minimum.reduceat(records["ended"].to_numpy(), first)
    return records.take(pa.array(first)).drop_columns("ended").append_column("ended", pa.array(ended))


def with_ends(faults: pa.Table) -> pa.Table:
    """Fault records with when they ended."""
    return faults.append_column("ended", pc.add(faults["ts"], faults["dur"]))


def as_rows(records: pa.Table) -> list[dict[str, Any]]:
    """Records as plain values, without what they have no column for."""
    return [
        {name: value for name, value in row.items() if value != _ABSENT and not (name in _TEXTS and value == "")}
        for row in records.to_pylist()
    ]


def _with_threads(tables: dict[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """The tables, by tag, that say which thread did what when."""
    for tag in TAGS:
        if tag in tables and len(tables[tag]) and {"line", "ts", "tid"} <= set(tables[tag].column_names):
            yield tag, tables[tag]


def _order(table: pa.Table) -> np.ndarray:
    """The places of its rows, those of one thread side by side and in the order of lines."""
    lines = table["line"].to_numpy()
    codes = pa.concat_arrays(table["tid"].chunks).dictionary_encode()
    # numpy sorts numbers of 16 bits by radix, ten times faster than others.
    numbers = codes.indices.to_numpy().astype(np.uint16 if len(codes.dictionary) <= 1 << 16 else np.int64)
    ordered = not (np.diff(lines) < 0).any()
    return np.argsort(numbers, kind="stable") if ordered else np.lexsort((lines, numbers))


def _are_first(tids: np.ndarray) -> np.ndarray:
    """Which are the first of a run of equal ones."""
    return np.concatenate([np.ones(len(tids[:1]), bool), tids[1:] != tids[:-1]])


def _are_last(tids: np.ndarray) -> np.ndarray:
    """Which are among the last NEAR of a run of equal ones."""
    return np.concatenate([tids[NEAR:] != tids[:-NEAR], np.ones(len(tids[-NEAR:]), bool)])


def _records(table: pa.Table, tag: str) -> pa.Table:
    columns = {"tag": pa.repeat(tag, len(table))}
    for field in _RECORDS:
        if field.name in table.column_names:
            # A path has bits, no sign.
            columns[field.name] = table[field.name].cast(field.type, safe=False)
        elif field.name not in columns:
            columns[field.name] = pa.repeat(pa.scalar("" if field.name in _TEXTS else _ABSENT, field.type), len(table))
    return pa.table(columns).select(_RECORDS.names)
