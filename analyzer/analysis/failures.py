"""Failure frequency: what failed, how often, of how many."""

import math
import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any, NamedTuple

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

MOVES = ("rename", "replace")
_RENAMING = re.compile(r"`vm_page_(?:iter_)?rename\+")
_FAIL_POINT = re.compile(r"(?:debug\.fail_point\.)?(\w+)='?(\d+(?:\.\d+)?)%(?:\d+\*)?return")


class Failed(NamedTuple):
    """How often a function gave that result, of so many calls; 0 of "any failure" where it never failed."""

    function: str
    result: str
    failed: int
    of: int


class FailureRate(NamedTuple):
    """How often something failed, with the 95 % Wilson interval of the rate (0 to 1)."""

    function: str
    result: str
    failed: int
    of: int
    rate: float
    low: float
    high: float


def failure_rate(function: str, result: str, failed: int, of: int) -> FailureRate:
    """The rate of failures; NaN where nothing was tried."""
    return FailureRate(function, result, failed, of, failed / of if of else math.nan, *wilson(failed, of))


def failure_rates(log: LogSummary) -> list[FailureRate]:
    """`failed_calls` with their rates, most failures first."""
    return _most_first(failure_rate(*row) for row in failed_calls(log))


def _most_first(rates: Iterable[FailureRate]) -> list[FailureRate]:
    return sorted(rates, key=lambda rate: (-rate.failed, rate.function, rate.result))


def failed_calls(log: LogSummary) -> list[Failed]:
    """Every function and result.

    A function that never failed has one row with result "any failure" and failed 0.  `of` is the number of records
    of faults and page moves, and the counted calls of vm_radix_insert (vm_radix_node_alloc).
    """
    return [*failed_faults(log), *_move_rows(log), *_insert_rows(log)]


def failures_by(log: LogSummary, key: str) -> list[FailureRate]:
    """Failed faults by "path" or "process", which stands as the function; `of` counts all of its faults."""
    if key == "path":
        by_result = {at: n for at, n in log.sums("faults", "faults", "path", "rc").items() if at[0] != NOT_RECORDED}
    else:
        by_result = log.sums("processes" if log.rows("processes") else "faults", "faults", "execname", "rc")
    of: dict[Any, int] = {}
    for (name, _), number in by_result.items():
        of[name] = of.get(name, 0) + number
    bits, osreldate = log.meta.get("bits", {}).get("path"), log.meta.get("osreldate")
    return _most_first(
        failure_rate(path_name(name, bits) if key == "path" else name, result_name(rc, osreldate), number, of[name])
        for (name, rc), number in sorted(by_result.items())
        if rc not in (0, NOT_RECORDED) and number
    )


class FailedThen(NamedTuple):
    """How often a function gave that result in a second since the trace began."""

    second: int
    function: str
    result: str
    failed: int


def failures_by_second(log: LogSummary) -> list[FailedThen]:
    """Failures over time: first those of faults, then the others."""
    osreldate, first = log.meta.get("osreldate"), first_second(log)
    handler = fault_function(osreldate)
    faults = [
        FailedThen(second - first, handler, result_name(rc, osreldate), number)
        for (second, rc), number in sorted(log.sums("seconds", "faults", "second", "rc").items())
        if rc not in (0, NOT_RECORDED)
    ]
    others = [
        FailedThen(
            second - first, move_function(log, name) if name in MOVES else name, _other_result(name, rc), number
        )
        for (second, name, rc), number in sorted(log.sums("failures", "failed", "second", "fn", "rc").items())
        if second >= 0
    ]
    return faults + others


class SelectedFault(NamedTuple):
    """A fault that the script chose to record: when is ns since the trace began, duration ns."""

    when: int
    process: str
    pid: int
    thread: int
    result: str
    path: str
    duration: int


def selected_faults(log: LogSummary) -> list[SelectedFault]:
    """The first of them by time; they are no count."""
    osreldate, bits = log.meta.get("osreldate"), log.meta.get("bits", {}).get("path")
    return [
        SelectedFault(
            when=row["ts"] - log.start,
            process=row["execname"],
            pid=row["pid"],
            thread=row["tid"],
            result=result_name(row["rc"], osreldate),
            path=path_name(row["path"], bits),
            duration=row["dur"],
        )
        for row in log.evidence.get("selected", ())
    ]


class FailedStack(NamedTuple):
    """How often an insert failed with that stack; infault is 1, 0, or -1: not recorded."""

    failed: int
    infault: int
    result: str
    stack: str


def insert_stacks(log: LogSummary) -> list[FailedStack]:
    """Insert failures by stack, most first."""
    return [
        FailedStack(row["failed"], row["infault"], insert_error_name(row["rc"]), row["stack"])
        for row in sorted(log.entries("insert_stacks"), key=lambda row: (-row["failed"], row["stack"]))
    ]


class StackBox(NamedTuple):
    """A function in a tree of stacks: start and end are counts from the left, depth is from the top."""

    depth: int
    start: int
    end: int
    function: str


def stack_tree(log: LogSummary) -> list[StackBox]:
    """The stacks of failed inserts as one tree, innermost function on top.

    A box is as wide as its function failed often, and lies below its callee.
    """
    counted = [
        ((fn, *(frame_function(frame) for frame in stack.split("\n") if frame)), failed)
        for (fn, stack), failed in sorted(log.sums("insert_stacks", "failed", "fn", "stack").items())
    ]
    return list(_boxes(counted, 0, 0))


def _boxes(counted: list[tuple[tuple[str, ...], int]], depth: int, start: int) -> Iterator[StackBox]:
    """The boxes of stacks that have what is above `depth` in common, most first."""
    below: dict[str, list[tuple[tuple[str, ...], int]]] = {}
    for stack, failed in counted:
        if len(stack) > depth:
            below.setdefault(stack[depth], []).append((stack, failed))
    sizes = {name: sum(failed for _, failed in part) for name, part in below.items()}
    for name in sorted(below, key=lambda name: (-sizes[name], name)):
        yield StackBox(depth, start, start + sizes[name], name)
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
