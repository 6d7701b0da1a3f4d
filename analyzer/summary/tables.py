"""The tables of a Summary: which columns name a row, and which add.

They are Arrow's until an analysis asks for rows: a log of a gigabyte makes and adds hundreds of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

if TYPE_CHECKING:
    import pandas as pd

MOST_TEXTS, KEPT_TEXTS = 50_000, 10_000
OTHERS = "(others, too many to keep apart)"  # longer than a process name can be


@dataclass(frozen=True)
class Adding:
    """A table whose rows of equal keys merge into one.

    Attributes:
        keys: columns that name a row.
        sums: columns that add.
        largest: the column, if there is one, of which the larger value stays.
        most: how many rows are kept, those with the largest `by`; 0 for all.
        folds: keys that a log makes up as it likes; of more than MOST_TEXTS only the KEPT_TEXTS with the largest sums
            stay apart, and the rest is added as OTHERS.
    """

    keys: tuple[str, ...]
    sums: tuple[str, ...] = ()
    largest: str = ""
    most: int = 0
    by: str = ""
    folds: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.keys, *self.sums, *([self.largest] if self.largest else []))

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, column_type(name)) for name in self.columns])


# Durations are ns; `second` is whole seconds on the clock of `ts`; low and high bound a histogram's bucket:
# low <= x < high.  Faults are counted by process in `processes` where their paths are counted apart (vmwatch).
# `replaced` has the busy_lock of pages that vm_page_replace replaced.  "Where" says which function the calls or
# failures are of.
TABLES = {
    "records": Adding(("tag",), ("records",)),
    "faults": Adding(("execname", "path", "rc"), ("faults", "dur", "oncpu", "retries"), "longest", folds=("execname",)),
    "slowest": Adding(
        ("line", "ts", "pid", "tid", "execname", "va", "path", "rc", "dur"), ("faults",), most=50, by="dur"
    ),
    "hot": Adding(("execname", "path", "range"), ("faults", "dur"), folds=("execname",)),
    "processes": Adding(("execname", "rc"), ("faults",), folds=("execname",)),
    "seconds": Adding(("second", "path", "rc"), ("faults",)),
    "latency": Adding(("path", "low", "high"), ("faults",)),
    "moves": Adding(("fn", "infault", "rc", "busy", "dirty", "has_object"), ("moves", "dur"), "longest"),
    "move_callers": Adding(("fn", "rc", "infault", "caller"), ("moves",), folds=("caller",)),
    "move_latency": Adding(("fn", "low", "high"), ("moves",)),
    "replaced": Adding(("busy",), ("pages",)),
    "failures": Adding(("second", "fn", "rc", "infault"), ("failed",)),
    "insert_stacks": Adding(("fn", "rc", "infault", "stack"), ("failed",), folds=("stack",)),
    "calls": Adding(("second", "fn"), ("calls",)),
    "balance": Adding(("measure",), ("faults",)),
    "radix": Adding(("move", "operation"), ("operations",)),
    "steps": Adding(("fn",), ("calls",)),
    "step_times": Adding(("path", "step", "low", "high"), ("faults", "dur")),
    "lock_sites": Adding(("operation", "mode", "lock", "site"), ("operations",), folds=("lock", "site")),
    "aggregations": Adding(("name", "key", "low", "high"), ("value",), folds=("key",)),
}


_TEXTS = frozenset(
    [
        "tag", "execname", "fn", "stack", "measure", "move", "operation", "mode", "lock", "site", "name", "key",
        "caller", "step",
    ]
)  # fmt: skip
_BOUNDS = frozenset(["low", "high"])
_FEW = 500  # values
_ASKED = 20_000  # values that are added once, for a report: to import Arrow's group-by takes longer


def column_type(name: str) -> pa.DataType:
    """What a column of any table holds: texts, bounds or whole numbers."""
    return pa.string() if name in _TEXTS else pa.float64() if name in _BOUNDS else pa.int64()


def as_table(name: str, rows: pa.Table | pd.DataFrame | dict[str, Any]) -> pa.Table:
    """Rows as one of TABLES: its columns, in their order and types; others are left out."""
    schema = TABLES[name].schema
    if not isinstance(rows, pa.Table | dict):
        return pa.Table.from_pandas(rows, schema, preserve_index=False).replace_schema_metadata()
    if isinstance(rows, dict):
        return pa.table(rows, schema)
    table = rows.select(schema.names)
    return table if table.schema.equals(schema) else table.cast(schema)


def group(name: str, rows: pa.Table, count: str = "", largest_of: str = "") -> pa.Table:
    """Rows with the keys of one of TABLES as that table.

    Args:
        count: the column that counts the rows; the other sums are columns of `rows`.
        largest_of: the column of `rows` of which the largest stays.
    """
    kind = TABLES[name]
    if _are_few(rows, kind.columns):
        return _group_few(name, rows, count, largest_of)
    asked = {column: (column, "sum") for column in kind.sums if column != count}
    if kind.largest:
        asked[kind.largest] = (largest_of, "max")
    grouped = rows.group_by(list(kind.keys), use_threads=False).aggregate([*asked.values(), ([], "count_all")])
    found = {new: grouped[f"{column}_{function}"] for new, (column, function) in asked.items()}
    counted = {count: grouped["count_all"]} if count else {}
    return as_table(name, {key: grouped[key] for key in kind.keys} | found | counted)


def _are_few(rows: pa.Table, columns: tuple[str, ...]) -> bool:
    """Whether so few values are added that Arrow would take longer to plan it: so it is of most tables of most logs."""
    return len(rows) * len(columns) <= _FEW


def _group_few(name: str, rows: pa.Table, count: str, largest_of: str) -> pa.Table:
    kind = TABLES[name]
    keys = zip(*(rows[key].to_pylist() for key in kind.keys), strict=True)
    sums = [[1] * len(rows) if column == count else rows[column].to_pylist() for column in kind.sums]
    largest = [rows[largest_of].to_pylist()] if kind.largest else []
    found: dict[tuple[Any, ...], tuple[int, ...]] = {}
    for key, *values in zip(keys, *sums, *largest, strict=True):
        if before := found.get(key):
            values = [value + old for value, old in zip(values, before, strict=True)]
            if largest:
                values[-1] = max(values[-1] - before[-1], before[-1])
        found[key] = tuple(values)
    columns = zip(*(key + values for key, values in found.items()), strict=True) if found else [()] * len(kind.columns)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, kind.schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=kind.schema)


def sums(table: pa.Table, column: str, by: tuple[str, ...]) -> dict[Any, int]:
    """What a column adds up to by the values of others: by a value where it is one column, else by a tuple."""
    if len(table) * len(by) > _ASKED:
        table = table.group_by(list(by), use_threads=False).aggregate([(column, "sum")])
        column = f"{column}_sum"
    keys = [table[name].to_pylist() for name in by]
    found: dict[Any, int] = {}
    for key, value in zip(keys[0] if len(by) == 1 else zip(*keys, strict=True), table[column].to_pylist(), strict=True):
        found[key] = found.get(key, 0) + value
    return found


def rows_of(tables: dict[str, pa.Table], name: str, counted: str, meaning: str) -> pa.Table | None:
    """The rows of the aggregations of that name, what they count under its name in TABLES; None where there is none."""
    table = tables.get(f"@{name}")
    return table.rename_columns({counted: meaning}) if table is not None and len(table) else None


def with_columns(table: pa.Table, **columns: object) -> pa.Table:
    """The table with more columns, each of one value."""
    for name, value in columns.items():
        table = table.append_column(name, pa.repeat(pa.scalar(value), len(table)))
    return table


def concatenate(parts: Iterable[dict[str, pa.Table]]) -> dict[str, pa.Table]:
    """The rows of tables of the same name, not yet added: that is done once for many blocks."""
    collected: dict[str, list[pa.Table]] = {}
    for part in parts:
        for name, table in part.items():
            collected.setdefault(name, []).append(table)
    return {name: pa.concat_tables(tables) for name, tables in sorted(collected.items())}


def merge_tables(parts: Iterable[dict[str, pa.Table]]) -> dict[str, pa.Table]:
    """Add tables of the same name; rows are sorted by their keys, so that the order of parts changes nothing."""
    added = {name: group(name, rows, largest_of=TABLES[name].largest) for name, rows in concatenate(parts).items()}
    return {name: _ordered(table, TABLES[name]) for name, table in fold(added).items()}


def fold(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables with no more texts than memory should hold; sums stay, and below MOST_TEXTS nothing changes."""
    return {name: _folded(name, table) for name, table in tables.items()}


def folded_in(name: str, table: pa.Table) -> list[str]:
    """The keys of one of TABLES of which some are added as OTHERS."""
    many = len(table) >= KEPT_TEXTS
    return [column for column in TABLES[name].folds if many and OTHERS in table[column].unique().to_pylist()]


def _folded(name: str, table: pa.Table) -> pa.Table:
    kind = TABLES[name]
    if kind.most and len(table) > kind.most:  # a block may have as many that are equal
        return _ordered(table, kind)
    for column in kind.folds if len(table) > MOST_TEXTS else ():
        weights = table.group_by([column], use_threads=False).aggregate([(kind.sums[0], "sum")])
        if len(weights) > MOST_TEXTS:
            order = [(f"{kind.sums[0]}_sum", "descending"), (column, "ascending")]
            kept = weights.sort_by(order).slice(0, KEPT_TEXTS)[column].combine_chunks()
            texts = pc.if_else(pc.is_in(table[column], kept), table[column], OTHERS)
            table = table.set_column(table.column_names.index(column), column, texts)
            table = group(name, table, largest_of=kind.largest)
    return table


def _ordered(table: pa.Table, kind: Adding) -> pa.Table:
    keys = [(key, "ascending") for key in kind.keys]
    if kind.most and len(table) > kind.most:
        table = table.sort_by([(kind.by, "descending"), *keys]).slice(0, kind.most)
    return table.sort_by(keys)
