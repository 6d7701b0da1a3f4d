"""Charts of durations: one row per path or function, each with the shape of its own distribution."""

import itertools
import math
from collections.abc import Iterable, Sequence

from analyzer.analysis.moves import MoveBin
from analyzer.analysis.paths import PathBin
from analyzer.charts.model import FOOT, ROW_BODY, Chart, Points, Row, Steps, Symbol, Tone, empty
from analyzer.charts.scales import duration_axis, rows_axis
from analyzer.format import counted, duration, duration_range, share, visible
from analyzer.summary.histogram import Bin, by_name, size

MOST_ROWS = 10

Marked = tuple[float, float, str]  # a point: x, y, its words


def path_latency(bins: Sequence[PathBin], provenance: str) -> Chart:
    """How long faults took, by path; bins may be coarse and may leave gaps."""
    title = "How long faults took, by path"
    return _distributions("path-latency", title, bins, "fault", "No fault record in this log.", provenance)


def move_costs(bins: Sequence[MoveBin], provenance: str) -> Chart:
    """How long page moves took: rename against replace."""
    title = "How long page moves took"
    why = "No duration of a page move is recorded in this log."
    return _distributions("move-costs", title, bins, "move", why, provenance)


def _distributions(
    key: str, title: str, bins: Iterable[PathBin | MoveBin], noun: str, why: str, provenance: str
) -> Chart:
    named = drawn_bins(bins)
    if not named:
        return empty(key, title, why, provenance)
    totals = {name: size(part) for name, part in named.items()}
    names = sorted(named, key=lambda name: (-totals[name], name))[:MOST_ROWS]
    shapes, rows = [], []
    medians: list[Marked] = []
    tails: list[Marked] = []
    for i, name in enumerate(names):
        part = named[name]
        base = len(names) - 1 - i + FOOT
        shapes.append(shape(visible(name), part, base, noun))
        for quantile, marked in ((0.5, medians), (0.99, tails)):
            low, high = quantile_bin(part, quantile)
            text = f"{visible(name)}: {share(quantile)} took no longer than {bin_range(low, high)}"
            marked.append((math.sqrt(low * high), base, text))
        median = bin_range(*quantile_bin(part, 0.5))
        rows.append(Row(visible(name), f"{counted(totals[name], noun)}, median {median}"))
    ends = points("median", "ink", medians, "circle"), points("99th percentile", "ink", tails, "hollow")
    every = ((name, each) for name, part in named.items() for each in part)
    longest, (low, high, _) = max(every, key=lambda pair: pair[1].high)
    alt = (
        f"{rows[0].name}, the most frequent: {rows[0].value}; the longest, {visible(longest)}, "
        f"took {bin_range(low, high)}."
    )
    axis = duration_axis(*ends_of(named.values()))
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), (*shapes, *ends), tuple(rows), legend=True)


def drawn_bins(bins: Iterable[PathBin | MoveBin]) -> dict[str, list[Bin]]:
    """The bins that hold something by what they are of, each part from its shortest on.

    A bin from 0 has no left edge on a logarithmic axis; halving says "below high" as quantize does.
    """
    held = by_name(each for each in bins if each[-1] > 0)
    return {
        name: sorted(Bin(low if low > 0 else high / 2, high, number) for low, high, number in part)
        for name, part in held.items()
    }


def ends_of(histograms: Iterable[list[Bin]]) -> tuple[float, float]:
    """The lowest and the highest edge of all bins."""
    bins = [each for histogram in histograms for each in histogram]
    return min(each.low for each in bins), max(each.high for each in bins)


def shape(name: str, part: Sequence[Bin], base: float, noun: str, tone: Tone = "a") -> Steps:
    """One row's steps: share of the row per unit of the logarithmic axis, the tallest filling the row."""
    density = [number / math.log(high / low) for low, high, number in part]
    tallest = max(density)
    edges, heights, texts = [part[0].low], [], []
    for (low, high, number), tall in zip(part, density, strict=True):
        if not math.isclose(low, edges[-1]):
            edges.append(low)
            heights.append(0.0)
            texts.append("")
        edges.append(high)
        heights.append(tall / tallest * ROW_BODY)
        texts.append(f"{name}: {counted(number, noun)} in {bin_range(low, high)}")
    return Steps(name, tone, tuple(edges), tuple(heights), base, tuple(texts))


def points(name: str, tone: Tone, marked: list[Marked], symbol: Symbol) -> Points:
    x, y, texts = zip(*marked, strict=True)
    return Points(name, tone, x, y, texts, symbol=symbol)


def quantile_bin(part: Sequence[Bin], quantile: float) -> tuple[float, float]:
    """The bin that holds the quantile; `part` is sorted."""
    seen = itertools.accumulate(each.number for each in part)
    wanted = quantile * size(part)
    return next((each.low, each.high) for each, below in zip(part, seen, strict=True) if below >= wanted)


def bin_range(low: float, high: float) -> str:
    if high / low < 1.05:
        return duration(math.sqrt(low * high))
    return duration_range(low, high)
