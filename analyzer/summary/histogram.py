"""Histograms of durations whose buckets never depend on the data, so that they add.

Values below 64 ns are exact; above, each power of two is cut into 64 equal buckets, so that a bucket is at most
1/64 of its lower bound wide and its middle is at most 0.8 % from any value in it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

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


def percentiles(histogram: pd.DataFrame, count: str, shares: list[float]) -> list[float]:
    """The values (ns) below which those shares of the counted things lie.

    Args:
        histogram: rows with low, high and the column `count`, in any order.
        count: the column that counts.

    The middle of the bucket is given; what it can be off by is half the bucket.  Of a bucket without an end (the
    first and last of lquantize) the other end is given.
    """
    ordered = histogram.sort_values("low")
    seen = ordered[count].cumsum().to_numpy()
    low, high = ordered["low"].to_numpy(), ordered["high"].to_numpy() - 1
    middle = np.where(np.isinf(high), low, np.where(np.isinf(low), high, low / 2 + high / 2))
    ranks = np.ceil(np.asarray(shares) * seen[-1]).clip(1)
    return [float(middle[place]) for place in np.searchsorted(seen, ranks)]


def shown_percentiles(
    histogram: pd.DataFrame, count: str, shares: list[float]
) -> list[float | tuple[float, float] | None]:
    """The same for a reader: None where too few were counted to say, the bucket's ends where it is a wide one."""
    number = histogram[count].sum()
    found = zip(shares, percentiles(histogram, count, shares), strict=True)
    return [_ends(histogram, value) if number * (1 - share) >= 1 else None for share, value in found]


def _ends(histogram: pd.DataFrame, value: float) -> float | tuple[float, float]:
    lows, highs = histogram["low"].to_numpy(), histogram["high"].to_numpy()
    inside = np.flatnonzero((lows <= value) & (value < highs))
    low, high = (float(lows[inside[0]]), float(highs[inside[0]])) if len(inside) else (value, value)
    return (low, high) if high - low > 1 and high > _COARSE * low else value


def resolution(histogram: pd.DataFrame) -> float:
    """How far the middle of a bucket can be from a value in it, as a share of the value; at worst.

    Of the buckets that have an end on both sides: of the others nothing is known.
    """
    bounded = np.isfinite(histogram["low"]) & np.isfinite(histogram["high"])
    wide = histogram[bounded & (histogram["high"] - histogram["low"] > 1) & (histogram["low"] > 0)]
    return float(((wide["high"] - wide["low"]) / 2 / wide["low"]).max()) if len(wide) else 0.0
