"""What the aggregations of a script say, in the tables that records make; and those of every script as they stand."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary import reduce_watch
from analyzer.summary.tables import as_table, concatenate, rows_of, with_columns

if TYPE_CHECKING:
    import pandas as pd

_EDGES = ("low", "high")
_INSERTING = {"renames": "vm_page_rename", "inserts": "vm_radix_insert"}


def reduce_aggregations(tables: dict[str, pa.Table], script: str | None, start: int) -> dict[str, pa.Table]:
    """The adding tables of one block's aggregations (tags that begin with @); `start` is the log's #timestamp."""
    if script == reduce_watch.SCRIPT:
        return reduce_watch.reduce_watch(tables, start)
    parts = [
        {"aggregations": as_table("aggregations", generic_rows(tag[1:], table.drop_columns("line").to_pandas()))}
        for tag, table in tables.items()
        if tag.startswith("@")
    ]
    if script == "vmagg":
        parts += _vmagg(tables)
    return {name: table for name, table in concatenate(parts).items() if len(table)}


def generic_rows(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """One aggregation as rows of the table `aggregations`: key is its key columns joined by TAB.

    An ordinary value has low and high 0.
    """
    import pandas as pd

    keys = [frame[column].tolist() for column in frame.columns[:-1] if column not in _EDGES]
    joined = ["\t".join(map(str, key)) for key in zip(*keys, strict=True)] if keys else [""] * len(frame)
    edges = {edge: frame.get(edge, 0.0) for edge in _EDGES}
    return pd.DataFrame({"name": name, "key": joined, **edges, "value": frame.iloc[:, -1].astype("int64")})


def _vmagg(tables: dict[str, pa.Table]) -> list[dict[str, pa.Table]]:
    parts = []
    unmeasured = {"execname": "", "oncpu": 0, "retries": 0, "longest": 0}
    if results := rows_of(tables, "results", "count", "faults"):
        parts.append({"faults": as_table("faults", with_columns(results, dur=0, **unmeasured))})
    if total := rows_of(tables, "total", "ns", "dur"):
        parts.append({"faults": as_table("faults", with_columns(total, rc=NOT_RECORDED, faults=0, **unmeasured))})
    if uneven := rows_of(tables, "imbalance", "count", "faults"):
        measures = pa.array(["balance asked", "unbalanced"])
        unbalanced = uneven.filter(pc.not_equal(uneven["delta"], 0))
        counts = [pc.sum(part["faults"]).as_py() or 0 for part in (uneven, unbalanced)]
        parts.append({"balance": as_table("balance", {"measure": measures, "faults": counts})})
    if latency := rows_of(tables, "latency", "count", "faults"):
        parts.append({"latency": as_table("latency", latency.filter(pc.greater(latency["faults"], 0)))})
    if renames := rows_of(tables, "renames", "count", "moves"):
        unknown = dict.fromkeys(("infault", "busy", "dirty", "has_object"), NOT_RECORDED)
        parts.append({"moves": as_table("moves", with_columns(renames, fn="rename", dur=0, longest=0, **unknown))})
    for name, function in _INSERTING.items():
        if f"@{name}" in tables:
            results = tables[f"@{name}"].rename_columns({"count": "failed"})
            calls = {"second": [NOT_RECORDED], "fn": [function], "calls": [pc.sum(results["failed"]).as_py() or 0]}
            failed = results.filter(pc.not_equal(results["rc"], 0))
            failed = with_columns(failed, second=NOT_RECORDED, fn=function, infault=NOT_RECORDED)
            parts.append({"calls": as_table("calls", calls), "failures": as_table("failures", failed)})
    if sites := rows_of(tables, "sites", "count", "failed"):
        sites = with_columns(sites, fn="vm_radix_insert", rc=12, infault=NOT_RECORDED)
        parts.append({"insert_stacks": as_table("insert_stacks", sites)})
    return parts
