"""Page moves: rename against replace."""

import pandas as pd

from analyzer.analysis.coverage import calls, move_function
from analyzer.analysis.failures import MOVES
from analyzer.ingest.releases import MOVERS, NOT_RECORDED, frame_function
from analyzer.summary.histogram import shown_percentiles
from analyzer.summary.summary import LogSummary

_EXCLUSIVE = 2  # busy_lock of a page held exclusively (sys/vm/vm_page.h, VPB_BIT_EXCLUSIVE)


def move_costs(log: LogSummary) -> pd.DataFrame:
    """One row a function and place; times in ns, None is not measured.

    function, infault (1, 0, or -1: not recorded), moves, failed, calls (counted, of that function), mean, p50, p99,
    longest, exclusively_busy and dirty (shares of the moves), had_object (share whose page was in an object before),
    lookups, inserts, removes, replaces (radix operations a move, from vmevents).
    """
    moves = log.table("moves")
    rows = []
    for (function, infault), part in moves.groupby(["fn", "infault"]):
        number, time = int(part["moves"].sum()), int(part["dur"].sum())
        timed = time > 0
        rows.append(
            {
                "function": move_function(log, function),
                "infault": int(infault),
                "moves": number,
                "failed": int(part.loc[~part["rc"].isin([0, NOT_RECORDED]), "moves"].sum()),
                "calls": calls(log, move_function(log, function)),
                "mean": time / number if timed else None,
                "longest": int(part["longest"].max()) if timed else None,
                "exclusively_busy": _share(part, part["busy"] == _EXCLUSIVE, "busy"),
                "dirty": _share(part, part["dirty"] != 0, "dirty"),
                "had_object": _share(part, part["has_object"] == 1, "has_object"),
                **_radix(log, function, number if infault == 1 else 0),
            }
        )
    known = {row["function"] for row in rows}
    for function in (move_function(log, move) for move in MOVES):
        called = calls(log, function)
        if called and function not in known:  # vm_page_replace has no return probe on 13.2: counted, not recorded
            rows.append({"function": function, "infault": NOT_RECORDED, "moves": 0, "failed": 0, "calls": called})
    return pd.DataFrame(rows)


def move_percentiles(log: LogSummary) -> pd.DataFrame:
    """How long each function takes, in a fault and outside together: function, p50, p90, p99 (ns)."""
    rows = []
    for function, part in log.table("move_latency").groupby("fn"):
        p50, p90, p99 = shown_percentiles(part, "moves", [0.5, 0.9, 0.99])
        rows.append({"function": move_function(log, function), "p50": p50, "p90": p90, "p99": p99})
    return pd.DataFrame(rows, columns=["function", "p50", "p90", "p99"])


def move_bins(log: LogSummary) -> pd.DataFrame:
    """The distribution of durations: function, low, high (ns), moves."""
    bins = log.table("move_latency")
    functions = {move: move_function(log, move) for move in MOVES}
    return bins.assign(function=bins["fn"].map(functions))[["function", "low", "high", "moves"]]


def moves_by_caller(log: LogSummary) -> pd.DataFrame:
    """Who moved pages, most first: mover, function, caller (function), infault, moves, failed.

    A mover is fork's split, a collapse (of exit, exec or fork), the fault, or the caller where it is none of these.
    """
    callers = log.table("move_callers")
    named = callers.assign(
        caller=[frame_function(caller) for caller in callers["caller"]],
        function=[move_function(log, fn) for fn in callers["fn"]],
        failed=callers["moves"].where(callers["rc"] != 0, 0),
    )
    named["mover"] = [MOVERS.get(caller, caller) for caller in named["caller"]]
    keys = ["mover", "function", "caller", "infault"]
    found = named.groupby(keys, as_index=False)[["moves", "failed"]].sum()
    return found.sort_values(["moves", *keys], ascending=[False] + [True] * 4, ignore_index=True)


def replaced_busy(log: LogSummary) -> tuple[int, int]:
    """Of how many replaced pages the state is known, the exclusively busy ones first: the question of review D4326."""
    replaced = log.table("replaced")
    return int(replaced.loc[replaced["busy"] == _EXCLUSIVE, "pages"].sum()), int(replaced["pages"].sum())


def _share(part: pd.DataFrame, mask: pd.Series, column: str) -> float | None:
    known = part[column] != NOT_RECORDED
    of = part.loc[known, "moves"].sum()
    return float(part.loc[known & mask, "moves"].sum() / of) if of else None


def _radix(log: LogSummary, function: str, moves: int) -> dict[str, float | None]:
    radix = log.table("radix")
    done = radix[radix["move"] == function].set_index("operation")["operations"]
    names = {"lookup": "lookups", "insert": "inserts", "remove": "removes", "replace": "replaces"}
    measured = moves > 0 and len(done) > 0
    return {plural: float(done.get(name, 0) / moves) if measured else None for name, plural in names.items()}
