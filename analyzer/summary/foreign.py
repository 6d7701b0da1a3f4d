"""What FreeBSD's own programs print (ingest/formats.py) as a LogSummary, as far as it speaks of the fault path."""

import re
from dataclasses import replace
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.foreign.handler_faults import HANDLERS
from analyzer.ingest.parsed import Parsed, count_unread
from analyzer.summary.evidence import Evidence, cap
from analyzer.summary.reduce import FAULT_DEFAULTS, count_records, reduce_faults
from analyzer.summary.reduce_aggregations import generic_rows
from analyzer.summary.summary import UNREAD_KEPT, LogSummary, add
from analyzer.summary.tables import as_table, merge_tables
from analyzer.summary.waiting import LISTS, waiting_rows

_AGGREGATION = re.compile(r"A\d+$")
_MERGE_EVERY = 32


class Gathered:
    """The parts of one file as one LogSummary."""

    def __init__(self) -> None:
        self._parts: list[LogSummary] = []
        self._start: int | None = None
        self._aggregations: dict[str, _Aggregation] = {}

    def add(self, parsed: Parsed) -> None:
        """The next part of the file."""
        faults = _recorded(parsed.tables["F"]) if "F" in parsed.tables else None
        timed = faults is not None and "ts" in faults.column_names and len(faults) > 0
        stamps = pc.min_max(faults["ts"]).as_py() if faults is not None and timed else {"min": None, "max": None}
        if self._start is None:
            self._start = stamps["min"]
        tables = reduce_faults(faults, self._start or 0) if faults is not None and len(faults) else {}
        tables["records"] = count_records({tag: table for tag, table in parsed.tables.items() if len(table)})
        if "LS" in parsed.tables:
            tables["aggregations"] = as_table("aggregations", _lock_events(parsed.tables))
        for tag, table in parsed.tables.items():
            if _AGGREGATION.match(tag) and len(table):
                self._keep_last(tag, table.to_pandas())
        columns = {"F": [(name, "") for name in faults.column_names]} if faults is not None else {}
        self._parts.append(
            LogSummary(
                meta=parsed.meta | {"fields": columns},
                tables=tables,
                evidence=_evidence(parsed),
                notices=parsed.notices,
                unread=parsed.unread[:UNREAD_KEPT],
                unread_count=count_unread(parsed.unread),
                start=self._start or 0,
                first_ts=stamps["min"],
                last_ts=stamps["max"],
            )
        )
        if len(self._parts) == _MERGE_EVERY:
            self._parts = [add(self._parts)]

    def _keep_last(self, tag: str, frame: pd.DataFrame) -> None:
        """Of what was printed again and again the last time: unless it was cleared it holds the others."""
        about = {column: frame.pop(column) for column in ("aggregation", "function", "print") if column in frame}
        names = about.get("aggregation", pd.Series(tag, frame.index)).replace("", tag)
        for name in names.unique():
            mine = names == name
            prints = about["print"][mine] if "print" in about else pd.Series(1, frame[mine].index)
            aggregation = self._aggregations.setdefault(name, _Aggregation())
            rows = generic_rows("", frame[mine]).assign(
                function=about["function"][mine].to_numpy() if "function" in about else "", print=prints.to_numpy()
            )
            aggregation.rows = pd.concat([aggregation.rows, rows], ignore_index=True)
            last = aggregation.rows["print"].max()
            aggregation.rows = aggregation.rows[aggregation.rows["print"] == last]

    def summary(self) -> LogSummary:
        """What all parts say together."""
        log = add(self._parts)
        shown = [each.named(name) for name, each in self._aggregations.items()]
        if shown:
            found = as_table("aggregations", pd.concat(shown, ignore_index=True))
            log.tables |= merge_tables([log.tables, {"aggregations": found}])
        return replace(log, start=self._start or 0)


class _Aggregation:
    """The rows of the last time that an aggregation was printed."""

    def __init__(self) -> None:
        self.rows = pd.DataFrame()

    def named(self, name: str) -> pd.DataFrame:
        """The rows with what they are called: the function where there are several, and how often it was printed."""
        functions = self.rows["function"]
        names = name + " " + functions if functions.nunique() > 1 else pd.Series(name, self.rows.index)
        times = int(self.rows["print"].max())
        return self.rows.assign(name=names + (f" (the last of {times} prints)" if times > 1 else ""))


def _lock_events(tables: dict[str, pa.Table]) -> pd.DataFrame:
    """lockstat's rows as aggregations, by lock and caller: how often, how long in all, and the distributions.

    The locks of VM objects stand apart.  Means do not add: what stands for them is count times mean.
    """
    frame = tables["LS"].to_pandas()
    frame["event"] = frame["event"].where(~frame["object"], frame["event"] + " (VM objects)")
    frame["sum"] = frame["count"] * frame["mean"]
    found = [
        generic_rows("", frame[["lock", "caller", "count"]]).assign(name=frame["event"] + ": times"),
        generic_rows("", frame[["lock", "caller", "sum"]]).assign(
            name=frame["event"] + ": " + frame["unit"] + ", count × mean"
        ),
    ]
    buckets = tables["LH"].to_pandas().merge(frame.drop(columns="count"), left_on="row", right_on="line")
    if len(buckets):
        columns = ["lock", "caller", "low", "high", "count"]
        found.append(generic_rows("", buckets[columns]).assign(name=buckets["event"] + ": " + buckets["unit"]))
    return pd.concat(found, ignore_index=True)


def _recorded(faults: pa.Table) -> pa.Table:
    """The columns that the file has; what single rows lack is filled as for a column that is not there."""
    kept = faults.select([name for name in faults.column_names if faults[name].null_count < len(faults)])
    for place, name in enumerate(kept.column_names):
        if kept[name].null_count and name in FAULT_DEFAULTS:
            kept = kept.set_column(place, name, pc.fill_null(kept[name], FAULT_DEFAULTS[name]))
    timed = [name for name in ("ts", "dur") if name in kept.column_names]
    return kept.drop_null() if timed else kept


def _evidence(parsed: Parsed) -> Evidence:
    """Faults without an end, what the kernel said before it died, and who waited for a lock."""
    tables = parsed.tables
    unfinished = [_row(row) for row in tables["PFLT"].to_pylist()] if "PFLT" in tables else []
    waiting, held = _waiting(tables), _held(tables)
    where = {"object": held[0]["lock"]} if held else {}  # the lock is the object's first member
    panics = [
        _row(row) | {"waiting": waiting, "held": held, "through": _through(row, tables)} | where
        for row in _rows(tables, "P")
    ]
    listed = waiting_rows(tables["W"]) if parsed.meta.get("format") in LISTS else []
    kinds = (("unfinished", unfinished), ("panic", panics), ("waiting", listed))
    return {kind: cap(rows) for kind, rows in kinds if rows}


def _rows(tables: dict[str, pa.Table], tag: str) -> list[dict[str, Any]]:
    return tables[tag].to_pylist() if tag in tables else []


def _row(row: dict[str, Any]) -> dict[str, Any]:
    return (
        {"ts": 0, "execname": ""} | {name: value for name, value in row.items() if value is not None} | {"before": []}
    )


def _through(panic: dict[str, Any], tables: dict[str, pa.Table]) -> list[str]:
    """The functions of the panic's backtrace, innermost first, if one of them is the fault handler."""
    frames = [row for row in _rows(tables, "BT") if row["line"] > panic["line"]]
    functions = [row["function"] for row in frames if row["trace"] == frames[0]["trace"]]
    return functions if set(functions) & set(HANDLERS) else []


def _waiting(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """The threads that are blocked on a lock, by the lock that most of them want."""
    blocked = [row for row in _rows(tables, "W") if row["state"] == "L"]
    wanted = pd.Series([row["wchan"] for row in blocked], dtype=object).value_counts()
    return [row for row in blocked if len(wanted) and row["wchan"] == wanted.index[0]]


def _held(tables: dict[str, pa.Table]) -> list[dict[str, Any]]:
    """VM object locks that ddb shows as held."""
    return [row for row in _rows(tables, "HELD") if "vm object" in str(row["name"])]
