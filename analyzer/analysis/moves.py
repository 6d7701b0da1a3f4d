"""Page moves: rename against replace."""

from collections.abc import Callable
from typing import Any, NamedTuple

from analyzer.analysis.coverage import calls, move_function
from analyzer.analysis.failures import MOVES
from analyzer.ingest.releases import MOVERS, NOT_RECORDED, frame_function
from analyzer.summary.histogram import Shown, histograms, shown_percentiles
from analyzer.summary.summary import LogSummary

_EXCLUSIVE = 2  # busy_lock of a page held exclusively (sys/vm/vm_page.h, VPB_BIT_EXCLUSIVE)


class MoveCost(NamedTuple):
    """What a function's page moves at one place cost; times in ns, None is not measured.

    infault is 1, 0, or -1: not recorded; calls are those counted of the function; exclusively_busy and dirty are shares
    of the moves, had_object that whose page was in an object before; lookups to replaces are radix operations a move,
    from vmevents.
    """

    function: str
    infault: int
    moves: int
    failed: int
    calls: int | None
    mean: float | None = None
    longest: int | None = None
    exclusively_busy: float | None = None
    dirty: float | None = None
    had_object: float | None = None
    lookups: float | None = None
    inserts: float | None = None
    removes: float | None = None
    replaces: float | None = None


def move_costs(log: LogSummary) -> list[MoveCost]:
    """All functions and places; a function that was counted and not recorded comes last."""
    places: dict[tuple[str, int], list[dict[str, Any]]] = {}
    for row in log.entries("moves"):
        places.setdefault((row["fn"], row["infault"]), []).append(row)
    costs = []
    for (move, infault), rows in sorted(places.items()):
        number, time = (sum(row[name] for row in rows) for name in ("moves", "dur"))
        function = move_function(log, move)
        costs.append(
            MoveCost(
                function=function,
                infault=infault,
                moves=number,
                failed=sum(row["moves"] for row in rows if row["rc"] not in (0, NOT_RECORDED)),
                calls=calls(log, function),
                mean=time / number if time > 0 else None,
                longest=max(row["longest"] for row in rows) if time > 0 else None,
                exclusively_busy=_share(rows, "busy", lambda busy: busy == _EXCLUSIVE),
                dirty=_share(rows, "dirty", lambda dirty: dirty != 0),
                had_object=_share(rows, "has_object", lambda has: has == 1),
                **_radix(log, move, number if infault == 1 else 0),
            )
        )
    known = {cost.function for cost in costs}
    for function in (move_function(log, move) for move in MOVES):
        called = calls(log, function)
        if called and function not in known:  # vm_page_replace has no return probe on 13.2: counted, not recorded
            costs.append(MoveCost(function, NOT_RECORDED, moves=0, failed=0, calls=called))
    return costs


def _share(rows: list[dict[str, Any]], column: str, has: Callable[[int], bool]) -> float | None:
    """The share of the moves whose `column` is so, of those where it was recorded."""
    known = [row for row in rows if row[column] != NOT_RECORDED]
    of = sum(row["moves"] for row in known)
    return sum(row["moves"] for row in known if has(row[column])) / of if of else None


def _radix(log: LogSummary, move: str, moves: int) -> dict[str, float | None]:
    by_move = log.sums("radix", "operations", "move", "operation")
    done = {operation: number for (of, operation), number in by_move.items() if of == move}
    names = {"lookup": "lookups", "insert": "inserts", "remove": "removes", "replace": "replaces"}
    return {plural: done.get(name, 0) / moves if moves and done else None for name, plural in names.items()}


class MovePercentiles(NamedTuple):
    """How long a function takes (ns), in a fault and outside together."""

    function: str
    p50: Shown
    p90: Shown
    p99: Shown


def move_percentiles(log: LogSummary) -> list[MovePercentiles]:
    """Of each function whose durations were recorded."""
    return [
        MovePercentiles(move_function(log, move), *shown_percentiles(histogram, [0.5, 0.9, 0.99]))
        for move, histogram in histograms(log.entries("move_latency"), "moves", "fn").items()
    ]


class MoveBin(NamedTuple):
    """How many moves by a function took low <= x < high (ns)."""

    function: str
    low: float
    high: float
    moves: int


def move_bins(log: LogSummary) -> list[MoveBin]:
    """The distribution of durations by function."""
    by_move = histograms(log.entries("move_latency"), "moves", "fn")
    return [MoveBin(move_function(log, move), *each) for move, histogram in by_move.items() for each in histogram]


class Mover(NamedTuple):
    """Page moves by who wanted them: fork's split, a collapse (of exit, exec or fork), the fault, or another caller."""

    mover: str
    function: str
    caller: str
    infault: int
    moves: int
    failed: int


def moves_by_caller(log: LogSummary) -> list[Mover]:
    """Who moved pages, most first; infault as in MoveCost."""
    found: dict[tuple[str, str, str, int], tuple[int, int]] = {}
    for row in log.entries("move_callers"):
        caller = frame_function(row["caller"])
        key = MOVERS.get(caller, caller), move_function(log, row["fn"]), caller, row["infault"]
        moves, failed = found.get(key, (0, 0))
        found[key] = moves + row["moves"], failed + (row["moves"] if row["rc"] else 0)
    ordered = sorted(found.items(), key=lambda each: (-each[1][0], each[0]))
    return [Mover(*key, *counts) for key, counts in ordered]


def replaced_busy(log: LogSummary) -> tuple[int, int]:
    """Of how many replaced pages the state is known, the exclusively busy ones first: the question of review D4326."""
    by_state = log.sums("replaced", "pages", "busy")
    return by_state.get(_EXCLUSIVE, 0), sum(by_state.values())
