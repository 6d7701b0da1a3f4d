"""Ranges, ticks and bins that several figures share."""

import math
from collections.abc import Iterable, Sequence

from analyzer.charts.model import Axis, Row
from analyzer.format import count, duration, share

MOST_BINS = 240


def floats(values: Iterable[float]) -> tuple[float, ...]:
    return tuple(map(float, values))


def rows_axis(rows: Sequence[Row]) -> Axis:
    """The y axis of a chart of rows."""
    return Axis("", 0, len(rows))


def seconds_axis(end: float, title: str = "seconds since the trace began") -> Axis:
    """Time from 0 to `end` seconds."""
    return Axis(title, 0, max(end, 1), ticks=_whole_ticks(max(end, 1)))


def place(axis: Axis, value: float) -> float:
    """Where a value stands on the axis: 0 at its beginning, 1 at its end."""
    low, high = axis.low, axis.high
    if axis.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return min(1.0, max(0.0, (value - low) / (high - low)))


def bin_width(seconds: int, step: int = 1) -> int:
    """Whole seconds per bin, so that no more than MOST_BINS are drawn; of counts that come every `step` seconds."""
    return step * max(1, math.ceil(seconds / step / MOST_BINS))


def binned(counts: Iterable[tuple[int, int]], width: int) -> dict[int, int]:
    """What was counted in each second, added up by bins of that width; by the second that a bin begins with."""
    bins: dict[int, int] = {}
    for second, number in counts:
        start = second // width * width
        bins[start] = bins.get(start, 0) + number
    return dict(sorted(bins.items()))


def per(width: int) -> str:
    """What a bar of `width` seconds counts, in words."""
    return "per second" if width == 1 else f"per {width} seconds"


def duration_axis(low: float, high: float) -> Axis:
    """Durations in ns, above 0, on a logarithmic axis; the shorter the range, the more ticks in a decade."""
    low, high = float(low) / 1.1, float(high) * 1.1
    decades = math.log10(high / low)
    steps = (1,) if decades > 3 else (1, 3) if decades > 1.5 else (1, 2, 3, 5, 7)
    ticks = (step * 10.0**power for power in range(15) for step in steps)
    shown = tuple((tick, duration(tick)) for tick in ticks if low <= tick <= high)
    return Axis("duration, logarithmic", low, high, log=True, ticks=shown)


def share_axis(title: str, high: float) -> Axis:
    """Shares from 0 to `high` (1 is the whole)."""
    step = 0.25 if high <= 1.3 else 0.5
    ticks = (step * i for i in range(int(high / step) + 1))
    return Axis(title, 0, high, ticks=tuple((t, share(t)) for t in ticks))


def rate_axis(title: str, lowest: float, highest: float) -> Axis:
    """Rates on a logarithmic axis over whole decades."""
    low = math.floor(math.log10(lowest) - 1e-9)
    high = min(0, math.ceil(math.log10(highest)))
    powers = range(low, high + 1, 1 if high - low < 7 else 2)
    ticks = tuple((10.0**power, share(10.0**power)) for power in powers)
    return Axis(title, 10.0**low / 1.03, 1.15 * 10.0**high, log=True, ticks=ticks)


def count_axis(title: str, highest: float) -> Axis:
    """Counts from 0."""
    return Axis(title, 0, max(highest, 1) * 1.08, ticks=_whole_ticks(max(highest, 1)))


def since_ticks(low: float, high: float) -> tuple[tuple[float, str], ...]:
    """Moments (ns) before and after 0, at most eight, in steps of 1, 2 or 5 times a power of ten."""
    steps = (step * 10.0**power for power in range(18) for step in (1, 2, 5))
    step = next(step for step in steps if step * 7 >= high - low)
    numbers = range(math.ceil(low / step), math.floor(high / step) + 1)
    return tuple((n * step, duration(n * step).replace("-", "−")) for n in numbers)


def _whole_ticks(high: float) -> tuple[tuple[float, str], ...]:
    """Whole numbers from 0 to `high`, at most nine, in steps of 1, 2 or 5 times a power of ten."""
    steps = (step * 10**power for power in range(18) for step in (1, 2, 5))
    step = next(step for step in steps if step * 8 >= high)
    return tuple((float(n), count(n)) for n in range(0, int(high) + 1, step))
