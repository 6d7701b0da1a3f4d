"""Rules that a trace must keep, for a build or a test suite: kept, broken, or not to be told from this trace."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Literal

from analyzer.analysis.coverage import (
    counts,
    insert_functions,
    is_complete,
    may_have_lost_steps,
    move_function,
    require_records,
)
from analyzer.analysis.failures import failed_calls
from analyzer.analysis.statistics import quantile_ratio, wilson
from analyzer.errors import UsageError
from analyzer.format import count, counted, interval, number, share
from analyzer.ingest.releases import fault_function, path_steps
from analyzer.summary.histogram import Bin, histograms, size
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.verdict import Answer, judge, together

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


@dataclass(frozen=True)
class Check:
    """All rules, and what the logs are that they were asked of (Verdict.scope, one a log)."""

    rules: list[Checked]
    scopes: list[str]

    @property
    def exit_code(self) -> int:
        """0: all kept; 1: at least one broken; 2: none broken, but at least one cannot be told."""
        outcomes = {rule.outcome for rule in self.rules}
        return 1 if "broken" in outcomes else 2 if "cannot tell" in outcomes else 0


def check(summary: Summary, rules: Rules, baseline: LogSummary | None) -> Check:
    """Every rule on one log, or several together.

    A rule is kept where the verdict says so of each log, and broken only by what is proved.

    Raises UsageError where a rule compares with a baseline and there is none, or there is one and no rule wants it;
    DataError where a log has no records.
    """
    if rules.max_p99 and baseline is None:
        raise UsageError("max-p99 compares with a baseline: name one with --baseline")
    if baseline is not None and not rules.max_p99:
        raise UsageError("--baseline is compared with by max-p99 only: give such a rule")
    for part in [*summary.logs, *([baseline] if baseline is not None else [])]:
        require_records(part)
    verdicts, log = [judge(part) for part in summary.logs], summary.total()
    checked = [_coverage(log, rules.min_coverage)] if rules.min_coverage is not None else []
    asked = _Asked(together(verdicts), log, any(rule.outcome == "kept" for rule in checked))
    checked.append(_imbalance(asked, rules.max_imbalance))
    if asked.answers["double-free"].seen:
        checked.append(_double_frees(asked))
    checked += [_failure_rate(asked, function, most) for function, most in rules.max_failure_rate.items()]
    if baseline is not None:
        checked += [_p99(asked, baseline, path, most) for path, most in rules.max_p99.items()]
    return Check(checked, [found.scope for found in verdicts])


@dataclass(frozen=True)
class _Asked:
    """What rules are asked of: the answers of all logs, the logs added, and whether min-coverage forgives gaps."""

    answers: dict[str, Answer]
    log: LogSummary
    forgiven: bool

    def doubt(self, answer: Answer) -> str:
        """What keeps a rule about the answer from being called kept; "" where nothing does."""
        if answer.certainty in ("clean", "proved") and (is_complete(self.log) or self.forgiven):
            return ""
        if answer.seen and self.forgiven and answer.certainty == "not measured":
            return ""
        return answer.reason or "the trace has gaps"


def _coverage(log: LogSummary, least: float) -> Checked:
    rule = f"min-coverage {share(least)}"
    if not counts(log):
        return Checked(rule, "cannot tell", "The log has no count to hold its records against.")
    worst = min(counts(log), key=lambda row: row.recorded / row.expected)
    covered = worst.recorded / worst.expected
    text = f"{worst.measure}: {count(worst.recorded)} of {count(worst.expected)} recorded, {share(covered)}."
    return Checked(rule, "kept" if covered >= least else "cannot tell", text)


def _imbalance(asked: _Asked, most: int) -> Checked:
    rule, answer = f"max-imbalance {count(most)}", asked.answers["lock-held"]
    text = f"{counted(answer.count or 0, 'fault')} left a lock held or did not balance."
    if answer.findings:
        text += f" {answer.findings[0].headline}"
    if (answer.count or 0) > most:
        return _broken(rule, text, answer)
    return _kept(rule, text, asked.doubt(answer))


def _double_frees(asked: _Asked) -> Checked:
    answer = asked.answers["double-free"]
    text = f"{counted(answer.count or 0, 'page was', 'pages were')} freed twice."
    if answer.count:
        return _broken("no double free", text, answer)
    return _kept("no double free", text, asked.doubt(answer))


def _broken(rule: str, text: str, answer: Answer) -> Checked:
    if answer.certainty == "proved":
        return Checked(rule, "broken", text)
    return Checked(rule, "cannot tell", f"{text} But {answer.reason}.")


def _kept(rule: str, text: str, doubt: str) -> Checked:
    return Checked(rule, "cannot tell", f"{text} But {doubt}.") if doubt else Checked(rule, "kept", text)


# The claims that say what a function's failures are worth.
_CLAIMS = {
    "vm_fault": ("failed-fault",),
    "vm_fault_hold": ("failed-fault",),
    "vm_page_rename": ("failed-move-in-fault", "failed-move"),
    "vm_page_replace": (),
    "vm_radix_insert": ("failed-insert",),
}


def _failure_rate(asked: _Asked, function: str, most: float) -> Checked:
    rule, log = f"max-failure-rate {function}={share(most)}", asked.log
    wanted = _own_names(log, function)
    # A row of page moves says where they were, too.
    mine = [row for row in failed_calls(log) if any(f"{row.function} ".startswith(f"{own} ") for own in wanted)]
    if not mine:
        return Checked(rule, "cannot tell", f"{function} was never seen to return, or its calls were not counted.")
    failed, of = sum(row.failed for row in mine), sum({row.function: row.of for row in mine}.values())
    text = f"{' and '.join(wanted)} failed {count(failed)} of {count(of)} times: {share(failed / of)}"
    text += f", 95 % interval {interval(*wilson(failed, of))}."
    answers = [asked.answers[key] for key in _CLAIMS[function]]
    doubts = [doubt for doubt in map(asked.doubt, answers) if doubt]
    if failed / of > most and (asked.forgiven or not may_have_lost_steps(log)):
        return Checked(rule, "broken", text)
    return _kept(rule, text, doubts[0] if doubts else "")


def _own_names(log: LogSummary, function: str) -> tuple[str, ...]:
    """What the log's release calls one of FUNCTIONS."""
    match function:
        case "vm_fault" | "vm_fault_hold":
            return (fault_function(log.meta.get("osreldate")),)
        case "vm_radix_insert":
            return insert_functions(log)
        case _:
            return (move_function(log, function.removeprefix("vm_page_")),)


def _p99(asked: _Asked, baseline: LogSummary, path: str, most: float) -> Checked:
    rule, log = f"max-p99 {path}=+{share(most)}", asked.log
    old, new = _latency(baseline, path), _latency(log, path)
    if not old or not new:
        side = "this trace" if old else "the baseline"
        return Checked(rule, "cannot tell", f"No fault of {side} took the path {path}.")
    ratio, low, high = quantile_ratio(old, new, 0.99)
    sizes = f"{counted(size(new), 'fault')}, {count(size(old))} in the baseline"
    if math.isnan(low):
        return Checked(rule, "cannot tell", f"Too few faults took the path {path} for a 99th percentile: {sizes}.")
    text = (
        f"The 99th percentile of {path} is {number(ratio)} times the baseline's, 95 % interval {number(low)} to "
        f"{number(high)} ({sizes})."
    )
    doubt = "" if asked.forgiven or is_complete(log) else "the trace has gaps"
    if ratio > 1 + most and low <= 1:
        doubt = "that can be chance"
    return Checked(rule, "broken", text) if ratio > 1 + most and not doubt else _kept(rule, text, doubt)


def _latency(log: LogSummary, path: str) -> list[Bin]:
    """The durations of faults with that step, or of exactly that path where it has several ("copy+alloc")."""
    bits = log.meta.get("bits", {}).get("path")

    def matches(value: int) -> bool:
        steps = path_steps(value, bits) or ["soft"]
        return steps == path.split("+") if "+" in path else path in steps

    by_path = histograms(log.entries("latency"), "faults", "path")
    return [each for value, histogram in by_path.items() if matches(value) for each in histogram]
