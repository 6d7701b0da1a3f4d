"""Columns without which nothing can be said of a record or of a row of an aggregation."""

from dataclasses import replace

import pyarrow as pa

from analyzer.ingest.parsed import Notice, Parsed
from analyzer.summary.reduce_watch import SCRIPT as WATCH

# By tag, and by script and aggregation; low, high and count are what a distribution becomes.
_RECORDS = {
    "F": "ts",
    "M": "ts fn rc",
    "A": "ts fn rc infault stack",
    "X": "ts tid kind object page execname",
    "T": "ts",
    "C": "fn calls",
}
_SPREAD = "low high count"
_ROWS = {
    WATCH: {
        "latency": f"path rc {_SPREAD}",
        "total": "path ns",
        "process": "execname rc count",
        "moves": "fn rc infault count",
        "movens": f"fn {_SPREAD}",
        "moldbusy": "busy count",
        "sites": "fn rc infault stack count",
    },
    "vmagg": {
        "results": "path rc count",
        "total": "path ns",
        "imbalance": "delta count",
        "latency": f"path {_SPREAD}",
        "renames": "rc count",
        "inserts": "rc count",
        "sites": "stack count",
    },
}


def with_required(parsed: Parsed, script: str | None) -> Parsed:
    """One block of a log of `script` without the tables that lack such a column, with a Notice "cut" for each."""
    needed = _RECORDS | {f"@{name}": columns for name, columns in _ROWS.get(script or "", {}).items()}
    lacking = {tag: _lacking(table, needed.get(tag, "")) for tag, table in parsed.tables.items()}
    if not any(lacking.values()):
        return parsed
    dropped = {tag: table for tag, table in parsed.tables.items() if lacking[tag] and len(table)}
    notices = [
        Notice(table["line"][0].as_py(), "cut", len(table), tag, f"{tag} has no column {lacking[tag]}")
        for tag, table in dropped.items()
    ]
    return replace(
        parsed,
        tables={tag: table for tag, table in parsed.tables.items() if not lacking[tag]},
        notices=sorted([*parsed.notices, *notices], key=lambda notice: notice.line),
    )


def _lacking(table: pa.Table, needed: str) -> str:
    return ", ".join(name for name in needed.split() if name not in table.column_names)
