"""Charts of two sides, before and after: rates with their intervals, distributions of durations."""

from collections.abc import Sequence

import pandas as pd

from analyzer.analysis.paths import PathBin
from analyzer.charts.distributions import (
    MOST_ROWS,
    Marked,
    bin_range,
    drawn_bins,
    ends_of,
    points,
    quantile_bin,
    shape,
)
from analyzer.charts.model import FOOT, Chart, Mark, Points, Row, Symbol, Tone, empty
from analyzer.charts.scales import duration_axis, rate_axis, rows_axis
from analyzer.format import count, counted, share, visible
from analyzer.summary.histogram import size

_SIDES: tuple[tuple[str, Tone, Symbol, float], ...] = (
    ("before", "quiet", "square", 0.42),
    ("after", "a", "circle", 0.16),
)
_LEAST_RATE = 1e-9  # where nothing was ever hit, the axis still needs an end


def rates(key: str, title: str, table: pd.DataFrame, provenance: str) -> Chart:
    """Rates before and after, with 95 % intervals.

    Args:
        table: what, and with the suffixes _before and _after hits, of (counts), rate, low, high (0 to 1); rows that
            one side did not measure, or where neither was hit, are left out.
    """
    known = table[table["of_before"].notna() & table["of_after"].notna()] if len(table) else table
    known = known[(known["hits_before"] > 0) | (known["hits_after"] > 0)] if len(known) else known
    if known.empty:
        return empty(key, title, "Nothing that both sides measured happened on either.", provenance)
    shown = known.head(MOST_ROWS).reset_index(drop=True)
    ends = [rate for side, *_ in _SIDES for name in ("low", "rate") for rate in shown[f"{name}_{side}"] if rate > 0]
    axis = rate_axis(
        "rate, logarithmic, with the 95 % interval",
        max(min(ends), _LEAST_RATE),
        float(shown[["high_before", "high_after"]].max().max()),
    )
    marks = []
    for side, tone, symbol, at in _SIDES:
        seen = shown[f"hits_{side}"] > 0
        parts: tuple[tuple[str, Symbol, pd.DataFrame], ...] = (
            (side, symbol, shown[seen]),
            (f"none {side}: upper end", "hollow", shown[~seen]),
        )
        for name, shape_of, part in parts:
            if not part.empty:
                marks.append(
                    Points(
                        name, tone, symbol=shape_of,
                        x=tuple(float(rate) for rate in part[f"rate_{side}"].clip(lower=axis.low)),
                        y=tuple(len(shown) - 1 - place + at for place in part.index),
                        texts=tuple(f"{visible(r['what'])}, {side}: {_rate(r, side)}" for _, r in part.iterrows()),
                        low=tuple(float(low) for low in part[f"low_{side}"].clip(lower=axis.low)),
                        high=tuple(float(high) for high in part[f"high_{side}"]),
                    )
                )  # fmt: skip
    rows = tuple(
        Row(visible(row["what"]), f"{share(row['rate_before'])} → {share(row['rate_after'])}")
        for _, row in shown.iterrows()
    )
    first = shown.iloc[0]
    alt = f"{visible(first['what'])}: {_rate(first, 'before')} before, {_rate(first, 'after')} after."
    if len(known) > len(shown):
        alt += f" {len(known) - len(shown)} more are only in the table."
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _rate(row: pd.Series, side: str) -> str:
    return f"{count(row[f'hits_{side}'])} of {count(row[f'of_{side}'])} ({share(row[f'rate_{side}'])})"


def latency(before: Sequence[PathBin], after: Sequence[PathBin], provenance: str) -> Chart:
    """How long faults took before and after, by path; only paths that both sides took."""
    key, title = "latency-compared", "How long faults took, before and after"
    old, new = drawn_bins(before), drawn_bins(after)
    both = sorted(old.keys() & new.keys())
    if not both:
        return empty(key, title, "No path was taken on both sides.", provenance)
    names = sorted(both, key=lambda name: -(size(old[name]) + size(new[name])))[:MOST_ROWS]
    shapes, rows = [], []
    medians: dict[str, list[Marked]] = {"before": [], "after": []}
    for place, name in enumerate(names):
        base = len(names) - 1 - place + FOOT
        middles = []
        for (side, tone, _, _), mine in zip(_SIDES, (old[name], new[name]), strict=True):
            shapes.append(shape(f"{visible(name)}, {side}", mine, base, "fault", tone))
            low, high = quantile_bin(mine, 0.5)
            middles.append(bin_range(low, high))
            text = f"{visible(name)}, {side}: {counted(size(mine), 'fault')}, median {middles[-1]}"
            medians[side].append(((low * high) ** 0.5, base, text))
        rows.append(Row(visible(name), f"median {middles[0]} → {middles[1]}"))
    marks: tuple[Mark, ...] = (
        *shapes,
        *(points(f"median {side}", tone, medians[side], symbol) for side, tone, symbol, _ in _SIDES),
    )
    axis = duration_axis(*ends_of(side[name] for side in (old, new) for name in names))
    alt = f"{rows[0].name}, the most frequent path of both: {rows[0].value}."
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), marks, tuple(rows), legend=True)
