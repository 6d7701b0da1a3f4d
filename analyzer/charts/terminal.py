"""Charts in a terminal, by rich: bars and sparklines of Unicode blocks; plain text where it is no terminal."""

import math

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analyzer.charts.legend import sign
from analyzer.charts.model import Axis, Band, Bars, Chart, Points, Reference, Steps
from analyzer.format import visible

_EIGHTHS = "▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_MOST_POINTS = 8
_COLORS = {
    "a": "blue", "b": "yellow", "c": "cyan", "d": "magenta", "e": "yellow", "f": "magenta", "ink": "default",
    "quiet": "bright_black", "bad": "red", "warn": "yellow", "good": "green",
}  # fmt: skip


def render(chart: Chart, width: int) -> Group:
    """The chart for rich's Console.print, at most `width` columns wide."""
    body: list[RenderableType] = [Text(chart.title, style="bold"), Text(chart.alt)]
    if chart.marks:
        body.append(_rows(chart, width) if chart.rows else _over_time(chart, width))
    if chart.provenance:
        body.append(Text(visible(chart.provenance), style="dim"))
    return Group(*body)


def _rows(chart: Chart, width: int) -> Table:
    names = min(max(len(row.name) for row in chart.rows), width // 3)
    values = min(max(len(row.value) for row in chart.rows), width // 3)
    cells = max(width - names - values - 4, 8)
    table = _grid(names, cells, values)
    for base, row in reversed(list(enumerate(reversed(chart.rows)))):
        lines = [line for mark in chart.marks for line in _in_row(mark, base, chart.x, cells)]
        table.add_row(Text(row.name), Text("\n").join(lines), Text(row.value))
    table.add_row("", _scale(chart.x, cells), "")
    for mark in chart.marks:
        if isinstance(mark, Bars) or (isinstance(mark, Points) and mark.low):
            table.add_row("", Text(f"{sign(mark)} {mark.name}", style=_COLORS[mark.tone]), "")
        elif isinstance(mark, Reference):
            table.add_row("", Text(" " * _cell(chart.x, mark.at, cells) + f"↑ {mark.text}", style="dim"), "")
    return table


def _over_time(chart: Chart, width: int) -> Table:
    names = min(max([len(mark.name) for mark in chart.marks if isinstance(mark, Bars | Points)]), width // 3)
    cells = max(width - names - 2, 8)
    table = _grid(names, cells)
    tallest = max(
        end - start
        for mark in chart.marks
        if isinstance(mark, Bars)
        for start, end in zip(mark.start, mark.end, strict=True)
    )
    for mark in chart.marks:
        if isinstance(mark, Bars):
            edges = [(at - mark.width / 2, at + mark.width / 2) for at in mark.at]
            sizes = [(end - start) / tallest for start, end in zip(mark.start, mark.end, strict=True)]
            table.add_row(Text(mark.name), Text(_spark(edges, sizes, chart.x, cells), style=_COLORS[mark.tone]))
        elif isinstance(mark, Band):
            table.add_row(Text("gap"), _span(mark, chart.x, cells))
            table.add_row("", Text(mark.text, style="dim"))
        elif isinstance(mark, Points):
            table.add_row(Text(mark.name), _dots(mark, chart.x, cells))
            for x, text in list(zip(mark.x, mark.texts, strict=True))[:_MOST_POINTS]:
                table.add_row("", Text(f"{x:.3f} s: {', '.join(text.splitlines())}"))
            if len(mark.x) > _MOST_POINTS:
                table.add_row("", Text(f"and {len(mark.x) - _MOST_POINTS} more"))
    table.add_row("", _scale(chart.x, cells))
    return table


def _grid(*widths: int) -> Table:
    table = Table.grid(padding=(0, 2, 0, 0))
    for width in widths:
        table.add_column(width=width, overflow="fold")
    return table


def _in_row(mark, base: int, axis: Axis, cells: int) -> list[Text]:
    """The lines that a mark draws in the row that stands on `base`."""
    if isinstance(mark, Bars):
        ends = [end for at, end in zip(mark.at, mark.end, strict=True) if base <= at < base + 1]
        return [Text(_bar(_fraction(axis, end) * cells, sign(mark)), style=_COLORS[mark.tone]) for end in ends]
    if isinstance(mark, Steps) and base <= mark.base < base + 1:
        edges = list(zip(mark.edges, mark.edges[1:], strict=False))
        tallest = max(mark.heights)
        line = _spark(edges, [height / tallest for height in mark.heights], axis, cells)
        return [Text(line, style=_COLORS[mark.tone])]
    if isinstance(mark, Points) and mark.low:
        places = zip(mark.x, mark.y, mark.low, mark.high, strict=True)
        return [
            Text(_interval(_cell(axis, x, cells), _cell(axis, low, cells), _cell(axis, high, cells), sign(mark)),
                 style=_COLORS[mark.tone])
            for x, y, low, high in places
            if base <= y < base + 1
        ]  # fmt: skip
    return []


def _fraction(axis: Axis, value: float) -> float:
    low, high = axis.low, axis.high
    if axis.log:
        low, high, value = math.log(low), math.log(high), math.log(value)
    return min(1.0, max(0.0, (value - low) / (high - low)))


def _cell(axis: Axis, value: float, cells: int) -> int:
    return min(cells - 1, int(_fraction(axis, value) * cells))


def _bar(length: float, sign: str) -> str:
    if sign != "█":
        return sign * max(round(length), length > 0)
    # What is more than nothing is seen.
    whole, part = divmod(max(round(length * 8), length > 0), 8)
    return sign * whole + (_EIGHTHS[part - 1] if part else "")


def _spark(edges: list[tuple[float, float]], sizes: list[float], axis: Axis, cells: int) -> str:
    """A line of blocks: each cell as high as the tallest bin (sizes 0 to 1) that lies in it."""
    heights = [0.0] * cells
    for (left, right), size in zip(edges, sizes, strict=True):
        first = _cell(axis, left, cells)
        for i in range(first, max(first + 1, math.ceil(_fraction(axis, right) * cells - 1e-9))):
            heights[i] = max(heights[i], size)
    return "".join(_HEIGHTS[math.ceil(height * 8)] for height in heights)


def _interval(at: int, low: int, high: int, sign: str) -> str:
    line = " " * low + "─" * (high - low + 1)
    return line[:at] + sign + line[at + 1 :]


def _dots(mark: Points, axis: Axis, cells: int) -> Text:
    places = {_cell(axis, x, cells) for x in mark.x}
    return Text("".join(sign(mark) if i in places else " " for i in range(cells)), style=_COLORS[mark.tone])


def _span(band: Band, axis: Axis, cells: int) -> Text:
    first, last = _cell(axis, band.start, cells), _cell(axis, band.end, cells)
    return Text(" " * first + "░" * (last - first + 1), style=_COLORS["warn"])


def _scale(axis: Axis, cells: int) -> Text:
    """The ticks' texts at their places, left out where they would touch."""
    line = ""
    for at, text in axis.ticks:
        start = min(_cell(axis, at, cells), cells - len(text))
        if not line or start > len(line):
            line = line.ljust(start) + text
    return Text("\n").join([Text(line, style="dim"), Text(axis.title, style="dim")])
