"""A Summary as a file: one JSON object that begins {"vmsum": 1, a thousand times smaller than its logs.

    {"vmsum": 1, "logs": [{"meta": {…}, "tables": {name: {column: [values]}}, "evidence": {kind: [rows]},
     "notices": [[line, kind, count, where, text, after_ts]], "unread": [[line, column, text, expected]],
     "unread_count": n, "start": ns, "first_ts": ns, "last_ts": ns, "whole": {…}}]}

`whole` is there for a filtered log only: the log without the filter.

Numbers are written in full, so that addresses of 64 bits stay exact.  The same Summary gives the same bytes.
"""

import json
import math
from dataclasses import astuple
from typing import Any

import pyarrow as pa

from analyzer.errors import DataError
from analyzer.ingest.parsed import Notice, Unread
from analyzer.summary.balance import lock_and_delta
from analyzer.summary.evidence import Evidence
from analyzer.summary.summary import LogSummary, Summary
from analyzer.summary.tables import TABLES, as_table, column_type

VERSION = 1

# What findings take from each row of evidence, beside ts, line, execname and before.
_TEXTS_OF = {
    "alarm": ("kind",),
    "failed-move": ("fn",),
    "failed-insert": ("fn", "stack"),
    "panic": ("kind", "text"),
    "waiting": ("wants", "inside"),
}
_LISTS_OF = {"panic": ("waiting", "held")}


def write_summary(summary: Summary) -> bytes:
    """The bytes of a .vmsum file; the logs must be finished."""
    saved = {"vmsum": VERSION, "logs": [_log_out(log) for log in summary.logs]}
    return json.dumps(saved, separators=(",", ":"), allow_nan=False).encode() + b"\n"


def read_summary(data: bytes, name: str) -> Summary:
    """The Summary of a .vmsum file; raises DataError where it is damaged or of another version."""
    try:
        saved = json.loads(data, parse_float=_finite, parse_constant=_finite)
        version = saved["vmsum"]
        if version == VERSION:
            return Summary([_log_in(log) for log in saved["logs"]])
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError):
        raise DataError(f"{name}: is a damaged summary; make it again with 'vmtrace summarize'") from None
    raise DataError(f"{name}: is a summary of version {version}; this vmtrace reads version {VERSION}")


def _finite(text: str) -> float:
    """A number; infinite bounds stand as text, so that one which is infinite or none is damage (ValueError)."""
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(text)
    return number


def _log_out(log: LogSummary) -> dict[str, Any]:
    return {
        "meta": log.meta,
        "tables": {
            name: {column: _values_out(table[column].to_pylist()) for column in table.column_names}
            for name, table in sorted(log.tables.items())
        },
        "evidence": log.evidence,
        "notices": [astuple(notice) for notice in log.notices],
        "unread": [astuple(line)[:4] for line in log.unread],
        "unread_count": log.unread_count,
        "start": log.start,
        "first_ts": log.first_ts,
        "last_ts": log.last_ts,
        **({"whole": _log_out(log.whole)} if log.whole is not None else {}),
    }


def _log_in(saved: dict[str, Any]) -> LogSummary:
    return LogSummary(
        meta=_meta_in(saved["meta"]),
        tables={name: _table_in(name, columns) for name, columns in saved["tables"].items()},
        evidence=_evidence_in(saved["evidence"]),
        notices=[Notice(*values) for values in saved["notices"]],
        unread=[Unread(*values) for values in saved["unread"]],
        unread_count=saved["unread_count"],
        start=saved["start"],
        first_ts=saved["first_ts"],
        last_ts=saved["last_ts"],
        whole=_log_in(saved["whole"]) if "whole" in saved else None,
    )


def _meta_in(meta: dict[str, Any]) -> dict[str, Any]:
    """JSON has neither tuples nor numbers as keys: `fields` and `bits` as ingest gives them."""
    if "fields" in meta:
        meta["fields"] = {tag: [(name, kind) for name, kind in columns] for tag, columns in meta["fields"].items()}
    if "bits" in meta:
        meta["bits"] = {
            column: {int(mask): name for mask, name in names.items()} for column, names in meta["bits"].items()
        }
    return meta


def _evidence_in(evidence: Evidence) -> Evidence:
    """Evidence of older versions says neither `lock` nor `delta` of an imbalance.

    Raises ValueError where a row lacks what findings say of its kind, or has it in another type.
    """
    for kind, rows in evidence.items():
        texts, lists = _TEXTS_OF.get(kind, ()), (*_LISTS_OF.get(kind, ()), "before")
        numbers = ("ts", "line", *(("tid",) if kind not in ("panic", "unfinished") else ()))
        for row in rows:
            wanted = [(numbers, int), ((*texts, "execname"), str), (lists, list)]
            if not all(isinstance(row[name], type_) for names, type_ in wanted for name in names):
                raise ValueError(f"{kind}: a row is damaged")
    uneven = [row if "delta" in row else row | lock_and_delta(row) for row in evidence.get("imbalance", ())]
    return evidence | ({"imbalance": uneven} if uneven else {})


def _values_out(values: list[object]) -> list[object]:
    """Whole bounds as whole numbers, and infinite ones as text: JSON has no number for them."""
    return [_bound_out(value) if isinstance(value, float) else value for value in values]


def _bound_out(value: float) -> object:
    return str(value) if math.isinf(value) else int(value) if value == int(value) else value


def _table_in(name: str, columns: dict[str, list[object]]) -> pa.Table:
    table = as_table(name, {column: _values_in(column, columns[column]) for column in TABLES[name].columns})
    if any(column.null_count for column in table.columns):
        raise ValueError(f"{name}: a value is missing")
    return table


def _values_in(column: str, values: list[Any]) -> list[Any]:
    return [float(value) for value in values] if column_type(column) == pa.float64() else values
