"""How far a rate can be trusted; and two samples compared: is the difference more than chance, and how large is it?

Everything works on counts and on histograms, for that is what a Summary keeps.  All tests are two-sided; all
intervals are of 95 %.  The tests take single faults, calls or moves as independent; those of one burst are not
wholly so, and then a p value is too small.
"""

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from analyzer.summary.histogram import Bin, percentiles

_Z = 1.959963984540054  # 97.5 % of the standard normal distribution
FEWEST = 8  # below that many on either side the normal approximation of `superiority` does not hold

Range = tuple[float, float]


def wilson(failed: int, of: int) -> tuple[float, float]:
    """The 95 % Wilson score interval of a rate (Wilson 1927); NaN where nothing was tried."""
    if not of:
        return math.nan, math.nan
    rate = failed / of
    middle = (rate + _Z * _Z / (2 * of)) / (1 + _Z * _Z / of)
    half = _Z / (1 + _Z * _Z / of) * math.sqrt(rate * (1 - rate) / of + _Z * _Z / (4 * of * of))
    return (max(0.0, middle - half) if failed else 0.0), min(1.0, middle + half)


def fisher(hits: int, of: int, other_hits: int, other_of: int) -> float:
    """p of Fisher's exact test: the tables that are no likelier than this one, its margins given."""
    drawn = hits + other_hits
    lowest, highest = max(0, drawn - other_of), min(of, drawn)
    k = np.arange(lowest, highest, dtype=np.float64)
    steps = np.log(of - k) + np.log(drawn - k) - np.log(k + 1) - np.log(other_of - drawn + k + 1)
    return _no_likelier(steps, hits - lowest)


def conditional_poisson(events: int, exposure: int, other_events: int, other_exposure: int) -> float:
    """p that two counts over their exposures come at one rate: given their sum, the first is binomial."""
    total, odds = events + other_events, math.log(exposure / other_exposure)
    k = np.arange(total, dtype=np.float64)
    return _no_likelier(np.log(total - k) - np.log(k + 1) + odds, events)


def _no_likelier(log_ratios: np.ndarray, seen: int) -> float:
    """The probability of all outcomes no likelier than `seen`, of neighbours' log probability ratios."""
    logs = np.concatenate([[0.0], np.cumsum(log_ratios)])
    weights = np.exp(logs - logs.max())
    return min(1.0, float(weights[logs <= logs[seen] + 1e-7].sum() / weights.sum()))


def rate_difference(hits: int, of: int, other_hits: int, other_of: int) -> Range:
    """The interval of hits/of - other_hits/other_of: Newcombe's hybrid score (1998, method 10)."""
    return _mover(hits / of, wilson(hits, of), other_hits / other_of, wilson(other_hits, other_of))


def count_difference(events: int, exposure: int, other_events: int, other_exposure: int) -> Range:
    """The interval of the difference of two counts over their exposures, from the score interval of each."""

    def score(n: int, over: int) -> Range:
        middle, half = n + _Z * _Z / 2, _Z * math.sqrt(n + _Z * _Z / 4)
        return max(0.0, middle - half) / over, (middle + half) / over

    return _mover(
        events / exposure, score(events, exposure), other_events / other_exposure, score(other_events, other_exposure)
    )


def _mover(value: float, own: Range, other: float, others: Range) -> Range:
    """The interval of value - other, from the interval of each (Zou and Donner 2008)."""
    difference = value - other
    return (
        difference - math.hypot(value - own[0], others[1] - other),
        difference + math.hypot(own[1] - value, other - others[0]),
    )


@dataclass(frozen=True)
class Superiority:
    """Mann and Whitney's comparison of two distributions.

    Attributes:
        larger: the chance that one drawn from the second is larger than one drawn from the first, ties half.
        low, high: its interval.
        p: that it is one half.
    """

    larger: float
    low: float
    high: float
    p: float

    @property
    def size(self) -> str:
        """Vargha and Delaney's words (2000) for the distance from one half."""
        distance = abs(self.larger - 0.5)
        words = ((0.21, "large"), (0.14, "medium"), (0.06, "small"), (0, "negligible"))
        return next(word for least, word in words if distance >= least)


def superiority(first: Sequence[Bin], second: Sequence[Bin]) -> Superiority | None:
    """Two histograms compared by rank; None where either has fewer than FEWEST.

    Values of one bin are ties, and corrected for.  The interval is DeLong's (1988), on the logit.
    """
    x, y = _common_bins(first, second)
    n, m = x.sum(), y.sum()
    if min(n, m) < FEWEST:
        return None
    below = (np.cumsum(x) - x / 2) / n  # for each bin of the second: how much of the first is smaller
    above = (m - np.cumsum(y) + y / 2) / m
    larger = float((y * below).sum() / m)
    ties = x + y
    spread = (n + m + 1 - (ties**3 - ties).sum() / ((n + m) * (n + m - 1))) / (12 * n * m)
    p = math.erfc(abs(larger - 0.5) / math.sqrt(2 * spread)) if spread > 0 else 1.0
    if not 0 < larger < 1:
        end = wilson(int(min(n, m)), int(min(n, m)))[0]
        return Superiority(larger, *((end, 1.0) if larger else (0.0, 1 - end)), p)
    error = math.sqrt((x * (above - larger) ** 2).sum() / n / (n - 1) + (y * (below - larger) ** 2).sum() / m / (m - 1))
    logit, half = math.log(larger / (1 - larger)), _Z * error / (larger * (1 - larger))
    low, high = (1 / (1 + math.exp(-end)) for end in (logit - half, logit + half))
    return Superiority(larger, low, high, p)


def _common_bins(first: Sequence[Bin], second: Sequence[Bin]) -> tuple[np.ndarray, np.ndarray]:
    """What each histogram counts in each bin that either has; in bins that double where either has only those."""
    coarse = any(low >= 64 and high >= 2 * low for low, high, _ in (*first, *second))

    def place(low: float) -> float:
        if not coarse:
            return low
        return math.floor(math.log2(max(low, 1))) if low > 0 else -1

    counts: dict[float, list[int]] = {}
    for side, histogram in enumerate((first, second)):
        for low, _, number in histogram:
            counts.setdefault(place(low), [0, 0])[side] += number
    x, y = zip(*(counts[key] for key in sorted(counts)), strict=True)
    return np.asarray(x, np.float64), np.asarray(y, np.float64)


def quantile(histogram: Sequence[Bin], share: float) -> tuple[float, float, float]:
    """The quantile (ns) with the order statistics that bound it; an end is NaN where too few were counted."""
    ordered = sorted(histogram)
    seen = list(itertools.accumulate(each.number for each in ordered))
    half = _Z * math.sqrt(seen[-1] * share * (1 - share))
    first, last = math.floor(seen[-1] * share - half), math.ceil(seen[-1] * share + half) + 1
    low = ordered[bisect.bisect_left(seen, first)].low if first >= 1 else math.nan
    high = ordered[bisect.bisect_left(seen, last)].high if last <= seen[-1] else math.nan
    return percentiles(histogram, [share])[0], low, high


def quantile_ratio(first: Sequence[Bin], second: Sequence[Bin], share: float) -> tuple[float, float, float]:
    """second's quantile over first's, with its interval; its ends are NaN where too few were counted."""
    (old, *olds), (new, *news) = (quantile(part, share) for part in (first, second))
    if any(math.isnan(end) or end <= 0 for end in (*olds, *news)) or old <= 0 or new <= 0:
        return (new / old if old > 0 else math.nan), math.nan, math.nan
    low, high = _mover(math.log(new), _logs(news), math.log(old), _logs(olds))
    return new / old, math.exp(low), math.exp(high)


def _logs(interval: Iterable[float]) -> tuple[float, float]:
    low, high = map(math.log, interval)
    return low, high


def holm(values: list[float]) -> list[float]:
    """p values corrected for their number (Holm 1979), in their order; NaN is no comparison and stays."""
    tested = sorted((p, place) for place, p in enumerate(values) if not math.isnan(p))
    corrected, largest = list(values), 0.0
    for rank, (p, place) in enumerate(tested):
        largest = max(largest, min(1.0, p * (len(tested) - rank)))
        corrected[place] = largest
    return corrected
