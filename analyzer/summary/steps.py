"""Faults put together again from the single steps of a vmevents log.

A thread's records from the handler's entry to its return are one fault.  Lines are in order of time only within
dtrace's switch interval, so a block settles only the faults well inside its span of time; what is near its edges
stays open until the next block is merged, or the log ends.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary.step_times import reduce_step_times
from analyzer.summary.tables import group

SLACK = 2_000_000_000  # ns; vmevents.d switches buffers 50 times a second, the slowest default is once a second
_STEP_BITS = {
    "vm_pager_get_pages": 0x1,
    "pmap_zero_page": 0x2,
    "pmap_copy_page": 0x4,
    "vm_page_rename": 0x8,
    "vm_page_iter_rename": 0x8,
    "vm_page_replace": 0x10,
    "vm_page_alloc": 0x20,
    "vm_page_alloc_after": 0x20,
    "vm_page_busy_sleep": 0x40,
}
_INSERTS = ("vm_page_insert", "vm_page_iter_insert", "vm_page_iter_rename")
_ENOMEM = 12
_MOVES = {"vm_page_rename": "rename", "vm_page_iter_rename": "rename", "vm_page_replace": "replace"}
_COLUMNS: dict[str, Any] = {  # and what stands where a record has no such column
    "line": np.int64(0),
    "ts": np.int64(0),
    "pid": np.int64(0),
    "tid": np.int64(0),
    "tag": "",
    "fn": "",
    "a0": np.uint64(0),
    "a1": np.uint64(0),
    "rc": np.int64(0),
    "reader": np.int64(0),
    "name": "",
    "site": "",
    "execname": "",
}


def open_steps(tables: dict[str, pa.Table]) -> pd.DataFrame | None:
    """E, R and L records in the order of each thread; of an L record `a0` is the lock and `fn` the operation."""
    parts = []
    for tag, renames in (("E", {}), ("R", {}), ("L", {"op": "fn", "lock": "a0"})):
        table = tables.get(tag)
        if table is None or not {"ts", "tid"} <= set(table.column_names):
            continue
        frame = _frame(table).rename(columns=renames)
        missing = {name: value for name, value in _COLUMNS.items() if name not in frame}
        parts.append(frame.assign(**missing | {"tag": tag})[list(_COLUMNS)])
    return join(parts)


def _frame(table: pa.Table) -> pd.DataFrame:
    """The table with its texts as texts: categories of several blocks would not join."""
    texts = [
        field.with_type(pa.string()) if pa.types.is_dictionary(field.type) else field for field in table.schema
    ]
    return table.cast(pa.schema(texts)).to_pandas()


def _ordered(steps: pd.DataFrame) -> pd.DataFrame:
    return steps.sort_values(["tid", "ts", "line"], kind="stable", ignore_index=True)


def join(parts: list[pd.DataFrame | None]) -> pd.DataFrame | None:
    """The open steps of several blocks as one."""
    there = [part for part in parts if part is not None and len(part)]
    return _ordered(pd.concat(there, ignore_index=True)) if there else None


@dataclass
class Settled:
    """What was made of the steps that are settled.

    Attributes:
        faults: an F table (docs/log-format.md), with acq, rel, lockxor.
        moves: page moves as rows of the tables `moves` and `move_latency` need them: fn, rc, dur (null: no return).
        radix: move, operation, operations.
        times: the table `step_times`.
        unpaired: for each fault's ts and tid the acquires without a release: lock, name, site, reader.
        incomplete: faults whose entry or return is missing.
        rest: steps that are still open.
    """

    faults: pa.Table
    moves: pd.DataFrame
    radix: pd.DataFrame
    failures: pd.DataFrame
    times: pa.Table
    unpaired: pd.DataFrame
    incomplete: int
    rest: pd.DataFrame | None


def settle_steps(steps: pd.DataFrame, finished: bool) -> Settled:
    """Make faults of the steps that no later block can add to; of all where the log is `finished`."""
    holds = (steps["fn"] == "vm_fault_hold").any()
    handler = "vm_fault_hold" if holds else "vm_fault"
    if holds:  # up to 12.1 vm_fault only calls the handler
        steps = steps[steps["fn"] != "vm_fault"].reset_index(drop=True)
    entry = (steps["tag"] == "E") & (steps["fn"] == handler)
    new_thread = steps["tid"] != steps["tid"].shift()
    group = (entry | new_thread).cumsum()
    first = steps.groupby(group).head(1).reset_index(drop=True)
    last = steps.groupby(group).tail(1).reset_index(drop=True)
    whole = (first["tag"] == "E") & (first["fn"] == handler) & (last["tag"] == "R") & (last["fn"] == handler)
    if finished:
        done = pd.Series(True, index=first.index)
    else:
        inside = (first["ts"] > steps["ts"].min() + SLACK) & (last["ts"] < steps["ts"].max() - SLACK)
        between = (first["tid"] == first["tid"].shift()) & (first["tid"] == first["tid"].shift(-1))
        done = inside & (whole | between)
    number = group.to_numpy() - 1
    complete = steps[(whole & done).to_numpy()[number]].assign(fault=number[(whole & done).to_numpy()[number]])
    rest = steps[~done.to_numpy()[number]]
    moves, radix = _page_moves(complete)
    faults, unpaired = _faults(complete)
    failures, incomplete = _failed_inserts(complete), int((done & ~whole).sum())
    paths = pd.Series(faults["path"].to_numpy().astype("int64"), index=complete["fault"].unique())
    times = reduce_step_times(complete, paths)
    return Settled(faults, moves, radix, failures, times, unpaired, incomplete, rest if len(rest) else None)


def _faults(steps: pd.DataFrame) -> tuple[pa.Table, pd.DataFrame]:
    """One row a fault, and the acquires of each that have no release."""
    by_fault = steps.groupby("fault", sort=True)
    first, last = by_fault.first(), by_fault.last()
    entered = steps["tag"] == "E"
    locks = steps[(steps["tag"] == "L") & steps["fn"].isin(["rw-acquire", "rw-release"])]
    acquired = locks["fn"] == "rw-acquire"
    inserts = steps[(steps["tag"] == "R") & (steps["fn"] == "vm_radix_insert")]
    frees = steps[entered & (steps["fn"] == "vm_page_free_toq")]

    def count(rows: pd.DataFrame) -> np.ndarray:
        return rows.groupby("fault").size().reindex(first.index, fill_value=0).to_numpy("int64")

    def xor(rows: pd.DataFrame) -> np.ndarray:
        values = rows.groupby("fault")["a0"].agg(lambda a: int(np.bitwise_xor.reduce(a.to_numpy("uint64"))))
        return values.reindex(first.index, fill_value=0).to_numpy("uint64")

    bits = steps["fn"].map(_STEP_BITS).fillna(0).astype("int64").where(entered, 0)
    path = bits.groupby(steps["fault"]).agg(lambda b: int(np.bitwise_or.reduce(b.to_numpy())))
    table = pa.table(
        {
            "line": first["line"].to_numpy("int64"),
            "ts": first["ts"].to_numpy("int64"),
            "pid": first["pid"].to_numpy("int64"),
            "tid": first["tid"].to_numpy("int64"),
            "va": first["a1"].to_numpy("uint64"),
            "rc": last["rc"].to_numpy("int64").astype("int32").astype("int64"),
            "dur": (last["ts"] - first["ts"]).to_numpy("int64"),
            "path": path.reindex(first.index).to_numpy("uint64"),
            "acq": count(locks[acquired]),
            "rel": count(locks[~acquired]),
            "lockxor": xor(locks),
            "insfails": count(inserts[inserts["rc"] != 0]),
            "lookups": count(steps[entered & (steps["fn"] == "vm_map_lookup")]),
            "frees": count(frees),
            "freexor": xor(frees),
            "execname": pa.array(first["execname"].tolist(), pa.string()).dictionary_encode(),
        }
    )
    net = acquired.map({True: 1, False: -1}).groupby([locks["fault"], locks["a0"]]).sum()
    open_locks = net[net > 0].reset_index()[["fault", "a0"]]
    unpaired = locks[acquired].merge(open_locks, on=["fault", "a0"]).groupby(["fault", "a0"], as_index=False).last()
    unpaired = unpaired.rename(columns={"a0": "lock"})
    unpaired["fault_ts"] = first["ts"].reindex(unpaired["fault"]).to_numpy() if len(unpaired) else []
    return table, unpaired[["fault_ts", "tid", "lock", "name", "site", "reader"]]


def _failed_inserts(steps: pd.DataFrame) -> pd.DataFrame:
    """Radix inserts without a node inside whole faults: ts, fn, rc, infault.

    From 15 on the functions that insert a page tell of them; before, they only pass on what vm_radix_insert returns.
    """
    failed = steps[(steps["tag"] == "R") & (steps["rc"] != 0)]
    telling = ["vm_radix_insert"] if (failed["fn"] == "vm_radix_insert").any() else _INSERTS
    return failed.loc[failed["fn"].isin(telling), ["ts", "fn"]].assign(rc=_ENOMEM, infault=1)


def _page_moves(steps: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The page moves inside whole faults, and the radix operations of each.

    A move's operations are those between its entry and its return, and the radix remove that directly comes before
    the entry: vm_page_remove takes the page out of where it was, or vm_page_free the page that it replaces.
    Where the release has no return probe (vm_page_replace on 13), the move ends with the last radix record after it.
    """
    moves: list[dict[str, Any]] = []
    operations: list[tuple[str, str]] = []
    entries = np.flatnonzero((steps["tag"] == "E").to_numpy() & steps["fn"].isin(list(_MOVES)).to_numpy())
    tags, functions = steps["tag"].to_numpy(object), steps["fn"].to_numpy(object)
    faults, stamps, results = steps["fault"].to_numpy(), steps["ts"].to_numpy(), steps["rc"].to_numpy()
    for start in entries:
        move = _MOVES[functions[start]]
        radix: list[str] = []
        before = start - 1
        while before >= 0 and faults[before] == faults[start] and functions[before] == "vm_radix_remove":
            if tags[before] == "E":
                radix.append("remove")
                break
            before -= 1
        end, returned = start + 1, None
        while end < len(tags) and faults[end] == faults[start]:
            if tags[end] == "R" and functions[end] == functions[start]:
                returned = end
                break
            if not functions[end].startswith(("vm_radix_", "zone_alloc_item")):
                break
            if tags[end] == "E" and functions[end] != "zone_alloc_item":
                radix.append(functions[end].removeprefix("vm_radix_").partition("_")[0])
            end += 1
        moves.append(
            {
                "fn": move,
                "rc": NOT_RECORDED if returned is None else int(np.int64(results[returned]).astype(np.int32)),
                "dur": None if returned is None else int(stamps[returned] - stamps[start]),
            }
        )
        operations += [(move, name) for name in radix]
    counted = pd.DataFrame(operations, columns=["move", "operation"])
    return (
        pd.DataFrame(moves, columns=["fn", "rc", "dur"]),
        counted.groupby(["move", "operation"], as_index=False).size().rename(columns={"size": "operations"}),
    )


def count_steps(tables: dict[str, pa.Table]) -> dict[str, pa.Table]:
    """The tables `steps` and `lock_sites` of one block."""
    found = {}
    if "E" in tables:
        found["steps"] = group("steps", tables["E"], count="calls")
    if "L" in tables:
        locks = tables["L"].select(["op", "name", "site"]).rename_columns(["operation", "lock", "site"])
        modes = pc.if_else(pc.equal(tables["L"]["reader"], 0), "write", "read")
        found["lock_sites"] = group("lock_sites", locks.append_column("mode", modes), count="operations")
    return found
