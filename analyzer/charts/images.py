"""Charts as PNG and SVG files, by matplotlib: no browser needed, same chart same bytes."""

import io
import math
import textwrap
from functools import singledispatch
from typing import Literal

import matplotlib
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analyzer.charts.legend import legend
from analyzer.charts.model import ROW_HEAD, Band, Bars, Chart, Points, Reference, Steps
from analyzer.charts.palette import LIGHT
from analyzer.format import visible

_WIDTH = 9.0
_ROW = 0.66
_PLOT = 3.4
_EDGE = 0.025  # where texts begin; plots of rows stand in a little, so that their outer ticks have room
_INSET = 0.045
_LEGEND_COLUMNS = 3
_STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "text.parse_math": False,  # a process may be named "$x$"
    "svg.hashsalt": "vmtrace",
    "svg.fonttype": "path",
    "axes.edgecolor": LIGHT["line"],
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["muted"],
    "text.color": LIGHT["ink"],
}
_MARKERS = {"circle": "o", "diamond": "D", "cross": "X", "square": "s", "hollow": "o"}


def render(chart: Chart, form: Literal["png", "svg"]) -> bytes:
    """The image file's bytes; provenance stands in its metadata and in a line at the foot."""
    with matplotlib.rc_context(_STYLE):
        figure = _figure(chart)
        image = io.BytesIO()
        words = {"Title": chart.title, "Description": chart.alt, "Source": visible(chart.provenance)}
        if form == "png":
            FigureCanvasAgg(figure)
            figure.savefig(image, format="png", dpi=144, metadata=words | {"Software": "vmtrace"})
        else:
            FigureCanvasSVG(figure)
            figure.savefig(image, format="svg", metadata=words | {"Creator": "vmtrace", "Date": None})
        return image.getvalue()


def _figure(chart: Chart) -> Figure:
    alt = textwrap.wrap(chart.alt, 120)
    foot = textwrap.wrap(visible(chart.provenance), 140)
    head, bottom = 0.46 + 0.17 * len(alt), 0.62 + 0.15 * len(foot)
    names = 0.12 + 0.2 * math.ceil(len(legend(chart)) / _LEGEND_COLUMNS)
    plot = _ROW * len(chart.rows) if chart.rows else _PLOT if chart.marks else 0.8
    height = head + names + plot + bottom
    figure = Figure(figsize=(_WIDTH, height), facecolor=LIGHT["paper"])
    left, right = (_INSET, 1 - _INSET) if chart.rows or not chart.marks else (0.098, 1 - _EDGE)
    axes = figure.add_axes((left, bottom / height, right - left, plot / height))
    figure.text(_EDGE, 1 - 0.14 / height, chart.title, size=12, weight="bold", va="top")
    figure.text(_EDGE, 1 - 0.4 / height, "\n".join(alt), color=LIGHT["muted"], va="top", linespacing=1.3)
    figure.text(_EDGE, 0.08 / height, "\n".join(foot), size=7, color=LIGHT["muted"], va="bottom")
    if chart.marks:
        _axes(axes, chart)
        for depth, mark in enumerate(chart.marks):
            _draw(mark, axes, chart, depth + 2)
        _legend(figure, axes, chart, 1 - (head + 0.02) / height)
    else:
        axes.set(xticks=(), yticks=(), facecolor=LIGHT["raised"])
        axes.text(0.5, 0.5, "nothing to draw", color=LIGHT["muted"], ha="center", va="center")
    return figure


def _axes(axes: Axes, chart: Chart) -> None:
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
        side.set_ticks([at for at, _ in axis.ticks], [text for _, text in axis.ticks])
        side.label.set_color(LIGHT["muted"])
        side.grid(True, color=LIGHT["grid"], linewidth=0.8)
    if chart.rows:
        for base, row in enumerate(reversed(chart.rows)):
            place = {
                "y": base + (1 + ROW_HEAD) / 2, "transform": axes.get_yaxis_transform(), "va": "center", "zorder": 9,
                "bbox": {"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.5},
            }  # fmt: skip
            overhang = (_INSET - _EDGE) / (1 - 2 * _INSET)
            axes.text(x=-overhang, s=row.name, ha="left", weight="bold", **place)
            axes.text(x=1 + overhang, s=row.value, ha="right", color=LIGHT["muted"], **place)


def _legend(figure: Figure, axes: Axes, chart: Chart, top: float) -> None:
    handles, names = axes.get_legend_handles_labels()
    if chart.legend and handles:
        figure.legend(
            handles, names, loc="upper left", bbox_to_anchor=(_EDGE - 0.006, top), ncols=_LEGEND_COLUMNS,
            frameon=False, borderpad=0, handlelength=1.2, columnspacing=1.4, fontsize=8.5,
        )  # fmt: skip


@singledispatch
def _draw(mark, axes: Axes, chart: Chart, depth: int) -> None:
    raise TypeError(f"{type(mark).__name__} is no mark")


@_draw.register
def _(mark: Bars, axes: Axes, chart: Chart, depth: int) -> None:
    sizes = [end - start for start, end in zip(mark.start, mark.end, strict=True)]
    style = {"color": LIGHT[mark.tone], "label": mark.name, "zorder": depth, "linewidth": 0}
    if chart.rows:
        axes.barh(mark.at, sizes, mark.width, left=mark.start, **style)
    else:
        axes.bar(mark.at, sizes, mark.width, bottom=mark.start, **style)


@_draw.register
def _(mark: Points, axes: Axes, chart: Chart, depth: int) -> None:
    color = LIGHT[mark.tone]
    if mark.low:
        ends = (axes.hlines, mark.y) if chart.rows else (axes.vlines, mark.x)
        ends[0](ends[1], mark.low, mark.high, color=color, linewidth=1.6, zorder=depth)
    axes.plot(
        mark.x, mark.y, _MARKERS[mark.symbol], color=color, label=mark.name, zorder=depth + 0.5, clip_on=False,
        markersize=9 if mark.label_at else 6, markeredgewidth=1.4,
        markerfacecolor=LIGHT["paper"] if mark.symbol == "hollow" else color,
    )  # fmt: skip
    for x, y, text, place in zip(mark.x, mark.y, mark.texts, mark.label_at, strict=False):
        if place:
            side = place[0] > x
            axes.annotate(
                text, (x, y), place, va="center", ha="left" if side else "right", zorder=depth + 1, fontsize=8.5,
                bbox={"facecolor": LIGHT["paper"], "edgecolor": "none", "pad": 1.5},
                arrowprops={
                    "arrowstyle": "-", "color": color, "linewidth": 0.9, "shrinkB": 5,
                    "relpos": (0 if side else 1, 0.5),
                },
            )  # fmt: skip


@_draw.register
def _(mark: Steps, axes: Axes, chart: Chart, depth: int) -> None:
    tops = [mark.base + height for height in mark.heights]
    color = LIGHT[mark.tone]
    axes.stairs(tops, mark.edges, baseline=mark.base, fill=True, color=color, alpha=0.3, zorder=depth)
    axes.stairs(tops, mark.edges, baseline=mark.base, color=color, linewidth=1.2, zorder=depth)


@_draw.register
def _(mark: Band, axes: Axes, chart: Chart, depth: int) -> None:
    axes.axvspan(mark.start, mark.end, color=LIGHT["gap"], linewidth=0, zorder=0, label=f"gap: {mark.text}")


@_draw.register
def _(mark: Reference, axes: Axes, chart: Chart, depth: int) -> None:
    axes.axvline(mark.at, color=LIGHT["muted"], linewidth=1, linestyle=(0, (4, 3)), zorder=1, label=mark.text)
