"""Charts as PNG and SVG files, by matplotlib: no browser needed, same chart same bytes."""

import io
import math
import textwrap
from dataclasses import dataclass
from functools import lru_cache, partial, singledispatch
from typing import Any, Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.patches import PathPatch, Rectangle, StepPatch
from matplotlib.path import Path
from matplotlib.textpath import text_to_path
from matplotlib.ticker import NullLocator

from analyzer.charts.legend import legend
from analyzer.charts.model import ROW_HEAD, Axis, Band, Bars, Boxes, Chart, Mark, Points, Reference, Steps
from analyzer.charts.palette import LIGHT
from analyzer.charts.scales import place
from analyzer.format import visible

_WIDTH = 9.0
_ROW = 0.66
_PLOT = 3.0
_TALL = 0.5  # how much of its width a plot over time is high at the most
_EDGE = 0.22  # where texts begin; plots of rows stand in a little, so that their outer ticks have room
_INSET = 0.4
_TICKS = 0.88  # for the ticks and the title of a y axis
_LOW_ROW = 0.36  # a row whose words stand beside its marks
_APART = 0.16  # between words and what stands beside them
_WORDS = 0.62  # how much of the width such words may take
_LEAST_PLOT = 2.6  # what they leave for the marks, with the margins
_STACKED = 0.2  # what a row is higher where its value stands below its name
_PADDING, _LEAST = 0.12, 0.6  # inches of a box beside its name, and of the shortest name that is worth it
_FONT = "DejaVu Sans"
_POINTS = 9
_PLAIN, _BOLD = (FontProperties(family=_FONT, size=_POINTS, weight=weight) for weight in ("normal", "bold"))
_LEGEND_COLUMNS = 3
STYLE: Any = {
    "font.family": _FONT,
    "font.size": _POINTS,
    "text.parse_math": False,  # a process may be named "$x$"
    "svg.hashsalt": "vmtrace",
    "svg.fonttype": "path",
    "axes.edgecolor": LIGHT["line"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "text.color": LIGHT["ink"],
}
Form = Literal["png", "svg"]
_MARKERS = {"circle": "o", "diamond": "D", "cross": "X", "square": "s", "hollow": "o"}


def render(chart: Chart, *forms: Form) -> list[bytes]:
    """The image file's bytes in each form; provenance stands in its metadata and in a line at the foot."""
    with matplotlib.rc_context(STYLE):
        figure = draw(chart, _WIDTH, bare=False)
        return [_saved(figure, chart, form) for form in forms]


def _saved(figure: Figure, chart: Chart, form: Form) -> bytes:
    image = io.BytesIO()
    words = {"Title": chart.title, "Description": chart.alt, "Source": visible(chart.provenance)}
    if form == "png":
        FigureCanvasAgg(figure)
        figure.savefig(image, format="png", dpi=144, metadata=words | {"Software": "vmtrace"})
    else:
        FigureCanvasSVG(figure)
        figure.savefig(image, format="svg", metadata=words | {"Creator": "vmtrace", "Date": None})
    return image.getvalue()


@matplotlib.rc_context(STYLE)
def draw(chart: Chart, width: float, bare: bool) -> Figure:
    """The chart `width` inches wide; `bare` leaves out what a page says itself: title, alt sentence, legend, origin."""
    alt = textwrap.wrap(chart.alt, round(width * 13))
    foot = textwrap.wrap(visible(chart.provenance), round(width * 15))
    heads = _heads(chart, width)
    plot = heads.row * len(chart.rows) if chart.rows else min(_PLOT, _TALL * width) if chart.marks else 0.8
    head, bottom = 0.46 + 0.17 * len(alt), 0.62 + 0.15 * len(foot)
    names = 0.12 + 0.2 * math.ceil(len(legend(chart)) / _LEGEND_COLUMNS)
    if bare:
        head, names, bottom = 0.0, 0.08, 0.48
    height = head + names + plot + bottom
    figure = Figure(figsize=(width, height), facecolor="none" if bare else LIGHT["paper"])
    left, right = (_TICKS, _EDGE) if chart.marks and not chart.rows else (heads.left, heads.right)
    axes = figure.add_axes((left / width, bottom / height, 1 - (left + right) / width, plot / height))
    if not bare:
        edge = _EDGE / width
        figure.text(edge, 1 - 0.14 / height, chart.title, size=12, weight="bold", va="top")
        figure.text(edge, 1 - 0.4 / height, "\n".join(alt), color=LIGHT["muted"], va="top", linespacing=1.3)
        figure.text(edge, 0.08 / height, "\n".join(foot), size=7, color=LIGHT["muted"], va="bottom")
    if chart.marks:
        _axes(axes, chart, width - left - right)
        _row_heads(axes, chart, width, heads)
        for depth, mark in enumerate(chart.marks):
            _draw(mark, axes, chart, depth + 2)
        if not bare:
            _legend(figure, axes, chart, 1 - (head + 0.02) / height)
    else:
        axes.set(xticks=(), yticks=(), facecolor=LIGHT["raised"])
        axes.text(0.5, 0.5, "nothing to draw", color=LIGHT["muted"], ha="center", va="center")
    return figure


@dataclass(frozen=True)
class _Heads:
    """Where the words of rows stand, in inches: a row's height, the margins of the plot.

    `stacked`: the value below the name; `beside`: both in the margins of the plot.
    """

    row: float
    left: float = _INSET
    right: float = _INSET
    stacked: bool = False
    beside: bool = False


def _heads(chart: Chart, width: float) -> _Heads:
    sizes = [(_wide(row.name, bold=True), _wide(row.value)) for row in chart.rows]
    if sizes:
        names, values = (max(column) for column in zip(*sizes, strict=True))
        if names + values <= min(_WORDS * width, width - _LEAST_PLOT):
            return _Heads(_LOW_ROW, _EDGE + names + _APART, _EDGE + values + _APART, beside=True)
    stacked = any(name + value > width - 2 * _EDGE - _APART for name, value in sizes)
    return _Heads(_ROW + stacked * _STACKED, stacked=stacked)


def _apart(axis: Axis, width: float) -> list[tuple[float, str]]:
    """The ticks of an axis that is `width` inches long whose texts do not touch."""
    kept, free = [], -math.inf
    for at, text in axis.ticks:
        middle, half = place(axis, at) * width, _wide(text) / 2
        if middle - half >= free:
            kept.append((at, text))
            free = middle + half + _APART
    return kept


@lru_cache(1 << 12)  # a chart is drawn at several widths and in several forms
def _wide(text: str, bold: bool = False) -> float:
    """How many inches the text is wide."""
    width, _, _ = text_to_path.get_text_width_height_descent(text, _BOLD if bold else _PLAIN, ismath=False)
    return width / 72


def _fitted(text: str, width: float, bold: bool = False) -> str:
    """The text, its middle left out where it is wider than `width` inches."""
    keep = len(text)
    while keep > 2 and _wide(text, bold) > width:
        keep -= max(1, keep // 20)
        text = f"{text[: keep // 2]}…{text[-keep // 2 :]}"
    return text


def _row_heads(axes: Axes, chart: Chart, width: float, heads: _Heads) -> None:
    """Each row's name, and its value on the right of it, or below it where they do not stand side by side."""
    plot = width - heads.left - heads.right
    start, end = (_EDGE - heads.left) / plot, 1 + (heads.right - _EDGE) / plot
    room = width - 2 * _EDGE
    for base, row in enumerate(reversed(chart.rows)):
        style: dict[str, Any] = {
            "transform": axes.get_yaxis_transform(), "va": "center", "zorder": 9,
            "bbox": {"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.5},
        }  # fmt: skip
        middle = base + (ROW_HEAD / 2 if heads.beside else (1 + ROW_HEAD) / 2)
        apart = 0.105 * heads.stacked
        axes.text(start, middle + apart, _fitted(row.name, room, True), ha="left", weight="bold", **style)
        at, side = (start, "left") if heads.stacked else (end, "right")
        axes.text(at, middle - apart, _fitted(row.value, room), ha=side, color=LIGHT["muted"], **style)


def _axes(axes: Axes, chart: Chart, width: float) -> None:
    axes.set(
        xscale="log" if chart.x.log else "linear", xlim=(chart.x.low, chart.x.high), xlabel=chart.x.title,
        yscale="log" if chart.y.log else "linear", ylim=(chart.y.low, chart.y.high), ylabel=chart.y.title,
        axisbelow=True,
    )  # fmt: skip
    for spine in ("top", "right", "left"):
        axes.spines[spine].set_visible(False)
    axes.tick_params(length=0, pad=6)
    for axis, side in ((chart.x, axes.xaxis), (chart.y, axes.yaxis)):
        side.set_minor_locator(NullLocator())
        ticks = _apart(axis, width) if axis is chart.x else axis.ticks
        side.set_ticks([at for at, _ in ticks], [text for _, text in ticks])
        side.label.set_color(LIGHT["muted"])
        side.grid(True, color=LIGHT["grid"], linewidth=0.8)


def _legend(figure: Figure, axes: Axes, chart: Chart, top: float) -> None:
    handles, names = axes.get_legend_handles_labels()
    if chart.legend and handles:
        figure.legend(
            handles, names, loc="upper left", bbox_to_anchor=((_EDGE - 0.054) / _WIDTH, top), ncols=_LEGEND_COLUMNS,
            frameon=False, borderpad=0, handlelength=1.2, columnspacing=1.4, fontsize=8.5,
        )  # fmt: skip


@singledispatch
def _draw(mark: Mark, axes: Axes, chart: Chart, depth: int) -> None:
    raise TypeError(f"{type(mark).__name__} is no mark")


@_draw.register
def _(mark: Bars, axes: Axes, chart: Chart, depth: int) -> None:
    corners = []
    for at, start, end in zip(mark.at, mark.start, mark.end, strict=True):
        low, high = at - mark.width / 2, at + mark.width / 2
        corners.append([(low, start), (low, end), (high, end), (high, start), (low, start)])
    if chart.rows:
        corners = [[(y, x) for x, y in bar] for bar in corners]
    # All bars in one path: a page has thousands of them.
    path = Path.make_compound_path(*(Path(bar, closed=True) for bar in corners))
    # Not add_patch(), nor stairs(): they look for limits, which the chart has, curve by curve.
    axes.add_artist(PathPatch(path, facecolor=LIGHT[mark.tone], linewidth=0, label=mark.name, zorder=depth))


@_draw.register
def _(mark: Points, axes: Axes, chart: Chart, depth: int) -> None:
    color = LIGHT[mark.tone]
    if mark.low:
        ends = (axes.hlines, mark.y) if chart.rows else (axes.vlines, mark.x)
        ends[0](ends[1], mark.low, mark.high, color=color, linewidth=1.6, zorder=depth)
    axes.plot(
        mark.x, mark.y, _MARKERS[mark.symbol], color=color, label=mark.name, zorder=depth + 0.5, clip_on=False,
        markersize=6, markeredgewidth=1.4,
        markerfacecolor=LIGHT["paper"] if mark.symbol == "hollow" else color,
    )  # fmt: skip


@_draw.register
def _(mark: Steps, axes: Axes, chart: Chart, depth: int) -> None:
    tops = [mark.base + height for height in mark.heights]
    color = LIGHT[mark.tone]
    patch = partial(StepPatch, tops, mark.edges, baseline=mark.base, zorder=depth)
    axes.add_artist(patch(fill=True, facecolor=color, linewidth=0, alpha=0.3))
    axes.add_artist(patch(fill=False, edgecolor=color, linewidth=1.2))


@_draw.register
def _(mark: Boxes, axes: Axes, chart: Chart, depth: int) -> None:
    figure = axes.get_figure(root=True)
    assert figure is not None  # draw() made the one with the other
    inches = axes.get_position().width * figure.get_figwidth() / (chart.x.high - chart.x.low)
    for left, right, bottom, name in zip(mark.left, mark.right, mark.bottom, mark.names, strict=True):
        box = Rectangle(
            (left, bottom), right - left, 1, facecolor=to_rgba(LIGHT[mark.tone], 0.3), edgecolor=LIGHT["paper"],
            linewidth=1.2, zorder=depth,
        )  # fmt: skip
        axes.add_patch(box)
        room = (right - left) * inches - _PADDING
        if room >= _LEAST:
            axes.text(left + (right - left) / 2, bottom + 0.5, _fitted(name, room), ha="center", va="center", zorder=9)
    axes.add_patch(Rectangle((0, 0), 0, 0, facecolor=to_rgba(LIGHT[mark.tone], 0.3), label=mark.name))


@_draw.register
def _(mark: Band, axes: Axes, chart: Chart, depth: int) -> None:
    axes.axvspan(mark.start, mark.end, color=LIGHT["gap"], linewidth=0, zorder=0, label=f"gap: {mark.text}")


@_draw.register
def _(mark: Reference, axes: Axes, chart: Chart, depth: int) -> None:
    low, high = (0, len(chart.rows) or 1) if mark.row is None else (mark.row, mark.row + ROW_HEAD)
    ends = axes.get_xaxis_transform() if not chart.rows else axes.transData
    style: dict[str, Any] = {"color": LIGHT["muted"], "linewidth": 1, "linestyle": (0, (4, 3)), "zorder": 1}
    axes.vlines(mark.at, low, high, transform=ends, label=mark.text, **style)
