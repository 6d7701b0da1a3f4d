"""Charts of rows that hold shares: how often calls failed, what each path takes, how much was recorded."""

from typing import Any

import pandas as pd

from analyzer.charts.model import ROW_HEAD, Bars, Chart, Mark, Points, Reference, Row, Symbol, Tone, empty
from analyzer.charts.scales import floats, rate_axis, rows_axis, share_axis
from analyzer.format import count, counted, share, visible

_MOST_ROWS = 16


def failure_frequency(rates: pd.DataFrame, asked: tuple[str, float] | None, provenance: str) -> Chart:
    """How often each function failed, with 95 % Wilson intervals.

    Args:
        rates: function, result, failed (int), of (int, calls), rate, low, high (0 to 1; NaN where `of` is 0).
        asked: a function and the rate that a fail point was set to, which that function's failures alone follow.
    """
    key, title = "failure-frequency", "How often calls failed"
    if rates.empty:
        return empty(key, title, "No call is counted in this log.", provenance)
    shown = rates.sort_values("failed", ascending=False, kind="stable").head(_MOST_ROWS).reset_index(drop=True)
    measured = shown[shown["of"] > 0]
    if measured.empty:
        return empty(key, title, "None of the traced functions was called.", provenance)
    seen = measured[measured["failed"] > 0]
    axis = rate_axis(
        "share of calls that failed, with the 95 % interval",
        min([*seen["low"], *measured["high"]]),
        max([*measured["high"], asked[1] if asked else 0]),
    )
    marks: list[Mark] = []
    if asked is not None:
        asking = list(shown.index[shown["function"] == asked[0]])
        words = f"asked for: {share(asked[1])}"
        marks = [Reference(asked[1], words, row=len(shown) - 1 - i) for i in asking[:1]]
    series: tuple[tuple[str, Tone, Symbol, pd.DataFrame], ...] = (
        ("failed", "bad", "circle", seen),
        ("never failed: upper end", "a", "hollow", measured[measured["failed"] == 0]),
    )
    for name, tone, symbol, part in series:
        if not part.empty:
            marks.append(
                Points(
                    name, tone, symbol=symbol,
                    x=floats(part["rate"].clip(lower=axis.low)),
                    y=tuple(len(shown) - 1 - i + ROW_HEAD / 2 for i in part.index),
                    texts=tuple(_rate_text(r) for r in part.itertuples()),
                    low=floats(part["low"].clip(lower=axis.low)), high=floats(part["high"]),
                )
            )  # fmt: skip
    rows = tuple(Row(visible(f"{r.function} {r.result}".strip()), _rate_text(r)) for r in shown.itertuples())
    top = shown.iloc[0]
    alt = f"{rows[0].name} is the most frequent failure: {rows[0].value}."
    if not top["failed"]:
        alt = f"None of {counted(len(shown), 'kind')} of failure was seen."
    if len(rates) > len(shown):
        alt += f" {len(rates) - len(shown)} rarer ones are only in the table."
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _rate_text(row: Any) -> str:
    text = f"{count(row.failed)} of {count(row.of)}"
    if not row.of:
        return f"{text}: never called"
    return f"{text}: {share(row.rate)}" if row.failed else f"{text}: at most {share(row.high)}"


def time_by_path(paths: pd.DataFrame, provenance: str) -> Chart:
    """Each path's share of the faults beside its share of the time.

    Args:
        paths: path, faults (int), share_of_faults, time (ns), share_of_time.
    """
    key, title = "time-by-path", "Faults and their time, by path"
    if paths.empty:
        return empty(key, title, "No fault record in this log.", provenance)
    shown = paths.sort_values("time", ascending=False, kind="stable").head(_MOST_ROWS)
    rows = tuple(
        Row(visible(r.path), f"{share(r.share_of_time)} of time, {share(r.share_of_faults)} of faults")
        for r in shown.itertuples()
    )
    bases = [len(rows) - 1 - i for i in range(len(rows))]
    series: tuple[tuple[str, Tone, str, float, str], ...] = (
        ("share of time", "a", "share_of_time", 0.42, "the time"),
        ("share of faults", "quiet", "share_of_faults", 0.2, "the faults"),
    )
    marks = tuple(
        Bars(
            name, tone,
            at=tuple(base + offset for base in bases), start=(0.0,) * len(rows), end=floats(shown[column]), width=0.2,
            texts=tuple(f"{row.name}: {share(part)} of {of}" for row, part in zip(rows, shown[column], strict=True)),
        )
        for name, tone, column, offset, of in series
    )  # fmt: skip
    dearest = shown.iloc[0]
    alt = (
        f"{visible(dearest['path'])} took {share(dearest['share_of_time'])} of the time of all faults "
        f"with {share(dearest['share_of_faults'])} of the faults."
    )
    axis = share_axis("share of all faults and of their whole time", 1.02)
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), marks, rows, legend=True)


def coverage_counts(measures: pd.DataFrame, provenance: str) -> Chart:
    """Records against the kernel's own counts, as a share of them.

    Args:
        measures: measure (what is counted and by whom), recorded (int), expected (int; NaN: the log has no count).
    """
    key, title = "coverage", "Records against the kernel's own counts"
    if measures.empty:
        return empty(key, title, "This log has no count of the kernel to hold the records against.", provenance)
    shown = measures.head(_MOST_ROWS).reset_index(drop=True)
    known = shown[shown["expected"] > 0]
    ratios = known["recorded"] / known["expected"]
    high = max(1.1, min(1.6, ratios.max() * 1.05 if len(ratios) else 0))
    rows = tuple(Row(visible(r.measure), _coverage_text(r)) for r in shown.itertuples())
    marks: list[Mark] = [Reference(1.0, "the kernel's count")]
    series: tuple[tuple[str, Tone, pd.Series], ...] = (
        ("at least all", "good", ratios[ratios >= 1]),
        ("records missing", "warn", ratios[ratios < 1]),
    )
    for name, tone, part in series:
        if not part.empty:
            marks.append(
                Bars(
                    name, tone,
                    at=tuple(len(shown) - 1 - i + ROW_HEAD / 2 for i in part.index),
                    start=(0.0,) * len(part), end=floats(part.clip(upper=high)), width=0.3,
                    texts=tuple(f"{rows[i].name}: {rows[i].value}" for i in part.index),
                )
            )  # fmt: skip
    short = known[ratios < 1]
    alt = "; ".join(f"{visible(r.measure)}: {_coverage_text(r)}" for r in (short if len(short) else shown).itertuples())
    axis = share_axis("records as a share of the kernel's count", high)
    return Chart(key, title, f"{alt}.", provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _coverage_text(row: Any) -> str:
    if not row.expected > 0:
        return f"{count(row.recorded)} recorded, not counted by the kernel"
    return f"{count(row.recorded)} of {count(row.expected)}, {share(row.recorded / row.expected)}"
