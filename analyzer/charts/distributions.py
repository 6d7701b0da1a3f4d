"""Charts of durations: one row per path or function, each with the shape of its own distribution."""

import math

import pandas as pd

from analyzer.charts.model import FOOT, ROW_BODY, Chart, Points, Row, Steps, Symbol, Tone, empty
from analyzer.charts.scales import duration_axis, rows_axis
from analyzer.format import counted, duration, duration_range, share, visible

MOST_ROWS = 10

Marked = tuple[float, float, str]  # a point: x, y, its words


def path_latency(bins: pd.DataFrame, provenance: str) -> Chart:
    """How long faults took, by path.

    Args:
        bins: path, low, high (float, ns: the bin's range), faults (int).  Bins may be coarse and may leave gaps.
    """
    title = "How long faults took, by path"
    named = bins.rename(columns={"path": "name", "faults": "number"})
    return _distributions("path-latency", title, named, "fault", "No fault record in this log.", provenance)


def move_costs(bins: pd.DataFrame, provenance: str) -> Chart:
    """How long page moves took: rename against replace.

    Args:
        bins: function, low, high (float, ns), moves (int).
    """
    title = "How long page moves took"
    named = bins.rename(columns={"function": "name", "moves": "number"})
    why = "No duration of a page move is recorded in this log."
    return _distributions("move-costs", title, named, "move", why, provenance)


def _distributions(key: str, title: str, bins: pd.DataFrame, noun: str, why: str, provenance: str) -> Chart:
    bins = bins[bins["number"] > 0]
    if bins.empty:
        return empty(key, title, why, provenance)
    bins = without_zero(bins)
    totals = bins.groupby("name")["number"].sum().sort_values(ascending=False, kind="stable")
    names = list(totals.index[:MOST_ROWS])
    shapes, rows = [], []
    medians: list[Marked] = []
    tails: list[Marked] = []
    for i, name in enumerate(names):
        part = bins[bins["name"] == name].sort_values("low")
        base = len(names) - 1 - i + FOOT
        shapes.append(shape(visible(name), part, base, noun))
        for quantile, marked in ((0.5, medians), (0.99, tails)):
            low, high = quantile_bin(part, quantile)
            text = f"{visible(name)}: {share(quantile)} took no longer than {bin_range(low, high)}"
            marked.append((math.sqrt(low * high), base, text))
        median = bin_range(*quantile_bin(part, 0.5))
        rows.append(Row(visible(name), f"{counted(int(totals[name]), noun)}, median {median}"))
    ends = points("median", "ink", medians, "circle"), points("99th percentile", "ink", tails, "hollow")
    longest = bins.loc[bins["high"].idxmax()]
    alt = (
        f"{rows[0].name}, the most frequent: {rows[0].value}; the longest, {visible(longest['name'])}, "
        f"took {bin_range(longest['low'], longest['high'])}."
    )
    axis = duration_axis(bins["low"].min(), bins["high"].max())
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), (*shapes, *ends), tuple(rows), legend=True)


def without_zero(bins: pd.DataFrame) -> pd.DataFrame:
    """A bin from 0 has no left edge on a logarithmic axis; halving says "below high" as quantize does."""
    return bins.assign(low=bins["low"].where(bins["low"] > 0, bins["high"] / 2))


def shape(name: str, part: pd.DataFrame, base: float, noun: str, tone: Tone = "a") -> Steps:
    """One row's steps: share of the row per unit of the logarithmic axis, the tallest filling the row."""
    density = part["number"] / (part["high"] / part["low"]).map(math.log)
    tallest = density.max()
    edges, heights, texts = [float(part["low"].iloc[0])], [], []
    for low, high, number, tall in zip(part["low"], part["high"], part["number"], density, strict=True):
        if not math.isclose(low, edges[-1]):
            edges.append(float(low))
            heights.append(0.0)
            texts.append("")
        edges.append(float(high))
        heights.append(float(tall / tallest * ROW_BODY))
        texts.append(f"{name}: {counted(int(number), noun)} in {bin_range(low, high)}")
    return Steps(name, tone, tuple(edges), tuple(heights), base, tuple(texts))


def points(name: str, tone: Tone, marked: list[Marked], symbol: Symbol) -> Points:
    x, y, texts = zip(*marked, strict=True)
    return Points(name, tone, x, y, texts, symbol=symbol)


def quantile_bin(part: pd.DataFrame, quantile: float) -> tuple[float, float]:
    """The bin that holds the quantile; `part` is sorted."""
    place = int((part["number"].cumsum() < quantile * part["number"].sum()).sum())
    return float(part["low"].iloc[place]), float(part["high"].iloc[place])


def bin_range(low: float, high: float) -> str:
    if high / low < 1.05:
        return duration(math.sqrt(low * high))
    return duration_range(low, high)
