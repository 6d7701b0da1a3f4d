"""The rows that findings rest on, with what stood before them in the same thread.

Evidence is a row of plain values, so that it merges by standing side by side and saves as JSON:

    kind      "imbalance", "double-free", "freed-again", "alarm", "failed-move", "failed-insert" or "selected": a fault
              that the script chose to record, of which no other kind tells
    line, ts  where and when (ns, the fault's entry for faults)
    returned  for what happened inside a fault: whether that fault has a record; None where the thread has none after
    first     of a failed move: whether no fault of its thread is recorded that ended before it; it can have been in
              one when tracing began
    lock, delta  of an imbalance: the lock left held, acquires less releases; None where that is not known
    before    up to BEFORE records of the same thread, nearest last; none for faults made of single steps
    …         the record's own columns

Until the log is finished `before` holds the last NEAR records of the thread whatever they are, and `after` its next
fault record: facts that are the same wherever the log was cut into blocks.
"""

from collections.abc import Collection
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.summary.balance import freed_again, freed_twice, lock_and_delta, suspects, unbalanced
from analyzer.summary.last_records import NEAR, as_rows, records_of, with_ends

BEFORE = 4
CAP = 200  # rows that are kept of one kind; the first by time, the rest is counted
_INSIDE = ("alarm", "failed-move", "failed-insert")  # kinds that happen inside a fault

Row = dict[str, Any]
Evidence = dict[str, list[Row]]


def collect_evidence(tables: dict[str, pa.Table], selected: Collection[str] = ()) -> Evidence:
    """The evidence in one block's tables; of the tags `selected` the log has a selection only."""
    found: Evidence = {}
    faults = tables.get("F")
    if faults is not None:
        asked = suspects(faults)
        for kind, mask in (
            ("imbalance", unbalanced(asked)),
            ("double-free", freed_twice(asked)),
            ("freed-again", freed_again(asked)),
        ):
            if mask is not None:
                found[kind] = _rows(asked, mask)
    if faults is not None and "F" in selected:
        uneven = unbalanced(faults)
        found["selected"] = _rows(faults, None if uneven is None else pc.invert(uneven))
    for row in found.get("imbalance", ()):
        row |= lock_and_delta(row)
    if "X" in tables:
        found["alarm"] = _rows(tables["X"])
    for kind, tag in (("failed-move", "M"), ("failed-insert", "A")):
        if tag in tables and {"rc", "ts", "tid"} <= set(tables[tag].column_names):
            found[kind] = _rows(tables[tag], pc.not_equal(tables[tag]["rc"], 0))
    for kind, rows in found.items():
        for row in rows:
            row["before"] = []
            if kind in _INSIDE and "F" not in selected:
                row["after"] = None
            if kind == "failed-move":
                row["first"] = True
    found = {kind: rows for kind, rows in found.items() if rows}
    if found:
        records = records_of({row["tid"] for rows in found.values() for row in rows if "tid" in row}, tables)
        settle(found, records, with_ends(records.filter(pc.equal(records["tag"], "F"))))
    return found


def settle(evidence: Evidence, records: pa.Table, faults: pa.Table) -> None:
    """Complete `before` and `after` from records and fault records, in order, of other blocks, or of the same."""
    asked = {row["tid"] for rows in evidence.values() for row in rows if "tid" in row}
    known = _by_thread(records, asked)
    returns = _by_thread(faults, asked)
    for rows in evidence.values():
        for row in rows:
            if "tid" not in row:
                continue
            mine = known.get(row["tid"])
            if mine is not None:
                place = int(np.searchsorted(mine["line"].to_numpy(), row["line"]))
                near = {old["line"]: old for old in (*as_rows(mine[max(0, place - NEAR) : place]), *row["before"])}
                row["before"] = [near[line] for line in sorted(near)][-NEAR:]
            mine = returns.get(row["tid"])
            if mine is not None and row.get("first"):
                row["first"] = row["ts"] < pc.min(mine["ended"]).as_py()
            if mine is not None and row.get("after", row) is None:
                place = int(np.searchsorted(mine["line"].to_numpy(), row["line"], side="right"))
                if place < len(mine):
                    row["after"] = [mine["ts"][place].as_py(), mine["dur"][place].as_py()]


def conclude(evidence: Evidence) -> Evidence:
    """The evidence of a whole log: what came before chosen, and whether faults returned decided."""
    return {kind: [_concluded(row) for row in rows] for kind, rows in sorted(evidence.items())}


def cap(rows: list[Row]) -> list[Row]:
    """The first CAP rows by time and line."""
    return sorted(rows, key=lambda row: (row["ts"], row["line"]))[:CAP]


def _rows(table: pa.Table, mask: pa.ChunkedArray | None = None) -> list[Row]:
    chosen = table if mask is None else table.filter(mask)
    if chosen.num_rows > CAP:
        chosen = chosen.sort_by([("ts", "ascending"), ("line", "ascending")]).slice(0, CAP)
    return cap(chosen.to_pylist())


def _by_thread(records: pa.Table, tids: set[int]) -> dict[int, pa.Table]:
    threads = records["tid"].to_numpy()
    found = {tid: np.searchsorted(threads, [tid, tid + 1]) for tid in tids}
    return {tid: records[start:end] for tid, (start, end) in found.items() if start < end}


def _concluded(row: Row) -> Row:
    if "before" not in row:
        return row
    row = dict(row)
    near = row["before"]
    if "after" in row:
        after = row.pop("after")
        faults = [(old["ts"], old["dur"]) for old in near if old["tag"] == "F" and "dur" in old]
        inside = any(ts <= row["ts"] <= ts + dur for ts, dur in [*faults, *([after] if after else [])])
        row["returned"] = True if inside or not row.get("infault", 1) else False if after else None
    ended = [old for old in near if old["ts"] < row["ts"] and old["ts"] + old.get("dur", 0) <= row["ts"]]
    ended.sort(key=lambda old: (old["ts"], old["line"]))
    row["before"] = [{name: value for name, value in old.items() if name != "tid"} for old in ended[-BEFORE:]]
    return row
