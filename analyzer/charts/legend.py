"""What the legend of a chart says, for renderers that write it as text."""

from dataclasses import dataclass

from analyzer.charts.model import Band, Bars, Boxes, Chart, Mark, Points, Reference, Symbol

SYMBOLS: dict[Symbol, str] = {"circle": "●", "diamond": "◆", "cross": "✖", "square": "■", "hollow": "○"}


@dataclass(frozen=True)
class Entry:
    """A sign, its tone (a tone of the palette) and what it stands for."""

    sign: str
    tone: str
    name: str


def legend(chart: Chart) -> list[Entry]:
    """The chart's entries in the order of its marks; none where the chart wants no legend."""
    entries = [_entry(mark) for mark in chart.marks if chart.legend]
    return [entry for entry in entries if entry]


def _entry(mark: Mark) -> Entry | None:
    if isinstance(mark, Points):
        return Entry(SYMBOLS[mark.symbol], mark.tone, mark.name)
    if isinstance(mark, Bars | Boxes):
        return Entry("█", mark.tone, mark.name)
    if isinstance(mark, Band):
        return Entry("█", "gap", f"gap: {mark.text}")
    if isinstance(mark, Reference):
        return Entry("┊", "muted", mark.text)
    return None
