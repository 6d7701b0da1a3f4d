"""What vmwatch counted in the kernel, in the tables that records make.

The same section comes again and again with what was counted since, so rows of one name add.  A section is given the
step of time that ends with it: STEP seconds, and COARSE for the distributions, which are the counts of faults too.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary.tables import concatenate, group, rows_of, with_columns

SCRIPT = "vmwatch"
STEP = 10  # seconds between sections
COARSE = 30  # seconds between those of latency and movens
_SECOND = 1_000_000_000


def reduce_watch(tables: dict[str, pa.Table], start: int) -> dict[str, pa.Table]:
    """The adding tables (summary/tables.py) of one block of a vmwatch log.

    Args:
        tables: of the block, by tag; @latency, @process, @total, @moves, @movens, @moldbusy and @sites of sections.
        start: the log's #timestamp, ns.
    """
    parts = []
    ticks = tables.get("T")
    if latency := rows_of(tables, "latency", "count", "faults"):
        counted = _whole(latency)
        faults = with_columns(counted, execname="", dur=0, oncpu=0, retries=0, longest=0)
        second = _second(counted, ticks, start, COARSE)
        parts.append(
            {
                "faults": group("faults", faults, largest_of="longest"),
                "latency": group("latency", latency),
                "seconds": group("seconds", counted.append_column("second", second)),
            }
        )
    if total := rows_of(tables, "total", "ns", "dur"):
        faults = with_columns(total, execname="", rc=NOT_RECORDED, faults=0, oncpu=0, retries=0, longest=0)
        parts.append({"faults": group("faults", faults, largest_of="longest")})
    if process := rows_of(tables, "process", "count", "faults"):
        parts.append({"processes": group("processes", process)})
    if moves := rows_of(tables, "moves", "count", "moves"):
        unknown = dict.fromkeys(("busy", "dirty", "has_object"), NOT_RECORDED)
        parts.append({"moves": group("moves", with_columns(moves, dur=0, longest=0, **unknown), largest_of="longest")})
        if "caller" in moves.column_names:
            parts.append({"move_callers": group("move_callers", moves)})
        failed = moves.filter(pc.not_equal(moves["rc"], 0)).rename_columns({"moves": "failed"})
        parts.append({"failures": _failures(failed, ticks, start)})
    if movens := rows_of(tables, "movens", "count", "moves"):
        parts.append({"move_latency": group("move_latency", movens)})
    if replaced := rows_of(tables, "moldbusy", "count", "pages"):
        parts.append({"replaced": group("replaced", replaced)})
    if sites := rows_of(tables, "sites", "count", "failed"):
        parts.append({"insert_stacks": group("insert_stacks", sites), "failures": _failures(sites, ticks, start)})
    return {name: table for name, table in concatenate(parts).items() if len(table)}


def _whole(latency: pa.Table) -> pa.Table:
    """The distributions, each of which stands on one line, as one row each: the buckets added."""
    first = np.flatnonzero(np.diff(latency["line"].to_numpy(), prepend=-1))
    counted = np.add.reduceat(latency["faults"].to_numpy(), first)
    keys = latency.drop_columns(["low", "high", "faults"]).take(pa.array(first))
    return keys.append_column("faults", pa.array(counted))


def _failures(failed: pa.Table, ticks: pa.Table | None, start: int) -> pa.Table:
    return group("failures", failed.append_column("second", _second(failed, ticks, start, STEP)))


def _second(rows: pa.Table, ticks: pa.Table | None, start: int, step: int) -> pa.Array:
    """The first second of each row's step: of the one in which the T line before it lies."""
    if ticks is None or not len(ticks):
        return pa.array(np.zeros(len(rows), np.int64))
    ticks = ticks.sort_by("line")
    place = np.searchsorted(ticks["line"].to_numpy(), rows["line"].to_numpy()) - 1
    # A section stands behind the tick of its own moment or of the second before.
    stamps = ticks["ts"].to_numpy()[place.clip(0)] - _SECOND // 2
    return pa.array(((stamps - start) // _SECOND // step * step).clip(0))
