"""Rules that a trace must keep, for a build or a test suite: kept, broken, or not to be told from this trace."""

import math
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from analyzer.analysis import imbalance
from analyzer.analysis.compare import double_frees, leaks
from analyzer.analysis.coverage import (
    coverage_counts,
    gaps,
    insert_functions,
    is_complete,
    may_have_lost_steps,
    move_function,
    require_records,
)
from analyzer.analysis.failures import failure_rates
from analyzer.analysis.statistics import quantile_ratio, wilson
from analyzer.errors import UsageError
from analyzer.format import count, counted, interval, number, share
from analyzer.ingest.releases import fault_function, path_steps
from analyzer.summary.summary import LogSummary

Outcome = Literal["kept", "broken", "cannot tell"]
FUNCTIONS = ("vm_fault", "vm_fault_hold", "vm_page_rename", "vm_page_replace", "vm_radix_insert")


@dataclass(frozen=True)
class Rules:
    """What is allowed.

    Attributes:
        max_imbalance: locks left held.
        max_failure_rate: by function (FUNCTIONS), 0 to 1.
        max_p99: by path or step, how much slower than the baseline's the 99th percentile may be: 0.2 is 20 %.
        min_coverage: 0 to 1, the least share of what the script or the kernel counted that must be recorded; where
            it is, gaps no longer keep a rule from being kept.  None: every gap does.
    """

    max_imbalance: int = 0
    max_failure_rate: dict[str, float] = field(default_factory=dict)
    max_p99: dict[str, float] = field(default_factory=dict)
    min_coverage: float | None = None


@dataclass(frozen=True)
class Checked:
    """One rule and what came of it; `text` is one sentence."""

    rule: str
    outcome: Outcome
    text: str


def check(log: LogSummary, rules: Rules, baseline: LogSummary | None) -> list[Checked]:
    """Every rule on one log, or several added.

    Raises UsageError where a rule compares with a baseline and there is none, or there is one and no rule wants it;
    DataError where a log has no records.
    """
    if rules.max_p99 and baseline is None:
        raise UsageError("max-p99 compares with a baseline: name one with --baseline")
    if baseline is not None and not rules.max_p99:
        raise UsageError("--baseline is compared with by max-p99 only: give such a rule")
    for part in (log, baseline) if baseline is not None else (log,):
        require_records(part)
    checked = [_coverage(log, rules.min_coverage)] if rules.min_coverage is not None else []
    whole = is_complete(log) or any(rule.outcome == "kept" for rule in checked)
    checked.append(_imbalance(log, rules.max_imbalance))
    if imbalance.frees_are_measured(log):
        checked.append(_double_frees(log))
    checked += [_failure_rate(log, function, most) for function, most in rules.max_failure_rate.items()]
    checked += [_p99(log, baseline, path, most) for path, most in rules.max_p99.items()]
    if whole:
        return checked
    why = "; ".join(str(gap).partition(":")[0] for gap in gaps(log)) or "lines could not be read"
    return [
        Checked(rule.rule, "cannot tell", f"{rule.text} But the trace has gaps: {why}.")
        if rule.outcome == "kept"
        else rule
        for rule in checked
    ]


def exit_code(checked: list[Checked]) -> int:
    """0: all kept; 1: at least one broken; 2: none broken, but at least one cannot be told."""
    outcomes = {rule.outcome for rule in checked}
    return 1 if "broken" in outcomes else 2 if "cannot tell" in outcomes else 0


def _coverage(log: LogSummary, least: float) -> Checked:
    rule = f"min-coverage {share(least)}"
    counts = coverage_counts(log)
    # On 13 vm_page_replace has no return probe: that is no gap of this trace.
    counts = counts[(counts["recorded"] > 0) | ~counts["measure"].str.endswith("vm_page_replace")]
    if counts.empty:
        return Checked(rule, "cannot tell", "The log has no count to hold its records against.")
    worst = counts.loc[(counts["recorded"] / counts["expected"]).idxmin()]
    covered = worst["recorded"] / worst["expected"]
    text = f"{worst['measure']}: {count(worst['recorded'])} of {count(worst['expected'])} recorded, {share(covered)}."
    return Checked(rule, "kept" if covered >= least else "cannot tell", text)


def _imbalance(log: LogSummary, most: int) -> Checked:
    rule = f"max-imbalance {count(most)}"
    found = leaks(log)
    if found is None:
        return Checked(rule, "cannot tell", "This log does not record lock balance.")
    what = f"{counted(found, 'fault')} left a lock held or did not balance."
    groups = imbalance.held_locks(log) + imbalance.leaks(log)
    if groups:
        first = groups[0].first
        what += f" The first of the largest group: {first['execname']}, thread {first['tid']}, line {first['line']}."
    if found <= most:
        return Checked(rule, "kept", what)
    # Lost lock operations look like an imbalance; an alarm read the lock word on the spot, and `held` did too.
    if may_have_lost_steps(log) and not imbalance.alarms(log, "lock-held") and not log.has("F", "held"):
        return Checked(rule, "cannot tell", f"{what} Lost records can look like that.")
    return Checked(rule, "broken", what)


def _double_frees(log: LogSummary) -> Checked:
    found = double_frees(log)
    return Checked(
        "no double free", "broken" if found else "kept", f"{counted(found, 'page was', 'pages were')} freed twice."
    )


def _failure_rate(log: LogSummary, function: str, most: float) -> Checked:
    rule = f"max-failure-rate {function}={share(most)}"
    wanted = _own_names(log, function)
    rates = failure_rates(log)
    # A row of page moves says where they were, too.
    mine = rates[[any(f"{name} ".startswith(f"{own} ") for own in wanted) for name in rates["function"]]]
    if mine.empty:
        return Checked(rule, "cannot tell", f"{function} was never seen to return.")
    failed, of = int(mine["failed"].sum()), int(mine.drop_duplicates("function")["of"].sum())
    text = f"{' and '.join(wanted)} failed {count(failed)} of {count(of)} times: {share(failed / of)}"
    text += f", 95 % interval {interval(*wilson(failed, of))}."
    return Checked(rule, "broken" if failed / of > most else "kept", text)


def _own_names(log: LogSummary, function: str) -> tuple[str, ...]:
    """What the log's release calls one of FUNCTIONS."""
    match function:
        case "vm_fault" | "vm_fault_hold":
            return (fault_function(log.meta.get("osreldate")),)
        case "vm_radix_insert":
            return insert_functions(log)
        case _:
            return (move_function(log, function.removeprefix("vm_page_")),)


def _p99(log: LogSummary, baseline: LogSummary, path: str, most: float) -> Checked:
    rule = f"max-p99 {path}=+{share(most)}"
    old, new = _latency(baseline, path), _latency(log, path)
    if old.empty or new.empty:
        side = "the baseline" if old.empty else "this trace"
        return Checked(rule, "cannot tell", f"No fault of {side} took the path {path}.")
    ratio, low, high = quantile_ratio(old, new, "faults", 0.99)
    sizes = f"{counted(int(new['faults'].sum()), 'fault')}, {count(old['faults'].sum())} in the baseline"
    if math.isnan(low):
        return Checked(rule, "cannot tell", f"Too few faults took the path {path} for a 99th percentile: {sizes}.")
    text = (
        f"The 99th percentile of {path} is {number(ratio)} times the baseline's, 95 % interval {number(low)} to "
        f"{number(high)} ({sizes})."
    )
    if ratio <= 1 + most:
        return Checked(rule, "kept", text)
    if low <= 1:
        return Checked(rule, "cannot tell", f"{text} That can be chance.")
    return Checked(rule, "broken", text)


def _latency(log: LogSummary, path: str) -> pd.DataFrame:
    """The durations of faults with that step, or of exactly that path where it has several ("copy+alloc")."""
    bits, latency = log.meta.get("bits", {}).get("path"), log.table("latency")

    def matches(value: int) -> bool:
        steps = path_steps(value, bits) or ["soft"]
        return steps == path.split("+") if "+" in path else path in steps

    return latency[[matches(value) for value in latency["path"]]]
