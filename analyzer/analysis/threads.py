"""What each thread did first and last in a block: so much of a block must its neighbours know.

"Before" and "after" go by lines: a thread's records stand in a log in the order in which they were printed, but for
a thread that changed its CPU within the time that dtrace takes to collect the buffers.
"""

from collections.abc import Iterable

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

NEAR = 8  # records of a thread that are kept: what came before is chosen of them
TAGS = ("F", "M", "A", "X")
_TEXT = ("tag", "fn", "kind")
COLUMNS = ("tag", "line", "ts", "tid", "dur", "path", "rc", "fn", "kind")
_ABSENT = -1 << 63  # stands for a number that a record has no column for


def thread_records(tables: dict[str, pa.Table], tids: Iterable[int] | None = None) -> pd.DataFrame:
    """Records of threads, in the order of thread and line, with COLUMNS.

    Args:
        tables: of one block.
        tids: all records of these threads; the last NEAR of each thread where it is None.
    """
    parts = []
    for tag in TAGS:
        table = tables.get(tag)
        if table is None or not len(table) or not {"line", "ts", "tid"} <= set(table.column_names):
            continue
        if tids is None:
            table = table.take(pa.array(np.sort(_nearest(table, NEAR))))
        else:
            table = table.filter(pc.is_in(table["tid"], pa.array(list(tids), pa.int64())))
        parts.append(_frame(table, tag))
    return join_threads(parts, None if tids is not None else NEAR)


def first_faults(faults: pa.Table | None) -> pd.DataFrame:
    """The first fault record of each thread: tid, line, ts, dur."""
    columns = ["tid", "line", "ts", "dur"]
    if faults is None or not len(faults) or not set(columns) <= set(faults.column_names):
        return pd.DataFrame({name: np.empty(0, np.int64) for name in columns})
    first = faults.take(pa.array(_nearest(faults, 1, first=True)))
    return pd.DataFrame({name: first[name].to_numpy() for name in columns})


def join_threads(parts: Iterable[pd.DataFrame], near: int | None = NEAR) -> pd.DataFrame:
    """The records of several parts, of each thread the last `near`."""
    there = [part for part in parts if len(part)]
    if not there:
        return pd.DataFrame({name: pd.Series(dtype=object if name in _TEXT else "int64") for name in COLUMNS})
    together = pd.concat(there, ignore_index=True) if len(there) > 1 else there[0]
    together = together.sort_values(["tid", "line"], ignore_index=True)
    return together if near is None else together.groupby("tid").tail(near).reset_index(drop=True)


def join_first(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """The first faults of several parts as one."""
    together = pd.concat(list(parts), ignore_index=True)
    return together.sort_values(["tid", "line"]).drop_duplicates("tid").reset_index(drop=True)


def as_rows(records: pd.DataFrame) -> list[dict[str, object]]:
    """Records as plain values, without what they have no column for."""
    return [
        {name: value for name, value in row.items() if value != _ABSENT and not (name in _TEXT and value == "")}
        for row in records.to_dict("records")
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


def _frame(table: pa.Table, tag: str) -> pd.DataFrame:
    columns = {"tag": [tag] * table.num_rows}
    for name in COLUMNS[1:]:
        if name not in table.column_names:
            columns[name] = [""] * table.num_rows if name in _TEXT else np.full(table.num_rows, _ABSENT)
        elif name in _TEXT:
            columns[name] = table[name].cast(pa.string()).to_pylist()
        else:
            columns[name] = table[name].to_numpy().astype(np.int64)
    return pd.DataFrame(columns)
