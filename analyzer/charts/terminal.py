"""Charts in a terminal, by rich: bars and sparklines of Unicode blocks; plain text where it is no terminal."""

import math
import textwrap
from collections.abc import Iterable, Sequence
from itertools import zip_longest

from rich.text import Text

from analyzer.charts.legend import SYMBOLS
from analyzer.charts.model import Axis, Band, Bars, Boxes, Chart, Mark, Points, Reference, Steps, Tone
from analyzer.charts.scales import place
from analyzer.format import count, visible

_EIGHTHS = "▏▎▍▌▋▊▉█"
_GAP = 2
_FEWEST_CELLS = 16  # for marks beside their words
_HEIGHTS = " ▁▂▃▄▅▆▇█"
_COLORS = {
    "a": "blue", "b": "yellow", "c": "cyan", "d": "magenta", "e": "yellow", "f": "magenta", "ink": "default",
    "quiet": "bright_black", "bad": "red", "warn": "yellow", "good": "green",
}  # fmt: skip
# Bars of one chart differ without colours too, in signs that the kernel's own console has.
_FILLS: dict[Tone, str] = {
    "a": "█", "b": "▓", "c": "=", "d": "#", "e": "+", "f": "x", "ink": "*",
    "quiet": "▒", "bad": "█", "warn": "▓", "good": "█",
}  # fmt: skip


def render(chart: Chart, width: int) -> Text:
    """The chart for rich's Console.print(…, crop=False), at most `width` columns wide."""
    parts = [wrapped(chart.title, width, "bold"), wrapped(chart.alt, width)]
    if chart.marks:
        parts.append(body(chart, width))
    if chart.provenance:
        parts.append(wrapped(visible(chart.provenance), width, "dim"))
    return stacked(parts)


def body(chart: Chart, width: int) -> Text:
    """The drawing alone, of a chart that has marks."""
    if chart.rows:
        return stacked([_rows(chart, width), *_words(chart, width)])
    boxes = [mark for mark in chart.marks if isinstance(mark, Boxes)]
    return _tree(boxes, width) if boxes else _over_time(chart, width)


def stacked(parts: Iterable[Text]) -> Text:
    """Texts below each other, in lines that are as long as they are."""
    return Text("\n", no_wrap=True, overflow="ignore").join(parts)


def _beside(widths: Sequence[int], cells: Sequence[Text]) -> Text:
    """Texts beside each other, in columns of those widths."""
    rows = []
    for parts in zip_longest(*(cell.split("\n", allow_blank=True) for cell in cells), fillvalue=Text()):
        row = [part.copy() for part in parts]
        for part, width in zip(row, widths, strict=True):
            part.truncate(width, overflow="ellipsis", pad=True)
        line = Text(" " * _GAP).join(row)
        line.rstrip()
        rows.append(line)
    return stacked(rows)


def wrapped(text: str, width: int, style: str = "", indent: int = 0) -> Text:
    """The text in lines of `width`, cut at blanks only: half a number is another number."""
    margin = " " * indent
    lines = textwrap.wrap(
        text, max(width, indent + 1), break_long_words=False, break_on_hyphens=False,
        initial_indent=margin, subsequent_indent=margin,
    )  # fmt: skip
    return Text("\n".join(lines), style=style, no_wrap=True, overflow="ignore")


def _tree(marks: list[Boxes], width: int) -> Text:
    """A line a box, from the top of each tree to its leaves, a bar's length each level deeper."""
    top = max(bottom for mark in marks for bottom in mark.bottom)
    boxes = [
        (left, top - bottom, name, right - left, _COLORS[mark.tone])
        for mark in marks
        for left, right, bottom, name in zip(mark.left, mark.right, mark.bottom, mark.names, strict=True)
    ]
    digits = max(len(count(number)) for *_, number, _ in boxes)
    text = Text()
    for _, depth, name, number, style in sorted(boxes, key=lambda box: box[:2]):
        line = f"{count(number):>{digits}}  {' ' * min(int(depth), width // 3)}{name}"
        text.append((line if len(line) <= width else line[: width - 1] + "…") + "\n", style=style)
    text.rstrip()
    return text


def _rows(chart: Chart, width: int) -> Text:
    """Name, marks and value of each row side by side, or the marks below the words where there is no room."""
    names, values = (max(len(text) for text in texts) for texts in zip(*_named(chart), strict=True))
    room = width - names - values - 2 * _GAP
    beside = room >= _FEWEST_CELLS
    cells = room if beside else width
    widths = (names, cells, values)
    parts = []
    for base, row in reversed(list(enumerate(reversed(chart.rows)))):
        lines = _row_lines(chart.marks, base, chart.x, cells)
        if beside:
            parts.append(_beside(widths, (Text(row.name), lines, Text(row.value))))
        else:
            parts += [wrapped(f"{row.name}: {row.value}", width), lines]
    if gaps := _gaps(chart, cells):
        parts.append(_beside(widths, (Text("gap"), gaps, Text())) if beside else gaps)
    ticks, title = _ticks(chart.x, cells), chart.x.title
    if beside and len(title) <= values:
        parts.append(_beside(widths, (Text(), ticks, Text(title, style="dim"))))
    else:
        scale = stacked([ticks, wrapped(title, cells, "dim")])
        parts.append(_beside(widths, (Text(), scale, Text())) if beside else scale)
    return stacked(parts)


def _named(chart: Chart) -> list[tuple[str, str]]:
    return [(row.name, row.value) for row in chart.rows]


def _sign(mark: Bars | Points) -> str:
    """The character that looks like the mark."""
    return _FILLS[mark.tone] if isinstance(mark, Bars) else SYMBOLS[mark.symbol]


def _words(chart: Chart, width: int) -> list[Text]:
    """What the signs of a chart of rows mean."""
    texts = []
    for mark in chart.marks:
        if isinstance(mark, Bars | Points) and chart.legend:
            texts.append(wrapped(f"{_sign(mark)} {mark.name}", width, _COLORS[mark.tone]))
        elif isinstance(mark, Band):
            texts.append(wrapped(f"░ gap: {mark.text}", width, _COLORS["warn"]))
        elif isinstance(mark, Reference):
            texts.append(wrapped(mark.text, width, "dim"))
    return texts


def _over_time(chart: Chart, width: int) -> Text:
    names = max([len(mark.name) for mark in chart.marks if isinstance(mark, Bars)])
    beside = width - names - _GAP >= _FEWEST_CELLS
    cells = width - names - _GAP if beside else width
    parts = []

    def add(name: str, line: Text) -> None:
        if beside:
            parts.append(_beside((names, cells), (Text(name), line)))
        else:
            parts.extend([wrapped(name, width), line] if name else [line])

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
            add(mark.name, Text(_spark(edges, sizes, chart.x, cells), style=_COLORS[mark.tone]))
    if gaps := _gaps(chart, cells):
        add("gap", gaps)
        add("", stacked(wrapped(mark.text, cells, "dim") for mark in chart.marks if isinstance(mark, Band)))
    add("", stacked([_ticks(chart.x, cells), wrapped(chart.x.title, cells, "dim")]))
    return stacked(parts)


def _row_lines(marks: tuple[Mark, ...], base: int, axis: Axis, cells: int) -> Text:
    """What the marks draw in the row that stands on `base`; bars at one place, and points, share a line."""
    lines: list[Text] = []
    last = None
    for mark in marks:
        if isinstance(mark, Bars):
            for at, start, end in zip(mark.at, mark.start, mark.end, strict=True):
                if base <= at < base + 1:
                    under = lines.pop() if at == last else Text()
                    lines.append(_extended(under, start, end, axis, cells, mark))
                    last = at
        elif isinstance(mark, Steps) and base <= mark.base < base + 1:
            edges = list(zip(mark.edges, mark.edges[1:], strict=False))
            tallest = max(mark.heights)
            line = _spark(edges, [height / tallest for height in mark.heights], axis, cells)
            lines.append(Text(line, style=_COLORS[mark.tone]))
        elif isinstance(mark, Points):
            mine = [i for i, y in enumerate(mark.y) if base <= y < base + 1]
            if mark.low:
                lines += [_interval(mark, i, axis, cells) for i in mine]
            elif mine:
                under = lines.pop() if lines else Text()
                lines.append(_stamped(under, {_cell(axis, mark.x[i], cells) for i in mine}, mark))
    return Text("\n").join(lines)


def _extended(line: Text, start: float, end: float, axis: Axis, cells: int, mark: Bars) -> Text:
    """The line with one more bar on it; where it is the first, what is more than nothing is seen."""
    first, stacked = _cell(axis, start, cells), bool(line)
    line = line.copy()
    line.pad_right(max(0, first - len(line)))
    length, fill = place(axis, end) * cells - len(line), _sign(mark)
    if end > start and not stacked:
        length = max(length, 1 / 8 if fill == "█" else 1)
    return line.append(_bar(length, fill), style=_COLORS[mark.tone])


def _stamped(line: Text, places: set[int], mark: Points) -> Text:
    """The line with the mark's sign at some places."""
    line = line.copy()
    line.pad_right(max(places) + 1 - len(line))
    signed = Text("".join(_sign(mark) if i in places else c for i, c in enumerate(line.plain)), style=line.style)
    signed.spans = list(line.spans)
    for at in sorted(places):
        signed.stylize(_COLORS[mark.tone], at, at + 1)
    return signed


def _cell(axis: Axis, value: float, cells: int) -> int:
    return min(cells - 1, int(place(axis, value) * cells))


def _bar(length: float, fill: str) -> str:
    """A bar that many cells long; a block ends in eighths of one."""
    if fill != "█":
        return fill * max(round(length), 0)
    whole, part = divmod(max(round(length * 8), 0), 8)
    return fill * whole + (_EIGHTHS[part - 1] if part else "")


def _spark(edges: list[tuple[float, float]], sizes: list[float], axis: Axis, cells: int) -> str:
    """A line of blocks: each cell as high as the tallest bin (sizes 0 to 1) that lies in it."""
    heights = [0.0] * cells
    for (left, right), size in zip(edges, sizes, strict=True):
        first = _cell(axis, left, cells)
        for i in range(first, max(first + 1, math.ceil(place(axis, right) * cells - 1e-9))):
            heights[i] = max(heights[i], size)
    return "".join(_HEIGHTS[math.ceil(height * 8)] for height in heights)


def _interval(mark: Points, i: int, axis: Axis, cells: int) -> Text:
    at, low, high = (_cell(axis, value, cells) for value in (mark.x[i], mark.low[i], mark.high[i]))
    line = " " * low + "─" * (high - low + 1)
    return Text(line[:at] + _sign(mark) + line[at + 1 :], style=_COLORS[mark.tone])


def _gaps(chart: Chart, cells: int) -> Text:
    """All bands on one line; no text where there is none."""
    ends = [
        (_cell(chart.x, mark.start, cells), _cell(chart.x, mark.end, cells))
        for mark in chart.marks
        if isinstance(mark, Band)
    ]
    inside = {cell for first, last in ends for cell in range(first, last + 1)}
    return Text("".join("░" if cell in inside else " " for cell in range(max(inside, default=-1) + 1)), _COLORS["warn"])


def _ticks(axis: Axis, cells: int) -> Text:
    """The ticks' texts at their places, every second or third one where they would touch."""
    starts = [(min(_cell(axis, at, cells), cells - len(text)), text) for at, text in axis.ticks]
    for every in range(1, len(starts) + 1):
        line = ""
        for start, text in starts[::every]:
            if line and start <= len(line):
                break
            line = line.ljust(start) + text
        else:
            return Text(line, style="dim")
    return Text("")
