"""Charts in a terminal, by rich: bars and sparklines of Unicode blocks; plain text where it is no terminal."""

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from analyzer.charts.model import Band, Bars, Chart, Points, Reference, Steps
from analyzer.format import count

_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHTS = " ▁▂▃▄▅▆▇█"
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
        body.append(Text(chart.provenance, style="dim"))
    return Group(*body)


def _rows(chart: Chart, width: int) -> Table:
    names = min(max(len(row.name) for row in chart.rows), width // 3)
    values = min(max(len(row.value) for row in chart.rows), width // 3)
    cells = max(width - names - values - 4, 8)
    table = Table.grid(padding=(0, 2))
    table.add_column(width=names, overflow="fold")
    table.add_column(width=cells, no_wrap=True)
    table.add_column(width=values, overflow="fold")
    for i, row in enumerate(chart.rows):
        lines = _row_marks(chart, len(chart.rows) - 1 - i, cells)
        table.add_row(Text(row.name), Text("\n").join(lines), Text(row.value))
    table.add_row("", Text(_scale(chart, cells), style="dim"), "")
    return table
