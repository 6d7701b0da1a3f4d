"""The tables of a Summary: which columns name a row, and which add."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True)
class Adding:
    """A table whose rows of equal keys merge into one.

    Attributes:
        keys: columns that name a row.
        sums: columns that add.
        largest: columns of which the larger value stays.
    """

    keys: tuple[str, ...]
    sums: tuple[str, ...] = ()
    largest: tuple[str, ...] = ()

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.keys, *self.sums, *self.largest)


# Durations are ns; `second` is whole seconds on the clock of `ts`; low and high bound a histogram's bucket:
# low <= x < high.  "Where" says which function the calls or failures are of.
TABLES = {
    "records": Adding(("tag",), ("records",)),
    "faults": Adding(("execname", "path", "rc"), ("faults", "dur", "oncpu", "retries", "insfails"), ("longest",)),
    "seconds": Adding(("second", "path", "rc"), ("faults",)),
    "latency": Adding(("path", "low", "high"), ("faults",)),
    "moves": Adding(("fn", "infault", "rc", "busy", "dirty", "has_object"), ("moves", "dur"), ("longest",)),
    "move_latency": Adding(("fn", "low", "high"), ("moves",)),
    "failures": Adding(("second", "fn", "rc", "infault"), ("failed",)),
    "insert_stacks": Adding(("fn", "rc", "infault", "stack"), ("failed",)),
    "calls": Adding(("second", "fn"), ("calls",)),
    "balance": Adding(("measure",), ("faults",)),
    "radix": Adding(("move", "operation"), ("operations",)),
    "steps": Adding(("fn",), ("calls",)),
    "lock_sites": Adding(("operation", "mode", "lock", "site"), ("operations",)),
    "aggregations": Adding(("name", "key", "low", "high"), ("value",)),
}


_TEXTS = frozenset(
    ["tag", "execname", "fn", "stack", "measure", "move", "operation", "mode", "lock", "site", "name", "key"]
)
_BOUNDS = frozenset(["low", "high"])


def column_type(name: str) -> type:
    """What a column of any table holds: str, np.float64 or np.int64."""
    return str if name in _TEXTS else np.float64 if name in _BOUNDS else np.int64


def merge_tables(parts: Iterable[dict[str, pd.DataFrame]]) -> dict[str, pd.DataFrame]:
    """Add tables of the same name; rows are sorted by their keys, so that the order of parts changes nothing."""
    collected: dict[str, list[pd.DataFrame]] = {}
    for part in parts:
        for name, frame in part.items():
            collected.setdefault(name, []).append(frame)
    return {name: _add(TABLES[name], frames) for name, frames in sorted(collected.items())}


def _add(kind: Adding, frames: list[pd.DataFrame]) -> pd.DataFrame:
    together = pd.concat(frames, ignore_index=True) if len(frames) > 1 else frames[0]
    how = {**dict.fromkeys(kind.sums, "sum"), **dict.fromkeys(kind.largest, "max")}
    added = together.groupby(list(kind.keys), sort=True, as_index=False, observed=True).agg(how)
    numbers = {name: column_type(name) for name in kind.columns if column_type(name) is not str}
    return added[list(kind.columns)].astype(numbers)
