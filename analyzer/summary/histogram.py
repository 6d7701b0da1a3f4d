"""Histograms of durations whose buckets never depend on the data, so that they add.

Values below 64 ns are exact; above, each power of two is cut into 64 equal buckets, so that a bucket is at most
1/64 of its lower bound wide and its middle is at most 0.8 % from any value in it.
"""

import bisect
import itertools
import math
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np

_COARSE = 1.1  # how much larger a bucket's end may be than its beginning for its middle to stand for it
_SHIFT = 52 - 6  # a double's mantissa has 52 bits; the first 6 and the exponent number the bucket


def bucket(durations: np.ndarray) -> np.ndarray:
    """The bucket number of each duration (ns, negative ones count as 0)."""
    return np.maximum(durations, 0).astype(np.float64).view(np.int64) >> _SHIFT


def bounds(buckets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The lower and upper bound (ns) of each bucket number: low <= x < high."""
    numbers = np.asarray(buckets, np.int64)
    low = (numbers << _SHIFT).view(np.float64)
    high = ((numbers + 1) << _SHIFT).view(np.float64)
    return np.ceil(low), np.where(high < 1, 1.0, np.ceil(high))


class Bin(NamedTuple):
    """How many durations (ns) lie in low <= x < high."""

    low: float
    high: float
    number: int


# A percentile for a reader (ns): None of too few, the ends of its bin where that is a wide one.
Shown = float | tuple[float, float] | None


def histograms(rows: Iterable[dict[str, Any]], count: str, *by: str) -> dict[Any, list[Bin]]:
    """The histograms in rows with low, high and the column `count`, by a value where it is one column, else by a tuple.

    In the order of what they are by.
    """
    found: dict[Any, list[Bin]] = {}
    for row in rows:
        key = row[by[0]] if len(by) == 1 else tuple(row[name] for name in by)
        found.setdefault(key, []).append(Bin(row["low"], row["high"], row[count]))
    return dict(sorted(found.items()))


def by_name(bins: Iterable[tuple[str, float, float, int]]) -> dict[str, list[Bin]]:
    """The histograms in bins that each have a name before them, in the order in which the names first come."""
    named: dict[str, list[Bin]] = {}
    for name, low, high, number in bins:
        named.setdefault(name, []).append(Bin(low, high, number))
    return named


def size(histogram: Iterable[Bin]) -> int:
    """How many things it counts."""
    return sum(each.number for each in histogram)


def percentiles(histogram: Iterable[Bin], shares: Iterable[float]) -> list[float]:
    """The values (ns) below which those shares of the counted things lie; bins may stand in any order.

    The middle of the bin is given; what it can be off by is half the bin.  Of a bin without an end (the first and last
    of lquantize) the other end is given.
    """
    ordered = sorted(histogram)
    seen = list(itertools.accumulate(each.number for each in ordered))
    ranks = [max(1, math.ceil(share * seen[-1])) for share in shares]
    return [_middle(ordered[bisect.bisect_left(seen, rank)]) for rank in ranks]


def _middle(held: Bin) -> float:
    low, last = held.low, held.high - 1
    if math.isinf(last):
        return low
    return last if math.isinf(low) else low / 2 + last / 2


def shown_percentiles(histogram: Sequence[Bin], shares: Sequence[float]) -> list[Shown]:
    """The same for a reader."""
    number = size(histogram)
    found = zip(shares, percentiles(histogram, shares), strict=True)
    return [_ends(histogram, value) if number * (1 - share) >= 1 else None for share, value in found]


def _ends(histogram: Iterable[Bin], value: float) -> Shown:
    low, high = next(((low, high) for low, high, _ in histogram if low <= value < high), (value, value))
    return (low, high) if high - low > 1 and high > _COARSE * low else value


def resolution(histogram: Iterable[Bin]) -> float:
    """How far the middle of a bin can be from a value in it, as a share of the value; at worst.

    Of the bins that have an end on both sides: of the others nothing is known.
    """
    wide = ((low, high) for low, high, _ in histogram if low > 0 and high - low > 1 and math.isfinite(high))
    return max(((high - low) / 2 / low for low, high in wide), default=0.0)
