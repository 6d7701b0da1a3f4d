"""Two Summaries as one Document: what changed, what differs in kind, the rates and costs side by side."""

from typing import Any

import pandas as pd

from analyzer.analysis.compare import Comparison, compare
from analyzer.analysis.coverage import counts, gaps, require_records
from analyzer.analysis.paths import latency_bins
from analyzer.charts import compared
from analyzer.format import counted, number
from analyzer.report.build import chart_provenance, provenance, scopes, unread
from analyzer.report.document import Document, Section, Table
from analyzer.report.findings import shown_finding
from analyzer.report.origin import kernel
from analyzer.report.tables import Columns, table
from analyzer.summary.summary import Summary
from analyzer.verdict.compare_verdict import compare_verdict
from analyzer.verdict.verdict import judge, together

_TEST = (
    ("difference", "share", "after less before"),
    ("interval", "interval", "95 % interval of the difference (Newcombe)"),
    ("ratio", "number", "after over before"),
    ("p", "p", "Fisher's exact test, two-sided, of this row alone"),
    ("corrected", "p", "p corrected for the number of all comparisons (Holm)"),
)
_BOTH = ("before", "after")


def build_comparison(before: Summary, after: Summary, top: int) -> Document:
    """The document of `vmtrace diff`; `top` rows a table at the most.

    Raises DataError where a log has nothing to compare.
    """
    for log in (*before.logs, *after.logs):
        require_records(log)
    found = compare(before, after)
    foot = f"before: {chart_provenance(before)} · after: {chart_provenance(after)}"
    built = [
        _kinds(found, top),
        _rates(found, foot, top),
        _mix(found, foot, top),
        _costs(found, foot, top),
        _moves(found, top),
        _coverage(found, top),
    ]
    sides = list(zip(_BOTH, (before, after), strict=True))
    verdicts = {side: [judge(log) for log in summary.logs] for side, summary in sides}
    return Document(
        title=f"Before {_name(before)}, after {_name(after)}",
        subtitle=f"{_kernels(before)}, then {_kernels(after)}",
        scope=tuple(f"{side}: {line}" for side, summary in sides for line in scopes(summary, verdicts[side])),
        findings=tuple(
            shown_finding(finding) for finding in compare_verdict(found, *(together(verdicts[side]) for side in _BOTH))
        ),
        sections=tuple(section for section in built if section is not None),
        provenance=tuple(
            (f"{side}: {what}", value)
            for side, summary in sides
            for log in summary.logs
            for what, value in provenance(log, len(summary.logs) > 1)
        ),
        gaps=tuple(f"{side}: {gap}" for side, summary in sides for log in summary.logs for gap in gaps(log)),
        unread=unread(before.merge(after), top),
    )


def _name(side: Summary) -> str:
    return str(side.logs[0].meta["name"]) if len(side.logs) == 1 else counted(len(side.logs), "log")


def _kernels(side: Summary) -> str:
    return ", ".join(sorted({kernel(log.meta) for log in side.logs}))


def _kinds(found: Comparison, top: int) -> Section:
    shown = found.kinds.assign(differs=found.kinds["differs"].map({True: "yes", False: ""}))
    columns = (("what", "text", ""), ("before", "text", ""), ("after", "text", ""), ("differs", "text", ""))
    text = "Read this before any number: what differs here can make numbers differ."
    return Section("kind", "What differs in kind", text, tables=(_table("Before and after", shown, columns, top),))


def _rates(found: Comparison, foot: str, top: int) -> Section | None:
    mine = found.rates[found.rates["group"].isin(["failure", "imbalance"])]
    if mine.empty:
        return None
    text = (
        "Failures of what was tried, and faults that left something wrong. Every test takes single faults and calls as "
        "independent; in bursts they are not wholly so."
    )
    if found.rates["p"].isna().any():
        text += " Rows without p were not measured on both sides, or lost records on one."
    chart = compared.rates("rates-compared", "How often it happened, before and after", mine, foot)
    return Section("rates", "Failures and imbalance", text, (chart,), _rate_tables(mine, top))


def _mix(found: Comparison, foot: str, top: int) -> Section | None:
    mine = found.rates[found.rates["group"].isin(["path", "move"])]
    if mine.empty:
        return None
    mine = mine.sort_values("of_before", kind="stable").sort_values(
        ["rate_after", "rate_before"], ascending=False, kind="stable", ignore_index=True
    )
    before, after = (counted(log.faults, "fault") for log in (found.before, found.after))
    text = f"Shares of {before} before and of {after} after."
    chart = compared.rates("paths-compared", "Which paths faults took, before and after", mine, foot)
    return Section("mix", "Path mix", text, (chart,), _rate_tables(mine, top))


def _rate_tables(rates: pd.DataFrame, top: int) -> tuple:
    counts = tuple(
        spec
        for side in _BOTH
        for spec in (
            (f"hits_{side}", "int", f"how many, {side}"),
            (f"of_{side}", "int", f"of how many, {side}"),
            (f"per_million_{side}", "number", f"per million faults, {side}"),
        )
    )
    tests = (("rate_before", "share", ""), ("rate_after", "share", ""), *_TEST)
    known = rates.assign(interval=_pairs(rates))
    return (
        _table("Counts, and per million faults", rates, (("what", "text", ""), *counts), top),
        _table("Differences", known, (("what", "text", ""), *tests), top),
    )


def _costs(found: Comparison, foot: str, top: int) -> Section | None:
    costs = found.costs
    if costs.empty or "slower" not in costs:
        return None
    shown = costs.assign(
        interval=_pairs(costs), p50_interval=_numbers(costs, "p50_low", "p50_high"),
        p99_interval=_numbers(costs, "p99_low", "p99_high"),
    )  # fmt: skip
    times = tuple(
        spec
        for name, what in (("p50", "median"), ("p99", "99th percentile"))
        for spec in (
            *((f"{name}_{side}", "ns", f"{what}, {side}") for side in _BOTH),
            (f"{name}_ratio", "number", f"{what}: after over before"),
            (f"{name}_interval", "text", "95 % interval of the ratio; — where too few were counted"),
        )
    )
    tests = (
        *((f"number_{side}", "int", "") for side in _BOTH),
        ("slower", "share", "the chance that one after took longer than one before; 50 %: no difference"),
        ("interval", "interval", "95 % interval of that chance (DeLong)"),
        ("effect", "text", "Vargha and Delaney's word for it"),
        ("p", "p", "Mann and Whitney's test, two-sided, of this row alone"),
        ("corrected", "p", "p corrected for the number of all comparisons (Holm)"),
    )
    text = "Durations of faults by path, and of page moves. Rows without p have too few on one side."
    tables = (
        _table("Percentiles", shown, (("what", "text", ""), *times), top),
        _table("Distributions", shown, (("what", "text", ""), *tests), top),
    )
    chart = compared.latency(latency_bins(found.before), latency_bins(found.after), foot)
    return Section("costs", "Cost by path", text, (chart,), tables)


def _moves(found: Comparison, top: int) -> Section | None:
    if found.moves.empty and found.radix.empty:
        return None
    tables = []
    if len(found.radix):
        radix = found.radix.assign(interval=_numbers(found.radix, "low", "high"))
        columns: Columns = (
            ("operation", "text", ""), ("operations_before", "int", ""), ("operations_after", "int", ""),
            ("per_move_before", "number", ""), ("per_move_after", "number", ""),
            ("difference", "number", "after less before, of one move"),
            ("interval", "text", "95 % interval of the difference"),
            ("p", "p", "conditional binomial test of two counts, of this row alone"),
            ("corrected", "p", "p corrected for the number of all comparisons (Holm)"),
        )  # fmt: skip
        tables.append(_table("Radix operations of one page move in a fault", radix, columns, top))
    if len(found.moves):
        where = {1: "in a fault", 0: "outside faults"}
        moves = found.moves.assign(where=found.moves["infault"].map(where))
        columns = (
            ("function", "text", ""), ("where", "text", ""), ("moves_before", "int", ""), ("moves_after", "int", ""),
            ("per_million_before", "number", "per million faults"),
            ("per_million_after", "number", "per million faults"),
        )  # fmt: skip
        tables.append(_table("Page moves", moves, columns, top))
    text = "Page moves come in bursts (fork's split, exit's collapse), so their number is not tested."
    return Section("moves", "Page moves: rename and replace", text, tables=tuple(tables))


def _coverage(found: Comparison, top: int) -> Section | None:
    columns = (
        ("measure", "text", "what was recorded: what it is held against"),
        *((f"{what}_{side}", "int", "") for side in _BOTH for what in ("recorded", "expected")),
    )
    rows: dict[str, dict[str, Any]] = {}
    for side, log in zip(_BOTH, (found.before, found.after), strict=True):
        for row in counts(log):
            of = rows.setdefault(row.measure, dict.fromkeys(name for name, *_ in columns) | {"measure": row.measure})
            of |= {f"recorded_{side}": row.recorded, f"expected_{side}": row.expected}
    if not rows:
        return None
    text = "Records against what the script or the kernel counted: what is missing is in no rate above."
    shown = table("Recorded against counted", list(rows.values()), columns, top)
    return Section("coverage", "Coverage", text, tables=(shown,))


def _table(caption: str, frame: pd.DataFrame, columns: Columns, top: int) -> Table:
    return table(caption, frame.to_dict("records"), columns, top)


def _pairs(frame: pd.DataFrame) -> list[tuple[float, float] | None]:
    pairs = zip(frame["low"], frame["high"], strict=True)
    return [pair if pair[0] == pair[0] else None for pair in pairs]


def _numbers(frame: pd.DataFrame, low: str, high: str) -> list[str | None]:
    pairs = zip(frame[low], frame[high], strict=True)
    return [f"{number(a)} to {number(b)}" if a == a and b == b else None for a, b in pairs]
