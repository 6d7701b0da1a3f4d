"""Failure frequency: what failed, how often, of how many."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

from analyzer.analysis.coverage import calls, failed_inserts, first_second, growth, insert_functions, move_function
from analyzer.analysis.statistics import wilson
from analyzer.ingest.releases import (
    NOT_RECORDED,
    fault_function,
    frame_function,
    insert_error_name,
    path_name,
    result_name,
)
from analyzer.summary.summary import LogSummary

if TYPE_CHECKING:
    import pandas as pd

MOVES = ("rename", "replace")
_RENAMING = re.compile(r"`vm_page_(?:iter_)?rename\+")
_FAIL_POINT = re.compile(r"(?:debug\.fail_point\.)?(\w+)='?(\d+(?:\.\d+)?)%(?:\d+\*)?return")


class Failed(NamedTuple):
    """How often a function gave that result, of so many calls; 0 of "any failure" where it never failed."""

    function: str
    result: str
    failed: int
    of: int


def failure_rates(log: LogSummary) -> pd.DataFrame:
    """`failed_calls` as a table, most failures first: function, result, failed, of, rate, low, high."""
    return _with_rates(failed_calls(log), ["function", "result"])


def failed_calls(log: LogSummary) -> list[Failed]:
    """Every function and result.

    A function that never failed has one row with result "any failure" and failed 0.  `of` is the number of records
    of faults and page moves, and the counted calls of vm_radix_insert (vm_radix_node_alloc).
    """
    return [*failed_faults(log), *_move_rows(log), *_insert_rows(log)]


def failures_by(log: LogSummary, key: str) -> pd.DataFrame:
    """Failed faults by "path" or "process": that key, result, failed, of (all faults of that key), rate, low, high."""
    faults = _recorded(log)
    if key == "path":
        faults = faults[faults["path"] != NOT_RECORDED]
    elif len(log.table("processes")):
        faults = log.table("processes")
    column = {"path": "path", "process": "execname"}[key]
    of = faults.groupby(column)["faults"].sum()
    failed = faults[~faults["rc"].isin([0, NOT_RECORDED])].groupby([column, "rc"], as_index=False)["faults"].sum()
    bits, osreldate = log.meta.get("bits", {}).get("path"), log.meta.get("osreldate")
    rows = [
        (
            path_name(row[0], bits) if key == "path" else row[0],
            result_name(row[1], osreldate),
            int(row[2]),
            int(of[row[0]]),
        )
        for row in failed.itertuples(index=False)
    ]
    return _with_rates(rows, [key, "result"])


def failures_by_second(log: LogSummary) -> pd.DataFrame:
    """Failures over time: second (since the trace began), function, result, failed."""
    import pandas as pd

    osreldate = log.meta.get("osreldate")
    seconds = log.table("seconds")
    faults = seconds[~seconds["rc"].isin([0, NOT_RECORDED])].groupby(["second", "rc"], as_index=False)["faults"].sum()
    rows = [
        (s, fault_function(osreldate), result_name(rc, osreldate), n) for s, rc, n in faults.itertuples(index=False)
    ]
    others = log.table("failures").groupby(["second", "fn", "rc"], as_index=False)["failed"].sum()
    for second, function, rc, failed in others[others["second"] >= 0].itertuples(index=False):
        name = move_function(log, function) if function in MOVES else function
        rows.append((second, name, _other_result(function, rc), failed))
    frame = pd.DataFrame(rows, columns=["second", "function", "result", "failed"])
    return frame.assign(
        second=frame["second"].astype("int64") - first_second(log), failed=frame["failed"].astype("int64")
    )


def selected_faults(log: LogSummary) -> pd.DataFrame:
    """The first faults that the script chose to record, by time; they are no count.

    when (ns since the trace began), process, pid, thread, address, result, path, duration (ns).
    """
    import pandas as pd

    osreldate, bits = log.meta.get("osreldate"), log.meta.get("bits", {}).get("path")
    rows = [
        {
            "when": row["ts"] - log.start,
            "process": row["execname"],
            "pid": row["pid"],
            "thread": row["tid"],
            "result": result_name(row["rc"], osreldate),
            "path": path_name(row["path"], bits),
            "duration": row["dur"],
        }
        for row in log.evidence.get("selected", ())
    ]
    return pd.DataFrame(rows)


def insert_stacks(log: LogSummary) -> pd.DataFrame:
    """Insert failures by stack, most first: failed, infault (1, 0, or -1: not recorded), result, stack."""
    import pandas as pd

    stacks = log.table("insert_stacks").sort_values(["failed", "stack"], ascending=[False, True])
    return pd.DataFrame(
        {
            "failed": stacks["failed"].astype("int64"),
            "infault": stacks["infault"],
            "result": [insert_error_name(rc) for rc in stacks["rc"]],
            "stack": stacks["stack"],
        }
    ).reset_index(drop=True)


def stack_tree(log: LogSummary) -> pd.DataFrame:
    """The stacks of failed inserts as one tree, innermost function on top: depth, start, end, function.

    start and end are counts from the left: a box is as wide as its function failed often, and lies below its callee.
    """
    import pandas as pd

    stacks = log.table("insert_stacks").groupby(["fn", "stack"], as_index=False)["failed"].sum()
    counted = [
        ((fn, *(frame_function(frame) for frame in stack.split("\n") if frame)), int(failed))
        for fn, stack, failed in stacks.itertuples(index=False)
    ]
    rows = list(_boxes(counted, 0, 0)) if counted else []
    return pd.DataFrame(rows, columns=["depth", "start", "end", "function"])


def _boxes(counted: list[tuple[tuple[str, ...], int]], depth: int, start: int) -> Iterator[tuple[int, int, int, str]]:
    """The boxes of stacks that have what is above `depth` in common, most first."""
    below: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for stack, failed in counted:
        if len(stack) > depth:
            below.setdefault(stack[depth], []).append((stack, failed))
    sizes = {name: sum(failed for _, failed in part) for name, part in below.items()}
    for name in sorted(below, key=lambda name: (-sizes[name], name)):
        yield depth, start, start + sizes[name], name
        yield from _boxes(below[name], depth + 1, start)
        start += sizes[name]


def fail_point(log: LogSummary) -> tuple[str, float] | None:
    """The fail point that the log names and the rate it asks for (0 to 1); None where it names none."""
    for key in ("host.failpoint", "host.command"):
        match = _FAIL_POINT.search(str(log.meta.get(key, "")))
        if match:
            return match[1], float(match[2]) / 100
    return None


def caused_moves(log: LogSummary) -> int:
    """How many page moves failed because of a recorded insert failure: one event, told by two records."""
    renaming = sum(
        failed
        for (function, stack), failed in log.sums("insert_stacks", "failed", "fn", "stack").items()
        if function == "vm_page_iter_rename" or _RENAMING.search(stack)
    )
    return min(renaming, sum(n for rc, n in log.sums("moves", "moves", "rc").items() if rc not in (0, NOT_RECORDED)))


def node_allocation_failures(log: LogSummary) -> tuple[int, int] | None:
    """Failed and all allocations of radix nodes, as the kernel counted them; None where the log has no counters."""
    failed = growth(log, "vm.uma.RADIX_NODE.stats.fails")
    done = growth(log, "vm.uma.RADIX_NODE.stats.allocs")
    return None if failed is None or done is None else (failed, done + failed)


def _recorded(log: LogSummary) -> pd.DataFrame:
    faults = log.table("faults")
    return faults[faults["faults"] > 0]


def failed_faults(log: LogSummary) -> list[Failed]:
    """The faults among `failed_calls`."""
    osreldate = log.meta.get("osreldate")
    by_result = {rc: n for rc, n in log.sums("faults", "faults", "rc").items() if rc != NOT_RECORDED and n}
    return _rows(fault_function(osreldate), by_result, lambda rc: result_name(rc, osreldate))


def _move_rows(log: LogSummary) -> list[Failed]:
    where = {1: " in a fault", 0: " outside faults"}
    by_place: dict[tuple[str, int], dict[int, int]] = {}
    for (function, infault, rc), n in log.sums("moves", "moves", "fn", "infault", "rc").items():
        if rc != NOT_RECORDED:
            by_place.setdefault((function, infault), {})[rc] = n
    return [
        row
        for (function, infault), by_result in by_place.items()
        for row in _rows(
            move_function(log, function) + where.get(infault, ""), by_result, lambda rc: _other_result("rename", rc)
        )
    ]


def _insert_rows(log: LogSummary) -> list[Failed]:
    """Of each function that inserts; what vm_page_iter_rename does stands among the moves."""
    rows = []
    for function in insert_functions(log):
        of = calls(log, function)
        if of is not None and function != "vm_page_iter_rename":
            by_result: dict[int, int] = {}
            for (name, rc, _), n in failed_inserts(log).items():
                if name == function:
                    by_result[rc] = by_result.get(rc, 0) + n
            failed = sum(by_result.values())
            # Where counts of calls were lost there is no rate.
            rows += _rows(function, {**by_result, 0: of - failed}, insert_error_name) if of >= failed else []
    return rows


def _rows(function: str, by_result: dict[int, int], name: Callable[[int], str]) -> list[Failed]:
    of = sum(by_result.values())
    failed = [Failed(function, name(rc), n, of) for rc, n in by_result.items() if rc != 0 and n]
    return failed or ([Failed(function, "any failure", 0, of)] if of else [])


def _other_result(function: str, rc: int) -> str:
    return f"failed ({rc})" if function in MOVES else insert_error_name(rc)


def _with_rates(rows: Sequence[tuple[object, ...]], keys: list[str]) -> pd.DataFrame:
    import pandas as pd

    frame = pd.DataFrame(rows, columns=[*keys, "failed", "of"])
    intervals = [wilson(failed, of) for failed, of in zip(frame["failed"], frame["of"], strict=True)]
    frame["rate"] = [failed / of if of else math.nan for failed, of in zip(frame["failed"], frame["of"], strict=True)]
    frame["low"], frame["high"] = [low for low, _ in intervals], [high for _, high in intervals]
    return frame.sort_values(["failed", *keys], ascending=[False] + [True] * len(keys), ignore_index=True)
