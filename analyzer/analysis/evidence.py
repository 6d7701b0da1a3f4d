"""The rows that findings rest on, with what stood before them in the same thread.

Evidence is a row of plain values, so that it merges by standing side by side and saves as JSON:

    kind      "imbalance", "double-free", "freed-again", "alarm", "failed-move" or "failed-insert"
    line, ts  where and when (ns, the fault's entry for faults)
    returned  for what happened inside a fault: whether that fault has a record; None while that is open
    before    up to BEFORE records of the same thread, nearest last
    …         the record's own columns
"""

from collections.abc import Iterable

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.analysis.reduce import freed_again, freed_twice, unbalanced

BEFORE = 4
CAP = 200  # rows that are kept of one kind; the first by time, the rest is counted

Row = dict[str, object]
Evidence = dict[str, list[Row]]


def collect_evidence(tables: dict[str, pa.Table]) -> Evidence:
    """The evidence in one block's tables."""
    found: Evidence = {}
    faults = tables.get("F")
    if faults is not None:
        for kind, mask in (
            ("imbalance", unbalanced(faults)),
            ("double-free", freed_twice(faults)),
            ("freed-again", freed_again(faults)),
        ):
            if mask is not None:
                found[kind] = _rows(faults.filter(mask))
    if "X" in tables:
        found["alarm"] = _rows(tables["X"])
    for kind, tag in (("failed-move", "M"), ("failed-insert", "A")):
        if tag in tables and {"rc", "ts", "tid"} <= set(tables[tag].column_names):
            found[kind] = _rows(tables[tag].filter(pc.not_equal(tables[tag]["rc"], 0)))
    for kind, rows in found.items():
        for row in rows[:CAP]:
            row["before"] = _before(tables, row)
            if kind in ("alarm", "failed-move", "failed-insert"):
                row["returned"] = _returned_here(faults, row) if row.get("infault", 1) else True
    return {kind: rows for kind, rows in found.items() if rows}


def thread_ends(faults: pa.Table | None) -> pd.DataFrame:
    """The first and last fault of each thread: tid, first_ts, first_end, last_ts, last_end, last_path, last_rc."""
    columns = ["tid", "first_ts", "first_end", "last_ts", "last_end", "last_path", "last_rc"]
    if faults is None or not {"ts", "tid", "dur", "path", "rc"} <= set(faults.column_names):
        return pd.DataFrame(columns=columns, dtype="int64")
    # A thread's faults follow one another, so the first to begin is the first to end.
    timed = faults.select(["tid", "ts"]).append_column("end", pc.add(faults["ts"], faults["dur"]))
    ends = timed.group_by("tid", use_threads=False).aggregate(
        [("ts", "min"), ("end", "min"), ("ts", "max"), ("end", "max")]
    )
    ends = pd.DataFrame({name: ends[name].to_numpy() for name in ends.column_names}).rename(
        columns={"ts_min": "first_ts", "end_min": "first_end", "ts_max": "last_ts", "end_max": "last_end"}
    )
    last = faults.filter(pc.is_in(faults["ts"], pa.array(ends["last_ts"]))).select(["tid", "ts", "path", "rc"])
    last = pd.DataFrame({name: last[name].to_numpy().astype("int64") for name in last.column_names})
    last = last.rename(columns={"ts": "last_ts", "path": "last_path", "rc": "last_rc"})
    return ends.merge(last, on=["tid", "last_ts"]).drop_duplicates("tid")[columns]


def merge_thread_ends(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """First and last fault of each thread over several blocks."""
    together = pd.concat([part for part in parts if len(part)] or [thread_ends(None)], ignore_index=True)
    first = together.sort_values(["tid", "first_ts"], kind="stable").drop_duplicates("tid")
    last = together.sort_values(["tid", "last_ts"], kind="stable").drop_duplicates("tid", keep="last")
    late = ["last_ts", "last_end", "last_path", "last_rc"]
    return first.drop(columns=late).merge(last[["tid", *late]], on="tid").reset_index(drop=True)


def settle(rows: Evidence, other: pd.DataFrame) -> None:
    """Look in another block's threads for what was open: the fault that a failure was in, and what came before."""
    ends = other.set_index("tid")
    for kept in rows.values():
        for row in kept:
            if row["tid"] not in ends.index:
                continue
            end = ends.loc[row["tid"]]
            if row.get("returned", True) is None:
                if end.first_ts <= row["ts"] <= end.first_end or end.last_ts <= row["ts"] <= end.last_end:
                    row["returned"] = True
                elif end.first_ts > row["ts"]:
                    row["returned"] = False
            if not row["before"] and end.last_end <= row["ts"]:
                row["before"] = [
                    {"tag": "F", "ts": int(end.last_ts), "path": int(end.last_path), "rc": int(end.last_rc)}
                ]


def cap(rows: list[Row]) -> list[Row]:
    """The first CAP rows by time and line."""
    return sorted(rows, key=lambda row: (row["ts"], row["line"]))[:CAP]


def _rows(table: pa.Table) -> list[Row]:
    return cap(table.to_pylist())


def _returned_here(faults: pa.Table | None, row: Row) -> bool | None:
    """Whether this block has the record of the fault that `row` happened in; None where the thread has none after."""
    if faults is None:
        return None
    mine = faults.filter(pc.equal(faults["tid"], row["tid"]))
    after = mine.filter(pc.greater_equal(pc.add(mine["ts"], mine["dur"]), row["ts"]))
    if not after.num_rows:
        return None
    return pc.min(after["ts"]).as_py() <= row["ts"]


def _before(tables: dict[str, pa.Table], row: Row) -> list[Row]:
    """The last records of the row's thread before it."""
    near: list[Row] = []
    for tag in ("F", "M", "A", "X"):
        table = tables.get(tag)
        if table is None or not {"ts", "tid"} <= set(table.column_names):
            continue
        end = pc.add(table["ts"], table["dur"]) if "dur" in table.column_names else table["ts"]
        mine = table.filter(
            pc.and_(
                pc.equal(table["tid"], row["tid"]),
                pc.and_(pc.less(table["ts"], row["ts"]), pc.less_equal(end, row["ts"])),
            )
        )
        if mine.num_rows > BEFORE:
            mine = mine.take(pc.select_k_unstable(mine, BEFORE, sort_keys=[("ts", "descending")]))
        near += [
            {"tag": tag, **{name: r[name] for name in ("line", "ts", "path", "rc", "fn", "kind", "dur") if name in r}}
            for r in mine.to_pylist()
        ]
    return sorted(near, key=lambda r: (r["ts"], r["line"]))[-BEFORE:]
