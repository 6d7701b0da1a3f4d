"""What one thread did, step by step: each step a row on one axis of time."""

import math
from collections.abc import Sequence
from typing import Literal, NamedTuple

from analyzer.charts.model import ROW_HEAD, Axis, Bars, Chart, Mark, Points, Row, Symbol, Tone
from analyzer.charts.scales import rows_axis, since_ticks
from analyzer.format import visible

_SHORTEST = 1 / 150  # of the axis; what is shorter is drawn as a point


class Told(NamedTuple):
    """A step of a story.

    start and end are ns since the moment that the axis counts from; end equals start for a moment, it is infinite for
    what lasts to the end of the trace, both are for what is only known to be there at the end.
    """

    what: str
    value: str
    start: float
    end: float
    kind: Literal["before", "cause", "harm", "wait"]


def story(key: str, title: str, steps: Sequence[Told], alt: str, provenance: str) -> Chart:
    """The steps in their order."""
    known = [time for step in steps for time in (step.start, step.end) if time < math.inf]
    low, high = min(known), max(known)
    span = max(high - low, 1)
    low, high = low - span * 0.03, high + span * 0.06
    rows = tuple(Row(visible(row.what), visible(row.value)) for row in steps)
    marks: list[Mark] = []
    kinds: tuple[tuple[str, str, Tone, Symbol], ...] = (
        ("before", "before it", "quiet", "circle"),
        ("cause", "what failed", "b", "circle"),
        ("harm", "what was left", "bad", "diamond"),
        ("wait", "who came to wait", "warn", "hollow"),
    )
    for kind, name, tone, symbol in kinds:
        mine = [
            (len(rows) - 1 - place + ROW_HEAD / 2, min(step.start, high), min(step.end, high), row)
            for place, (step, row) in enumerate(zip(steps, rows, strict=True))
            if step.kind == kind
        ]
        long = [part for part in mine if part[2] - part[1] >= span * _SHORTEST]
        short = [part for part in mine if part not in long]
        if long:
            at, start, end, words = zip(*long, strict=True)
            marks.append(Bars(name, tone, at, start, end, 0.32, tuple(f"{w.name}: {w.value}" for w in words)))
        if short:
            at, start, _, words = zip(*short, strict=True)
            marks.append(Points(name, tone, start, at, tuple(f"{w.name}: {w.value}" for w in words), symbol=symbol))
    axis = Axis("time since the finding's first record", low, high, ticks=since_ticks(low, high))
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows)
