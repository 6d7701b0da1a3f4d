"""What FreeBSD's own programs print (ingest/formats.py) as a LogSummary, as far as it speaks of the fault path."""

import re

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import Parsed
from analyzer.summary.evidence import Evidence, cap
from analyzer.summary.reduce import FAULT_DEFAULTS, count_records, reduce_faults
from analyzer.summary.reduce_aggregations import generic_rows
from analyzer.summary.summary import LogSummary
from analyzer.summary.tables import as_table

_AGGREGATION = re.compile(r"A\d+$")


def summarize_foreign(parsed: Parsed) -> LogSummary:
    """The LogSummary of one whole file."""
    faults = _recorded(parsed.tables["F"]) if "F" in parsed.tables else None
    stamps = faults["ts"] if faults is not None and "ts" in faults.column_names and len(faults) else None
    start = 0 if stamps is None else pc.min(stamps).as_py()
    tables = reduce_faults(faults, start) if faults is not None and len(faults) else {}
    tables["records"] = count_records({tag: table for tag, table in parsed.tables.items() if len(table)})
    aggregations = [
        generic_rows(tag, table.to_pandas())
        for tag, table in parsed.tables.items()
        if _AGGREGATION.match(tag) and len(table)
    ]
    if "LS" in parsed.tables:
        aggregations.append(_lock_events(parsed.tables["LS"]))
    if aggregations:
        tables["aggregations"] = as_table("aggregations", pd.concat(aggregations, ignore_index=True))
    columns = {"F": [(name, "") for name in faults.column_names]} if faults is not None else {}
    return LogSummary(
        meta=parsed.meta | {"fields": columns},
        tables=tables,
        evidence=_evidence(parsed.tables),
        notices=parsed.notices,
        unread=parsed.unread,
        unread_count=len(parsed.unread),
        start=start,
        first_ts=None if stamps is None else pc.min(stamps).as_py(),
        last_ts=None if stamps is None else pc.max(stamps).as_py(),
    )


def _lock_events(events: pa.Table) -> pd.DataFrame:
    """lockstat's rows as aggregations: what happened, by lock and caller; the locks of VM objects stand apart."""
    frame = events.to_pandas()
    names = frame["event"].where(~frame["object"], frame["event"] + " (VM objects)")
    return generic_rows("", frame[["lock", "caller", "count"]]).assign(name=names)


def _recorded(faults: pa.Table) -> pa.Table:
    """The columns that the file has; what single rows lack is filled as for a column that is not there."""
    kept = faults.select([name for name in faults.column_names if faults[name].null_count < len(faults)])
    for place, name in enumerate(kept.column_names):
        if kept[name].null_count and name in FAULT_DEFAULTS:
            kept = kept.set_column(place, name, pc.fill_null(kept[name], FAULT_DEFAULTS[name]))
    timed = [name for name in ("ts", "dur") if name in kept.column_names]
    return kept.drop_null() if timed else kept


def _evidence(tables: dict[str, pa.Table]) -> Evidence:
    """Faults without an end, and what the kernel said before it died."""
    unfinished = [_row(row) for row in tables["PFLT"].to_pylist()] if "PFLT" in tables else []
    waiting, held = _waiting(tables), _held(tables)
    where = {"object": held[0]["lock"]} if held else {}  # the lock is the object's first member
    panics = [_row(row) | {"waiting": waiting, "held": held} | where for row in _rows(tables, "P")]
    return {kind: cap(rows) for kind, rows in (("unfinished", unfinished), ("panic", panics)) if rows}


def _rows(tables: dict[str, pa.Table], tag: str) -> list[dict[str, object]]:
    return tables[tag].to_pylist() if tag in tables else []


def _row(row: dict[str, object]) -> dict[str, object]:
    return (
        {"ts": 0, "execname": ""} | {name: value for name, value in row.items() if value is not None} | {"before": []}
    )


def _waiting(tables: dict[str, pa.Table]) -> list[dict[str, object]]:
    """The threads that are blocked on a lock, by the lock that most of them want."""
    blocked = [row for row in _rows(tables, "W") if row["state"] == "L"]
    wanted = pd.Series([row["wchan"] for row in blocked], dtype=object).value_counts()
    return [row for row in blocked if len(wanted) and row["wchan"] == wanted.index[0]]


def _held(tables: dict[str, pa.Table]) -> list[dict[str, object]]:
    """VM object locks that ddb shows as held."""
    return [row for row in _rows(tables, "HELD") if "vm object" in str(row["name"])]
