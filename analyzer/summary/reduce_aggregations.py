"""What the aggregations of a script say, in the tables that records make; and those of every script as they stand."""

import pandas as pd
import pyarrow as pa

from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary import reduce_watch
from analyzer.summary.tables import as_table

_EDGES = ("low", "high")


def reduce_aggregations(tables: dict[str, pa.Table], script: str | None, start: int) -> dict[str, pa.Table]:
    """The adding tables of one block's aggregations (tags that begin with @); `start` is the log's #timestamp."""
    if script == reduce_watch.SCRIPT:
        return reduce_watch.reduce_watch(tables, start)
    frames = {tag[1:]: table.drop_columns("line").to_pandas() for tag, table in tables.items() if tag.startswith("@")}
    if not frames:
        return {}
    found = {
        "aggregations": pd.concat([generic_rows(name, frame) for name, frame in frames.items()], ignore_index=True)
    }
    if script == "vmagg":
        found |= _vmagg(frames)
    return {name: as_table(name, frame) for name, frame in found.items() if len(frame)}


def generic_rows(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """One aggregation as rows of the table `aggregations`: key is its key columns joined by TAB.

    An ordinary value has low and high 0.
    """
    keys = [column for column in frame.columns[:-1] if column not in _EDGES]
    joined = frame[keys].astype(str).agg("\t".join, axis=1) if len(frame) else pd.Series([], dtype=object)
    edges = {edge: frame.get(edge, 0.0) for edge in _EDGES}
    return pd.DataFrame({"name": name, "key": joined, **edges, "value": frame.iloc[:, -1].astype("int64")})


def _vmagg(frames: dict[str, pd.DataFrame]) -> dict[str, pd.DataFrame]:
    found = {}
    empty = {"execname": "", "rc": NOT_RECORDED, "faults": 0, "dur": 0, "oncpu": 0, "retries": 0}
    faults = []
    if "results" in frames:
        faults.append(frames["results"].rename(columns={"count": "faults"}))
    if "total" in frames:
        faults.append(frames["total"].rename(columns={"ns": "dur"}))
    if faults:
        rows = pd.concat([f.assign(**{k: v for k, v in empty.items() if k not in f}) for f in faults])
        found["faults"] = rows.assign(longest=0)
    if "imbalance" in frames:
        uneven = frames["imbalance"]
        counts = [uneven["count"].sum(), uneven.loc[uneven["delta"] != 0, "count"].sum()]
        found["balance"] = pd.DataFrame({"measure": ["balance asked", "unbalanced"], "faults": counts})
    if "latency" in frames:
        latency = frames["latency"].rename(columns={"count": "faults"})
        found["latency"] = latency[latency["faults"] > 0]
    if "renames" in frames:
        renames = frames["renames"].rename(columns={"count": "moves"})
        unknown = dict.fromkeys(("infault", "busy", "dirty", "has_object"), NOT_RECORDED)
        found["moves"] = renames.assign(fn="rename", dur=0, longest=0, **unknown)
    results = {"vm_page_rename": frames.get("renames"), "vm_radix_insert": frames.get("inserts")}
    there = {fn: frame for fn, frame in results.items() if frame is not None}
    if there:
        found["calls"] = pd.DataFrame(
            {
                "second": NOT_RECORDED,
                "fn": list(there),
                "calls": [int(frame["count"].sum()) for frame in there.values()],
            }
        )
        failed = [
            frame[frame["rc"] != 0]
            .rename(columns={"count": "failed"})
            .assign(second=NOT_RECORDED, fn=fn, infault=NOT_RECORDED)
            for fn, frame in there.items()
        ]
        found["failures"] = pd.concat(failed, ignore_index=True)
    if "sites" in frames:
        sites = frames["sites"].rename(columns={"count": "failed"})
        found["insert_stacks"] = sites.assign(fn="vm_radix_insert", rc=12, infault=NOT_RECORDED)
    return found
