"""Charts as plotly figures, for the HTML report and for a notebook."""

import html
import math
from functools import singledispatch

import plotly.graph_objects as go

from analyzer.charts.model import ROW_HEAD, Axis, Band, Bars, Boxes, Chart, Mark, Points, Reference, Steps
from analyzer.charts.palette import LIGHT

_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif'
_ROW_PIXELS = 62
_PLOT_PIXELS = 300
_LEGEND_PIXELS = 34
_INSET = 26
_SYMBOLS = {"circle": "circle", "diamond": "diamond", "cross": "x", "square": "square", "hollow": "circle-open"}


def figure(chart: Chart) -> go.Figure:
    """The chart in the colours of the light theme; title, alt sentence and provenance stand in `layout.meta`."""
    drawn = go.Figure()
    height = _ROW_PIXELS * len(chart.rows) if chart.rows else _PLOT_PIXELS if chart.marks else 60
    margin = {"l": _INSET, "r": _INSET} if chart.rows else {"l": 52, "r": 10}
    top = _LEGEND_PIXELS if chart.legend and chart.marks else 8
    drawn.update_layout(
        template="none",
        meta={"title": chart.title, "alt": chart.alt, "provenance": chart.provenance, "rows": len(chart.rows)},
        height=height + top + 48,
        margin={**margin, "t": top, "b": 48},
        barmode="overlay",
        showlegend=chart.legend and bool(chart.marks),
        legend={
            "orientation": "h", "x": 0, "xanchor": "left", "y": 1, "yanchor": "bottom", "traceorder": "normal",
            "font": {"color": LIGHT["ink"]}, "itemclick": False, "itemdoubleclick": False,
        },
        font={"family": _FONT, "size": 12, "color": LIGHT["muted"]},
        hoverlabel={
            "bgcolor": LIGHT["raised"], "bordercolor": LIGHT["line"],
            "font": {"color": LIGHT["ink"], "family": _FONT}, "align": "left",
        },
        hovermode="closest",
        paper_bgcolor=LIGHT["paper"],
        plot_bgcolor=LIGHT["paper"],
        xaxis=_axis(chart.x),
        yaxis={**_axis(chart.y), "automargin": True},
    )  # fmt: skip
    if chart.rows:
        drawn.update_yaxes(showticklabels=False, showgrid=False, automargin=False)
        for base, row in enumerate(reversed(chart.rows)):
            _row_head(drawn, base, f"<b>{_escaped(row.name)}</b>", "left")
            _row_head(drawn, base, _escaped(row.value), "right")
    if not chart.marks:
        drawn.update_xaxes(visible=False)
        drawn.update_yaxes(visible=False)
        drawn.add_annotation(text="nothing to draw", xref="paper", yref="paper", x=0.5, y=0.5, showarrow=False)
    for mark in chart.marks:
        _draw(mark, drawn, chart)
    return drawn


def figure_json(chart: Chart) -> str:
    """figure(chart) as JSON that may stand inside a <script> element."""
    text = figure(chart).to_json()
    return text.replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")


def _axis(axis: Axis) -> dict:
    bounds = (axis.low, axis.high)
    return {
        "title": {"text": axis.title, "standoff": 8, "font": {"size": 12}},
        "type": "log" if axis.log else "linear",
        "range": [math.log10(bound) for bound in bounds] if axis.log else list(bounds),
        "gridcolor": LIGHT["grid"],
        "zeroline": False,
        "fixedrange": True,  # the ticks are for the whole; and a finger on a chart scrolls the page
        "showline": False,
        "ticks": "outside",
        "ticklen": 5,
        "tickcolor": LIGHT["paper"],
        "tickvals": [at for at, _ in axis.ticks],
        "ticktext": [_escaped(text) for _, text in axis.ticks],
    }


def _row_head(drawn: go.Figure, base: int, text: str, side: str) -> None:
    left = side == "left"
    drawn.add_annotation(
        name="row-name" if left else "row-value", text=text, showarrow=False,
        xref="paper", x=0 if left else 1, xanchor=side, xshift=-_INSET if left else _INSET,
        y=base + (1 + ROW_HEAD) / 2, yanchor="middle", bgcolor=LIGHT["paper"], borderpad=1,
        font={"color": LIGHT["ink" if left else "muted"]},
    )  # fmt: skip


def _escaped(text: str) -> str:
    # plotly reads tags and entities in every text that it draws, and mathematics between dollar signs.
    return html.escape(text, quote=False).replace("$", "&#36;").replace("\n", "<br>")


@singledispatch
def _draw(mark: Mark, drawn: go.Figure, chart: Chart) -> None:
    raise TypeError(f"{type(mark).__name__} is no mark")


@_draw.register
def _(mark: Bars, drawn: go.Figure, chart: Chart) -> None:
    sizes = [end - start for start, end in zip(mark.start, mark.end, strict=True)]
    along = {"x": sizes, "y": list(mark.at)} if chart.rows else {"x": list(mark.at), "y": sizes}
    drawn.add_bar(
        **along, base=list(mark.start), width=mark.width, orientation="h" if chart.rows else "v",
        name=_escaped(mark.name), marker={"color": LIGHT[mark.tone], "line": {"width": 0}}, **_hover(mark.texts),
    )  # fmt: skip


@_draw.register
def _(mark: Boxes, drawn: go.Figure, chart: Chart) -> None:
    drawn.add_bar(
        x=[right - left for left, right in zip(mark.left, mark.right, strict=True)],
        y=[bottom + 0.5 for bottom in mark.bottom],
        base=list(mark.left), width=1, orientation="h", name=_escaped(mark.name),
        marker={"color": LIGHT[mark.tone], "opacity": 0.3, "line": {"width": 1.2, "color": LIGHT["paper"]}},
        text=[_escaped(name) for name in mark.names], textposition="inside", insidetextanchor="middle", textangle=0,
        constraintext="none", insidetextfont={"color": LIGHT["ink"], "size": 11}, **_hover(mark.texts),
    )  # fmt: skip
    drawn.update_layout(uniformtext={"minsize": 11, "mode": "hide"})


@_draw.register
def _(mark: Points, drawn: go.Figure, chart: Chart) -> None:
    color = LIGHT[mark.tone]
    values = mark.x if chart.rows else mark.y
    intervals = {}
    if mark.low:
        intervals["error_x" if chart.rows else "error_y"] = {
            "type": "data", "symmetric": False, "color": color, "thickness": 1.6, "width": 0,
            "array": [high - value for high, value in zip(mark.high, values, strict=True)],
            "arrayminus": [value - low for low, value in zip(mark.low, values, strict=True)],
        }  # fmt: skip
    drawn.add_scatter(
        x=list(mark.x), y=list(mark.y), mode="markers", name=_escaped(mark.name), cliponaxis=False,
        marker={
            "color": color, "symbol": _SYMBOLS[mark.symbol], "size": 9,
            "line": {"width": 2 if mark.symbol == "hollow" else 0, "color": color},
        },
        **intervals, **_hover(mark.texts),
    )  # fmt: skip


@_draw.register
def _(mark: Steps, drawn: go.Figure, chart: Chart) -> None:
    x, y = [mark.edges[0]], [mark.base]
    for left, right, height in zip(mark.edges, mark.edges[1:], mark.heights, strict=False):
        x += [left, right]
        y += [mark.base + height] * 2
    drawn.add_scatter(
        x=[*x, mark.edges[-1]], y=[*y, mark.base], mode="lines", fill="toself", hoverinfo="skip", showlegend=False,
        line={"color": LIGHT[mark.tone], "width": 1.4},
    )  # fmt: skip
    # A filled outline answers only with its name; unseen points in the middle of the bins say what they hold.
    drawn.add_scatter(
        x=[_middle(chart.x, left, right) for left, right in zip(mark.edges, mark.edges[1:], strict=False)],
        y=[mark.base + height / 2 for height in mark.heights],
        mode="markers", marker={"opacity": 0, "color": LIGHT[mark.tone], "size": 14}, showlegend=False,
        **_hover(mark.texts),
    )  # fmt: skip


@_draw.register
def _(mark: Band, drawn: go.Figure, chart: Chart) -> None:
    drawn.add_shape(
        type="rect", xref="x", x0=mark.start, x1=mark.end, yref="paper", y0=0, y1=1, layer="below", line={"width": 0},
        fillcolor=LIGHT["gap"], name=_escaped(f"gap: {mark.text}"), showlegend=True,
    )  # fmt: skip


@_draw.register
def _(mark: Reference, drawn: go.Figure, chart: Chart) -> None:
    whole = {"yref": "paper", "y0": 0, "y1": 1}
    ends = whole if mark.row is None else {"y0": mark.row, "y1": mark.row + ROW_HEAD}
    drawn.add_shape(
        type="line", x0=mark.at, x1=mark.at, **ends,
        line={"color": LIGHT["muted"], "width": 1.2, "dash": "dash"}, name=_escaped(mark.text), showlegend=True,
    )  # fmt: skip


def _middle(axis: Axis, left: float, right: float) -> float:
    return math.sqrt(left * right) if axis.log else (left + right) / 2


def _hover(texts: tuple[str, ...]) -> dict:
    return {"hovertext": [_escaped(text) for text in texts], "hoverinfo": "text"}
