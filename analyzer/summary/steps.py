"""Faults put together again from the single steps of a vmevents log.

A thread's records from the handler's entry to its return are one fault.  Lines are in order of time only within
dtrace's switch interval, so a block settles only the faults well inside its span of time; what is near its edges
stays open until the next block is merged, or the log ends.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.releases import NOT_RECORDED
from analyzer.summary.step_times import reduce_step_times
from analyzer.summary.tables import as_table, group

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
_NO_ADDRESS = pa.scalar(0, pa.uint64())
_STEPS = pa.schema(
    [(name, pa.int64()) for name in ("line", "ts", "pid", "tid", "rc", "reader")]
    + [(name, pa.uint64()) for name in ("a0", "a1")]
    + [(name, pa.string()) for name in ("tag", "fn", "name", "site", "execname")]
)


def open_steps(tables: dict[str, pa.Table]) -> pa.Table | None:
    """E, R and L records in the order of each thread; of an L record `a0` is the lock and `fn` the operation."""
    parts = []
    for tag, renames in (("E", {}), ("R", {}), ("L", {"op": "fn", "lock": "a0"})):
        table = tables.get(tag)
        if table is None or not {"ts", "tid"} <= set(table.column_names):
            continue
        table = table.rename_columns([renames.get(name, name) for name in table.column_names])
        table = table.append_column("tag", pa.repeat(tag, len(table)))
        parts.append(pa.table([_column(table, field) for field in _STEPS], _STEPS))
    return join(parts)


def _column(table: pa.Table, field: pa.Field) -> pa.Array | pa.ChunkedArray:
    """A column of records, nothing where they have none."""
    if field.name not in table.column_names:
        return pa.repeat(pa.scalar("" if field.type == pa.string() else 0, field.type), len(table))
    return table[field.name].cast(field.type, safe=False)


def join(parts: list[pa.Table | None]) -> pa.Table | None:
    """The open steps of several blocks as one."""
    there = [part for part in parts if part is not None and len(part)]
    order = [(name, "ascending") for name in ("tid", "ts", "line")]
    return pa.concat_tables(there).sort_by(order).combine_chunks() if there else None


@dataclass
class Settled:
    """What was made of the steps that are settled.

    Attributes:
        faults: an F table (docs/log-format.md), with acq, rel, lockxor.
        moves, radix, times: the tables `moves`, `radix` and `step_times`.
        failures: failed radix inserts: ts, fn, rc, infault.
        unpaired: by the ts and tid of a fault its acquires without a release: ts, lock, name, site, reader.
        incomplete: faults whose entry or return is missing.
        rest: steps that are still open.
    """

    faults: pa.Table
    moves: pa.Table
    radix: pa.Table
    failures: pa.Table
    times: pa.Table
    unpaired: dict[tuple[int, int], list[dict[str, Any]]]
    incomplete: int
    rest: pa.Table | None


def settle_steps(steps: pa.Table, finished: bool) -> Settled:
    """Make faults of the steps that no later block can add to; of all where the log is `finished`."""
    holds = pc.any(pc.equal(steps["fn"], "vm_fault_hold")).as_py()
    handler = "vm_fault_hold" if holds else "vm_fault"
    if holds:  # up to 12.1 vm_fault only calls the handler
        steps = steps.filter(pc.not_equal(steps["fn"], "vm_fault"))
    threads, times = steps["tid"].to_numpy(), steps["ts"].to_numpy()
    entered, returned = (_are(steps, tag) & _are(steps, handler, "fn") for tag in "ER")
    new_thread = np.append(True, threads[1:] != threads[:-1])
    first = np.flatnonzero(entered | new_thread)
    last = np.append(first[1:], len(steps)) - 1
    whole = entered[first] & returned[last]
    done = np.ones(len(first), bool)
    if not finished:
        inside = (times[first] > times.min() + SLACK) & (times[last] < times.max() - SLACK)
        same_thread = ~new_thread[first[1:]]
        done = inside & (whole | np.append(False, same_thread) & np.append(same_thread, False))
    lengths = last - first + 1
    complete = steps.filter(pa.array(np.repeat(whole & done, lengths)))
    rest = steps.filter(pa.array(np.repeat(~done, lengths)))
    ends = np.cumsum(lengths[whole & done])
    faults = _faults(complete, ends - lengths[whole & done], ends)
    tags, functions, stamps, results = (complete[name].to_pylist() for name in ("tag", "fn", "ts", "rc"))
    moves, radix = _page_moves(tags, functions, stamps, results, ends)
    return Settled(
        faults,
        moves,
        radix,
        _failed_inserts(complete),
        reduce_step_times(tags, functions, stamps, ends.tolist(), faults["path"].to_pylist()),
        _unpaired(complete, faults, ends),
        int((done & ~whole).sum()),
        rest if len(rest) else None,
    )


def _are(steps: pa.Table, value: str, column: str = "tag") -> np.ndarray:
    """Which steps have that value."""
    return pc.equal(steps[column], value).to_numpy()


def _faults(steps: pa.Table, starts: np.ndarray, ends: np.ndarray) -> pa.Table:
    """One row a fault."""
    entered, results, addresses = _are(steps, "E"), steps["rc"].to_numpy(), steps["a0"].to_numpy()
    acquired, released = (_are(steps, "L") & _are(steps, operation, "fn") for operation in ("rw-acquire", "rw-release"))
    failed = _are(steps, "R") & _are(steps, "vm_radix_insert", "fn") & (results != 0)
    freed = entered & _are(steps, "vm_page_free_toq", "fn")
    functions = steps["fn"].combine_chunks().dictionary_encode()
    bits = np.array([_STEP_BITS.get(name, 0) for name in functions.dictionary.to_pylist()], np.uint64)
    path = np.where(entered, bits[functions.indices.to_numpy()], np.uint64(0))
    # What is zeroed once pmap_enter runs is a page-table page.
    mapped = np.cumsum(entered & _are(steps, "pmap_enter", "fn"))
    within = np.repeat(np.arange(len(starts)), ends - starts)
    path[_are(steps, "pmap_zero_page", "fn") & (mapped > np.append(0, mapped)[starts][within])] = 0

    def count(mask: np.ndarray) -> np.ndarray:
        return np.add.reduceat(mask.astype(np.int64), starts)

    def xor(mask: np.ndarray) -> np.ndarray:
        return np.bitwise_xor.reduceat(np.where(mask, addresses, np.uint64(0)), starts)

    first, stamps = steps.take(pa.array(starts)), steps["ts"].to_numpy()
    return pa.table(
        {
            **{name: first[name] for name in ("line", "ts", "pid", "tid")},
            "va": first["a1"],
            "rc": results[ends - 1].astype(np.int32).astype(np.int64),
            "dur": stamps[ends - 1] - stamps[starts],
            "path": np.bitwise_or.reduceat(path, starts),
            "acq": count(acquired),
            "rel": count(released),
            "lockxor": xor(acquired | released),
            "insfails": count(failed),
            "lookups": count(entered & _are(steps, "vm_map_lookup", "fn")),
            "frees": count(freed),
            "freexor": xor(freed),
            "execname": first["execname"].combine_chunks().dictionary_encode(),
        }
    )


def _unpaired(steps: pa.Table, faults: pa.Table, ends: np.ndarray) -> dict[tuple[int, int], list[dict[str, Any]]]:
    """The last acquire of each lock that a fault out of balance acquired more often than it released it."""
    uneven = pc.or_(pc.not_equal(faults["acq"], faults["rel"]), pc.not_equal(faults["lockxor"], _NO_ADDRESS))
    found = {}
    for place in np.flatnonzero(uneven.to_numpy()).tolist():
        start = int(ends[place - 1]) if place else 0
        net: Counter[int] = Counter()
        last = {}
        for row in steps.slice(start, int(ends[place]) - start).to_pylist():
            if row["tag"] == "L" and row["fn"] == "rw-acquire":
                net[row["a0"]] += 1
                last[row["a0"]] = row
            elif row["tag"] == "L" and row["fn"] == "rw-release":
                net[row["a0"]] -= 1
        key = (faults["ts"][place].as_py(), faults["tid"][place].as_py())
        found[key] = [
            {"lock": lock, **{name: last[lock][name] for name in ("ts", "name", "site", "reader")}}
            for lock in sorted(+net)
        ]
    return found


def _failed_inserts(steps: pa.Table) -> pa.Table:
    """Radix inserts without a node inside whole faults: ts, fn, rc, infault.

    From 15 on the functions that insert a page tell of them; before, they only pass on what vm_radix_insert returns.
    """
    failed = steps.filter(pa.array(_are(steps, "R") & (steps["rc"].to_numpy() != 0))).select(["ts", "fn"])
    radix = pc.equal(failed["fn"], "vm_radix_insert")
    telling = radix if pc.any(radix).as_py() else pc.is_in(failed["fn"], pa.array(_INSERTS))
    found = failed.filter(telling)
    return found.append_column("rc", pa.repeat(_ENOMEM, len(found))).append_column("infault", pa.repeat(1, len(found)))


def _page_moves(
    tags: list[str], functions: list[str], stamps: list[int], results: list[int], ends: np.ndarray
) -> tuple[pa.Table, pa.Table]:
    """The page moves inside whole faults, and the radix operations of each.

    A move's operations are those between its entry and its return, and the radix remove that directly comes before
    the entry: vm_page_remove takes the page out of where it was, or vm_page_free the page that it replaces.
    Where the release has no return probe (vm_page_replace on 13), the move ends with the last radix record after it.
    """
    moves: list[tuple[str, int, int]] = []
    operations: Counter[tuple[str, str]] = Counter()
    for start, (tag, function) in enumerate(zip(tags, functions, strict=True)):
        if tag != "E" or function not in _MOVES:
            continue
        move, fault = _MOVES[function], int(np.searchsorted(ends, start, side="right"))
        first, last = int(ends[fault - 1]) if fault else 0, int(ends[fault])
        before = start - 1
        while before >= first and functions[before] == "vm_radix_remove":
            if tags[before] == "E":
                operations[move, "remove"] += 1
                break
            before -= 1
        end, rc, duration = start + 1, NOT_RECORDED, 0
        while end < last:
            if tags[end] == "R" and functions[end] == function:
                rc, duration = int(np.int64(results[end]).astype(np.int32)), stamps[end] - stamps[start]
                break
            if not functions[end].startswith(("vm_radix_", "zone_alloc_item")):
                break
            if tags[end] == "E" and functions[end] != "zone_alloc_item":
                operations[move, functions[end].removeprefix("vm_radix_").partition("_")[0]] += 1
            end += 1
        moves.append((move, rc, duration))
    alike = {"moves": 1, "infault": 1, "busy": NOT_RECORDED, "dirty": NOT_RECORDED, "has_object": NOT_RECORDED}
    rows: dict[str, list[Any]] = {name: [value] * len(moves) for name, value in alike.items()}
    took = [duration for _, _, duration in moves]
    rows |= {"fn": [fn for fn, _, _ in moves], "rc": [rc for _, rc, _ in moves], "dur": took, "longest": took}
    radix = {"move": [move for move, _ in operations], "operation": [name for _, name in operations]}
    return as_table("moves", rows), as_table("radix", {**radix, "operations": list(operations.values())})


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
