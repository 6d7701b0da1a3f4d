"""The faults of vmtrace's own processes, told apart from those that it was to trace."""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import Parsed

TRACING_ITSELF = "tracing itself"  # the process name that they get: one row, and no path's cost


def mark(parsed: Parsed, head: dict[str, Any]) -> Parsed:
    """The records of one block, faults of the processes in `#host.self` under one name.

    Args:
        head: the directives of the log's beginning.
    """
    pids = [int(word) for word in str(head.get("host.self", "")).split("\t") if word.isdigit()]
    faults = parsed.tables.get("F")
    if not pids or faults is None or not {"pid", "execname"} <= set(faults.column_names):
        return parsed
    own = pc.is_in(faults["pid"], pa.array(pids, pa.int64()))
    names = pc.if_else(own, TRACING_ITSELF, faults["execname"].cast(pa.string()))
    marked = faults.set_column(faults.column_names.index("execname"), "execname", names)
    return replace(parsed, tables={**parsed.tables, "F": marked})


def others(rows: pa.Table) -> pa.Table:
    """Rows with an execname that are not vmtrace's own; as names come from the reader, as a dictionary, none is."""
    if pa.types.is_dictionary(rows.schema.field("execname").type):
        return rows
    return rows.filter(pc.not_equal(rows["execname"].cast(pa.string()), TRACING_ITSELF))
