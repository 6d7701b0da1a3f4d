"""One block's tables reduced to the tables of a Summary."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import Parsed
from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary.balance import reduce_balance, wrong_balance
from analyzer.summary.histogram import bounds, bucket
from analyzer.summary.own import others
from analyzer.summary.tables import as_table, group
from analyzer.summary.where import reduce_where

SECOND = 1_000_000_000
# What stands for a column that a log does not have.
FAULT_DEFAULTS: dict[str, int | str] = {
    "rc": NOT_RECORDED,
    "path": NOT_RECORDED,
    "dur": 0,
    "oncpu": 0,
    "lookups": 1,
    "execname": "",
}
# What the Summary needs of each record; no other column is converted.
COLUMNS = {
    "F": frozenset(
        [
            "ts",
            "pid",
            "tid",
            "rc",
            "dur",
            "oncpu",
            "path",
            "va",
            "acq",
            "rel",
            "lockxor",
            "locksum",
            "held",
            "inserts",
            "insfails",
            "lookups",
            "frees",
            "freexor",
            "execname",
        ]
    ),
    "M": frozenset(
        [
            "ts",
            "pid",
            "tid",
            "fn",
            "page",
            "src",
            "dst",
            "mold",
            "rc",
            "dur",
            "infault",
            "busy",
            "dirty",
            "moldbusy",
            "caller",
            "execname",
        ]
    ),
    "A": frozenset(["ts", "pid", "tid", "fn", "rc", "infault", "execname", "stack"]),
    "X": frozenset(["ts", "pid", "tid", "kind", "object", "page", "owner", "execname", "stack"]),
    "P": frozenset(["ts", "pid", "tid", "message", "execname"]),
    "T": frozenset({"ts"}),
    "C": frozenset({"fn", "calls"}),
    "E": frozenset(["ts", "pid", "tid", "fn", "a0", "a1", "a2", "a3", "execname"]),
    "R": frozenset(["ts", "pid", "tid", "fn", "rc"]),
    "L": frozenset(["ts", "pid", "tid", "op", "lock", "reader", "name", "site"]),
}


def reduce_block(parsed: Parsed, start: int, selected: Collection[str] = ()) -> dict[str, pa.Table]:
    """The adding tables (summary/tables.py) of one block of records.

    Args:
        start: when second 0 begins, ns.
        selected: tags of which the log has a selection; they count for nothing but what is wrong with them.
    """
    tables = parsed.tables
    found = {"records": count_records(tables)}
    if "F" in tables:
        faults = tables["F"]
        found |= {"balance": wrong_balance(faults)} if "F" in selected else reduce_faults(faults, start)
    if "M" in tables:
        found |= reduce_moves(tables["M"])
    if "A" in tables:
        found["insert_stacks"] = group("insert_stacks", tables["A"], count="failed")
    failures = [_failed(tables[tag], start) for tag in ("M", "A") if tag in tables]
    if failures:
        found["failures"] = pa.concat_tables(failures)
    if "C" in tables:
        found["calls"] = _calls(parsed, start)
    return {name: table for name, table in found.items() if len(table)}


def count_records(tables: dict[str, pa.Table]) -> pa.Table:
    """How many records there are of each tag; rows of aggregations are none."""
    counts = {tag: len(table) for tag, table in tables.items() if not tag.startswith("@")}
    return as_table("records", {"tag": pa.array(list(counts), pa.string()), "records": list(counts.values())})


def reduce_faults(faults: pa.Table, start: int) -> dict[str, pa.Table]:
    """The tables of fault records: counts, seconds, histograms and balance."""
    recorded, has = faults, set(faults.column_names)
    faults = complete(faults, FAULT_DEFAULTS)
    faults = faults.append_column("retries", pc.max_element_wise(pc.subtract(faults["lookups"], 1), 0))
    found = {
        "faults": group("faults", faults, count="faults", largest_of="dur"),
        "balance": reduce_balance(recorded),
    }
    if "ts" in has:
        seconds = faults.select(["path", "rc"]).append_column("second", second_of(faults["ts"], start))
        found["seconds"] = group("seconds", seconds, count="faults")
    if "dur" in has:
        found["latency"] = _histogram("latency", others(faults), "path", "faults")
    if {"line", "ts", "dur", "va"} <= has:
        found |= reduce_where(complete(others(faults), {"pid": NOT_RECORDED, "tid": NOT_RECORDED, "va": 0}))
    return found


def reduce_moves(moves: pa.Table) -> dict[str, pa.Table]:
    """The tables of page moves."""
    found = {}
    if "moldbusy" in moves.column_names:
        # Up to 12 vm_page_replace is not told which page it replaces: 0.
        busy = moves["moldbusy"].filter(pc.not_equal(moves["moldbusy"], pa.scalar(0, pa.uint64())))
        found["replaced"] = group("replaced", pa.table({"busy": busy}), count="pages")
    if "caller" in moves.column_names:
        found["move_callers"] = group("move_callers", moves, count="moves")
    moves = complete(moves, {"rc": 0, "dur": 0, "infault": NOT_RECORDED, "busy": 0, "dirty": 0, "src": 0})
    moves = moves.append_column("has_object", pc.not_equal(moves["src"], 0).cast(pa.int64()))
    return found | {
        "moves": group("moves", moves, count="moves", largest_of="dur"),
        "move_latency": _histogram("move_latency", moves, "fn", "moves"),
    }


def _failed(table: pa.Table, start: int) -> pa.Table:
    """Failures by second and function: page moves with a result other than 0, and failed radix inserts."""
    table = complete(table, {"infault": NOT_RECORDED})
    failed = table.filter(pc.not_equal(table["rc"], 0))
    failed = failed.append_column("second", second_of(failed["ts"], start))
    return group("failures", failed, count="failed")


def _calls(parsed: Parsed, start: int) -> pa.Table:
    """Calls by second: a C line counts the calls of the second that ends at the T line before it.

    Where that line was damaged, the second is NOT_RECORDED.
    """
    calls = parsed.tables["C"]
    lines = calls["line"].to_numpy()
    second = pa.array(np.full(len(lines), NOT_RECORDED))
    if "T" in parsed.tables:
        ticks = parsed.tables["T"].sort_by("line")
        others = [table["line"].to_numpy() for tag, table in parsed.tables.items() if tag.isalpha() and tag not in "TC"]
        lost = [line.line for line in parsed.unread]
        before = np.sort(np.concatenate([*others, [-1], lost]), kind="stable")
        tick = np.searchsorted(ticks["line"].to_numpy(), lines) - 1
        nearest = ticks["line"].to_numpy()[tick.clip(0)]
        known = (tick >= 0) & (before[np.searchsorted(before, lines) - 1] < nearest)
        stamps = ticks["ts"].to_numpy()[tick.clip(0)]
        second = pc.if_else(pa.array(known), second_of(pa.array(stamps - SECOND // 2), start), NOT_RECORDED)
    return group("calls", calls.append_column("second", second))


def second_of(times: pa.Array | pa.ChunkedArray, start: int) -> pa.Array | pa.ChunkedArray:
    """Whole seconds since `start`; what was before it counts to the first."""
    return pc.max_element_wise(pc.divide(pc.subtract(times, start), SECOND), 0)


def _histogram(name: str, rows: pa.Table, key: str, count: str) -> pa.Table:
    numbers = pa.table({key: rows[key], "bucket": bucket(rows["dur"].to_numpy())})
    counted = numbers.group_by([key, "bucket"], use_threads=False).aggregate([([], "count_all")])
    low, high = bounds(counted["bucket"].to_numpy())
    return as_table(name, {key: counted[key], "low": low, "high": high, count: counted["count_all"]})


def complete(table: pa.Table, defaults: dict[str, int | str]) -> pa.Table:
    """The table with the columns that its log did not have, and bits as signed numbers."""
    for name, value in defaults.items():
        if name not in table.column_names:
            table = table.append_column(name, pa.repeat(pa.scalar(value), table.num_rows))
        elif table.schema.field(name).type == pa.uint64():
            table = table.set_column(table.column_names.index(name), name, table[name].cast(pa.int64(), safe=False))
    return table
