"""What a chart is, whoever draws it: marks with their geometry, axes, words.

Every position is a number in the unit of its axis.  The builders decide all geometry, so that the
renderers only draw and cannot disagree.
Texts in a Chart are plain text: a renderer escapes them for its own output.
"""

from dataclasses import dataclass
from typing import Literal

# What a mark's colour means; charts/palette.py has the colours for light and dark.
Tone = Literal["a", "b", "c", "d", "e", "f", "ink", "quiet", "bad", "warn", "good"]
Symbol = Literal["circle", "diamond", "cross", "square", "hollow"]


@dataclass(frozen=True)
class Axis:
    """One axis.

    Attributes:
        title: what is measured, with its unit where the ticks do not carry one.
        low, high: the range shown.
        log: logarithmic; then low is above 0.
        ticks: (position, text).
    """

    title: str
    low: float
    high: float
    log: bool = False
    ticks: tuple[tuple[float, str], ...] = ()


@dataclass(frozen=True)
class Bars:
    """Rectangles from `start` to `end` along the value axis, `width` wide around `at` on the other one.

    `texts` says each bar's value in words, shown on hovering.
    """

    name: str
    tone: Tone
    at: tuple[float, ...]
    start: tuple[float, ...]
    end: tuple[float, ...]
    width: float
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Points:
    """Points, each with an optional interval along the value axis.

    `low` and `high` are the ends of the intervals, empty for none.  `texts` says each point in words.
    """

    name: str
    tone: Tone
    x: tuple[float, ...]
    y: tuple[float, ...]
    texts: tuple[str, ...]
    low: tuple[float, ...] = ()
    high: tuple[float, ...] = ()
    symbol: Symbol = "circle"


@dataclass(frozen=True)
class Steps:
    """A distribution: `heights` over the bins between `edges` (one more than heights), standing on `base`."""

    name: str
    tone: Tone
    edges: tuple[float, ...]
    heights: tuple[float, ...]
    base: float
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Boxes:
    """Boxes of a tree: from `left` to `right` along x, one unit of y high on `bottom`.

    `names` stand in the boxes that have room for them; `texts` says each box in words, shown on hovering.
    """

    name: str
    tone: Tone
    left: tuple[float, ...]
    right: tuple[float, ...]
    bottom: tuple[float, ...]
    names: tuple[str, ...]
    texts: tuple[str, ...]


@dataclass(frozen=True)
class Band:
    """A shaded range of x over the whole height: something is different here, `text` says what."""

    text: str
    start: float
    end: float


@dataclass(frozen=True)
class Reference:
    """A thin line at `at` of the x axis over the whole height, or over the row that stands on `row`."""

    at: float
    text: str
    row: int | None = None


Mark = Bars | Points | Steps | Boxes | Band | Reference


@dataclass(frozen=True)
class Row:
    """One row of a chart of rows: its name and its value in words stand beside its marks, or above where no room is."""

    name: str
    value: str


@dataclass(frozen=True)
class Chart:
    """A chart: of values over x, or of rows.

    In a chart of rows the values run along x, and row i of n (from the top) has the y from n-1-i to n-i; its marks
    keep below ROW_HEAD of that, where its name is written.

    Attributes:
        key: short and unique in a report: file name and element id; a-z, 0-9 and "-".
        title: what it shows.
        alt: one sentence that says what is to be seen, for those who cannot see it.
        provenance: one line: host, kernel, script, the log's hash.
        marks: drawn in this order; empty where there is nothing to draw, then `alt` says why.
        rows: the rows from the top; empty where values are drawn over x.
        legend: whether the names of the marks are shown.
    """

    key: str
    title: str
    alt: str
    provenance: str
    x: Axis
    y: Axis
    marks: tuple[Mark, ...]
    rows: tuple[Row, ...] = ()
    legend: bool = False


ROW_HEAD = 0.6
FOOT = 0.12  # where shapes stand in their row
ROW_BODY = ROW_HEAD - FOOT - 0.06  # how high they may be


def empty(key: str, title: str, why: str, provenance: str) -> Chart:
    """An honest empty frame."""
    return Chart(key, title, why, provenance, Axis("", 0, 1), Axis("", 0, 1), ())
