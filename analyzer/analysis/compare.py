"""Two Summaries side by side: what differs in kind, and which rates and costs differ by more than chance explains."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pandas as pd

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import gaps, is_complete
from analyzer.analysis.failures import MOVES, failed_calls
from analyzer.analysis.moves import move_bins, move_costs
from analyzer.analysis.paths import latency_bins
from analyzer.analysis.statistics import (
    conditional_poisson,
    count_difference,
    fisher,
    holm,
    quantile_ratio,
    rate_difference,
    superiority,
    wilson,
)
from analyzer.format import NOT_MEASURED, counted
from analyzer.ingest.releases import fault_function, path_name, path_steps, release
from analyzer.summary.evidence import Row
from analyzer.summary.histogram import Bin, by_name, percentiles, size
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary

SIGNIFICANT = 0.05
MILLION = 1_000_000
_LONGER = 1.1  # from this ratio on, durations of traces differ in kind
_ANY = "any failure"
_RADIX = ("lookup", "insert", "remove", "replace")

# What a rate is of: (group, what it is) -> (hits, of how many).
Rates = dict[tuple[str, str], tuple[int, int]]


@dataclass(frozen=True)
class Comparison:
    """Two sides and what was found; p is of one comparison alone, `corrected` is for all of them (Holm).

    Attributes:
        before, after: the logs of each side, added.
        kinds: what, before, after (texts), differs (bool).
        rates: group ("failure", "imbalance", "move", "path"), what, hits and of, rate, low, high, per_million (faults)
            each with the suffix _before and _after, difference (after - before), low, high, ratio, p, corrected.
        costs: what (a path, or a function that moves pages), number, p50, p99 with suffixes, p50_ratio, p99_ratio
            (after over before) each with _low and _high, slower (the chance that one after took longer than one
            before), low, high, effect (word), p, corrected.  Times are ns.
        radix: operation, operations, moves, per_move with suffixes, difference, low, high, p, corrected.
        moves: function, infault, moves, per_million with suffixes: bursts, so without a test.
    """

    before: LogSummary
    after: LogSummary
    kinds: pd.DataFrame
    rates: pd.DataFrame
    costs: pd.DataFrame
    radix: pd.DataFrame
    moves: pd.DataFrame

    @property
    def comparisons(self) -> int:
        """How many tests were made."""
        return sum(int(frame["p"].notna().sum()) for frame in (self.rates, self.costs, self.radix))

    def significant(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The rows of rates, costs or radix that chance does not explain, surest first."""
        kept = frame[frame["corrected"] < SIGNIFICANT]
        return kept.sort_values("corrected", kind="stable", ignore_index=True)


def compare(before: Summary, after: Summary) -> Comparison:
    """All comparisons of two Summaries, their p values corrected together."""
    old, new = before.total(), after.total()
    rates, costs, radix = _rates(old, new), _costs(old, new), _radix(old, new)
    frames = [rates, costs, radix]
    corrected = iter(holm([p for frame in frames for p in frame["p"]]))
    for frame in frames:
        frame["corrected"] = [next(corrected) for _ in range(len(frame))]
    return Comparison(old, new, _kinds(before, after, old, new), rates, costs, radix, _moves(old, new))


def seconds(summary: Summary) -> float:
    """How long the logs are together, from #timestamp to #end where they have both."""
    spans = []
    for log in summary.logs:
        start, end = log.meta.get("timestamp", log.first_ts), log.meta.get("end", log.last_ts)
        spans.append(end - start if start is not None and end is not None else 0)
    return sum(spans) / SECOND


@dataclass(frozen=True)
class Consequence:
    """What became of the page moves that failed inside faults.

    Attributes:
        moves: evidence rows of those moves, as far as they were kept.
        returned: how many of their faults have a record of their own.
        held, freed: how many were followed, in the same fault, by a lock left held, by a double free.
    """

    moves: int
    returned: int
    held: int
    freed: int


def consequence(log: LogSummary) -> Consequence:
    """What followed the failed moves in faults, which is how the bug of D4326 shows."""
    moves = imbalance.failed_moves_in_faults(log)
    return Consequence(
        len(moves),
        sum(move.get("returned") is True for move in moves),
        sum(_followed(log, move, "lock-held", "imbalance") for move in moves),
        sum(_followed(log, move, "double-free", "double-free") for move in moves),
    )


def _followed(log: LogSummary, move: Row, alarm: str, fault: str) -> bool:
    mine = [row for kind in ("alarm", fault) for row in log.evidence.get(kind, ()) if row["tid"] == move["tid"]]
    return any(
        (row["ts"] >= move["ts"] and row["object"] == move.get("dst"))
        if row.get("kind") == alarm
        else "dur" in row and row["ts"] <= move["ts"] <= row["ts"] + row["dur"]
        for row in mine
    )


def _kinds(before: Summary, after: Summary, old: LogSummary, new: LogSummary) -> pd.DataFrame:
    def both(what: str, of: Callable[[LogSummary], object]) -> tuple[str, str, str, bool]:
        old_ones, new_ones = (", ".join(sorted({str(of(log)) for log in side.logs})) for side in (before, after))
        return what, old_ones, new_ones, old_ones != new_ones

    def meta(key: str) -> Callable[[LogSummary], object]:
        return lambda log: log.meta.get(key, NOT_MEASURED)

    columns = [{name for name, _ in log.meta.get("fields", {}).get("F", ())} for log in (old, new)]
    only = [" ".join(sorted(own - others)) for own, others in (columns, reversed(columns))]
    lengths = [seconds(before), seconds(after)]
    differ = all(lengths) and min(lengths) * _LONGER < max(lengths)
    lost = ["; ".join(str(gap).partition(":")[0] for gap in gaps(log)) or "none" for log in (old, new)]
    rows = [
        both("release", lambda log: release(log.meta.get("osreldate"))),
        both("kernel", meta("host.ident")),
        both("script", meta("script")),
        ("columns of F", *(f"only here: {names}" if names else NOT_MEASURED for names in only), any(only)),
        both("filter", lambda log: log.meta.get("filter") or log.meta.get("host.filter") or "none"),
        both("command", meta("host.command")),
        both("CPUs", meta("host.ncpu")),
        both("memory", _memory),
        ("duration", *(f"{length:.1f} s" if length else NOT_MEASURED for length in lengths), differ),
        ("gaps", *lost, not (is_complete(old) and is_complete(new))),
        ("logs", *(counted(len(side.logs), "log") for side in (before, after)), len(before.logs) != len(after.logs)),
    ]
    return pd.DataFrame(rows, columns=["what", "before", "after", "differs"])


def _memory(log: LogSummary) -> str:
    """In MB: from boot to boot, the kernel keeps some pages more or less."""
    known = str(log.meta.get("host.physmem", ""))
    return f"{int(known) >> 20} MB" if known.isdecimal() else NOT_MEASURED


def _counted(log: LogSummary) -> Rates:
    found = _failures(log) | _imbalances(log)
    all_faults, bits = log.faults, log.meta.get("bits", {}).get("path")
    for path, number in sorted(log.sums("faults", "faults", "path").items()):
        if all_faults:
            name = path_name(path, bits)
            found["path", name] = found.get(("path", name), (0, 0))[0] + number, all_faults
            for step in path_steps(path, bits) if path >= 0 else ():
                if step in MOVES:
                    what = ("move", f"faults that moved a page by {step}")
                    found[what] = found.get(what, (0, 0))[0] + number, all_faults
    return found


def _failures(log: LogSummary) -> Rates:
    """By function and result; a function that releases name differently has one name."""
    own = fault_function(log.meta.get("osreldate"))

    def named(function: str) -> str:
        return "fault" if function == own else function.replace("vm_page_iter_rename", "vm_page_rename")

    return {
        ("failure", f"{named(row.function)}: {row.result}"): (row.failed, row.of)
        for row in sorted(failed_calls(log), key=lambda row: -row.failed)
    }


def _imbalances(log: LogSummary) -> Rates:
    found: Rates = {}
    recorded = log.faults
    if imbalance.balance_is_measured(log):
        counted_faults = imbalance.counted(log, "unbalanced"), imbalance.counted(log, "balance asked")
        found["imbalance", "faults that returned out of balance"] = counted_faults
    if log.has("X") and recorded:
        found["imbalance", "alarms: lock left held"] = len(imbalance.alarms(log, "lock-held")), recorded
        found["imbalance", "alarms: double free"] = len(imbalance.alarms(log, "double-free")), recorded
    after_failure = consequence(log)
    if after_failure.moves:
        found["imbalance", "failed moves in faults that left a lock held"] = after_failure.held, after_failure.moves
        found["imbalance", "failed moves in faults that freed a page twice"] = after_failure.freed, after_failure.moves
    return found


def _rates(old: LogSummary, new: LogSummary) -> pd.DataFrame:
    sides = _counted(old), _counted(new)
    whole = [is_complete(log) for log in (old, new)]
    rows = []
    for key in _keys(*sides):
        counts = [_of_side(side, key) for side in sides]
        row: dict[str, Any] = {"group": key[0], "what": key[1]}
        for suffix, log, (hits, of) in zip(("before", "after"), (old, new), counts, strict=True):
            low, high = wilson(hits, of)
            known = bool(of)
            row |= {
                f"hits_{suffix}": hits if known else None,
                f"of_{suffix}": of if known else None,
                f"rate_{suffix}": hits / of if known else math.nan,
                f"low_{suffix}": low,
                f"high_{suffix}": high,
                f"per_million_{suffix}": _per_million(hits if known else None, log),
            }
        # Inserts are counted in the kernel, their failures are records: where records are lost, the rate is too low.
        fair = all(whole) or not key[1].startswith("vm_radix_")
        rows.append(row | (_rate_test(*counts) if fair else _rate_test((0, 0), (0, 0))))
    frame = pd.DataFrame(rows, columns=None if rows else ["group", "what", "p"])
    return frame.sort_values(["group", "what"], kind="stable", ignore_index=True)


def _keys(before: Rates, after: Rates) -> list[tuple[str, str]]:
    """What either side has; "any failure" only where neither saw a failure of that function."""
    keys = sorted({*before, *after})
    failed = {what.partition(":")[0] for group, what in keys if group == "failure" and not what.endswith(_ANY)}
    return [key for key in keys if not (key[1].endswith(_ANY) and key[1].partition(":")[0] in failed)]


def _of_side(side: Rates, key: tuple[str, str]) -> tuple[int, int]:
    """Hits and of; a failure or path that this side never saw is 0 of all that it has of that function."""
    if key in side:
        return side[key]
    group, what = key
    alike: dict[str, Callable[[str], bool]] = {
        "failure": lambda other: other.partition(":")[0] == what.partition(":")[0],
        "path": lambda other: True,
        "move": lambda other: True,
    }
    same = alike.get(group)
    totals = [of for (kind, other), (_, of) in side.items() if same and kind == group and same(other)]
    if not totals and group == "move":
        totals = [of for (kind, _), (_, of) in side.items() if kind == "path"]
    return 0, max(totals, default=0)


def _rate_test(before: tuple[int, int], after: tuple[int, int]) -> dict[str, float]:
    if not before[1] or not after[1]:
        return dict.fromkeys(("difference", "low", "high", "ratio", "p"), math.nan)
    low, high = rate_difference(*after, *before)
    rates = before[0] / before[1], after[0] / after[1]
    return {
        "difference": rates[1] - rates[0],
        "low": low,
        "high": high,
        "ratio": rates[1] / rates[0] if rates[0] else math.nan,
        "p": fisher(*after, *before),
    }


def _costs(old: LogSummary, new: LogSummary) -> pd.DataFrame:
    rows = []
    for bins in (latency_bins, move_bins):
        before, after = (by_name(bins(log)) for log in (old, new))
        totals = {what: size(before.get(what, ())) + size(after.get(what, ())) for what in sorted(before | after)}
        for what in sorted(totals, key=lambda what: -totals[what]):
            rows.append(_cost(what, before.get(what, []), after.get(what, [])))
    return pd.DataFrame(rows, columns=None if rows else ["what", "p"])


def _cost(what: str, before: list[Bin], after: list[Bin]) -> dict[str, Any]:
    row: dict[str, Any] = {"what": what, "p": math.nan}
    for suffix, part in (("before", before), ("after", after)):
        row[f"number_{suffix}"] = size(part)
        if part:
            row[f"p50_{suffix}"], row[f"p99_{suffix}"] = percentiles(part, [0.5, 0.99])
    if not (before and after):
        return row
    for name, share in (("p50", 0.5), ("p99", 0.99)):
        ratio, low, high = quantile_ratio(before, after, share)
        row |= {f"{name}_ratio": ratio, f"{name}_low": low, f"{name}_high": high}
    ranks = superiority(before, after)
    if ranks is not None:
        row |= {"slower": ranks.larger, "low": ranks.low, "high": ranks.high, "effect": ranks.size, "p": ranks.p}
    return row


def _radix(old: LogSummary, new: LogSummary) -> pd.DataFrame:
    sides = [_operations(log) for log in (old, new)]
    rows = []
    if all(moves for _, moves in sides):
        (before, moves_before), (after, moves_after) = sides
        for operation in (*_RADIX, "all"):
            counts = [sum(done.values()) if operation == "all" else done.get(operation, 0) for done in (before, after)]
            low, high = count_difference(counts[1], moves_after, counts[0], moves_before)
            rows.append(
                {
                    "operation": operation,
                    "operations_before": counts[0], "moves_before": moves_before,
                    "operations_after": counts[1], "moves_after": moves_after,
                    "per_move_before": counts[0] / moves_before, "per_move_after": counts[1] / moves_after,
                    "difference": counts[1] / moves_after - counts[0] / moves_before, "low": low, "high": high,
                    "p": conditional_poisson(counts[1], moves_after, counts[0], moves_before),
                }
            )  # fmt: skip
    return pd.DataFrame(rows, columns=None if rows else ["operation", "p"])


def _operations(log: LogSummary) -> tuple[dict[str, int], int]:
    """Radix operations of the page moves in faults, by operation; and how many moves."""
    done = log.sums("radix", "operations", "operation")
    return done, log.sums("moves", "moves", "infault").get(1, 0) if done else 0


def _moves(old: LogSummary, new: LogSummary) -> pd.DataFrame:
    keys = ["function", "infault"]
    sides = []
    for suffix, log in (("before", old), ("after", new)):
        rows = [(cost.function, cost.infault, cost.moves) for cost in move_costs(log)]
        side = pd.DataFrame(rows, columns=[*keys, "moves"])
        side = side.assign(per_million=[_per_million(n, log) for n in side["moves"]])
        sides.append(side.set_index(keys).add_suffix(f"_{suffix}"))
    return pd.concat(sides, axis=1).reset_index()


def _per_million(number: int | None, log: LogSummary) -> float:
    recorded = log.faults
    return number / recorded * MILLION if recorded and number is not None else math.nan
