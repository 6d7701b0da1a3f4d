"""A table's columns at a width: numbers are never cut, and what does not fit goes in the order of its worth."""

import textwrap
from dataclasses import dataclass
from itertools import zip_longest

from rich.cells import cell_len

from analyzer.format import NUMERIC_KINDS, cell
from analyzer.report.document import Column, Table

GAP = 2  # between columns
_NARROWEST = 12  # how far a column of words is folded
_KEY = 24  # and the first one, which names the row


@dataclass(frozen=True)
class Fitted:
    """The columns that are shown with their widths, the cells' texts, and the names of those that went."""

    columns: tuple[Column, ...]
    widths: tuple[int, ...]
    rows: tuple[tuple[str, ...], ...]
    left_out: tuple[str, ...]


def fit(table: Table, width: int) -> Fitted:
    """As many columns as `width` has room for, from the first on, which a table has in the order of their worth.

    Words are folded at blanks, and where they have none anywhere but in a word
    with a digit: half a number is another number.
    """
    rows = [
        tuple(cell(column.kind, value) for column, value in zip(table.columns, row, strict=True)) for row in table.rows
    ]
    columns = [[row[place] for row in rows] for place in range(len(table.columns))]
    widest = [_widest(column, texts) for column, texts in zip(table.columns, columns, strict=True)]
    least = [_least(column, texts, most) for column, texts, most in zip(table.columns, columns, widest, strict=True)]
    least[0] = max(least[0], min(widest[0], _KEY))
    shown = len(least)
    while shown > 1 and _total(least[:shown]) > width:
        shown -= 1
    widths = _spread(least[:shown], widest[:shown], width)
    return Fitted(
        table.columns[:shown],
        tuple(widths),
        tuple(row[:shown] for row in rows),
        tuple(column.name for column in table.columns[shown:]),
    )


def lines(fitted: Fitted) -> list[str]:
    """The table as text, the names of its columns first."""
    heads = tuple(column.name for column in fitted.columns)
    return [line for row in (heads, *fitted.rows) for line in _row(row, fitted)]


def _row(texts: tuple[str, ...], fitted: Fitted) -> list[str]:
    """One row; names of columns and words stand in as many lines as they need."""
    cells = [
        [line for part in text.split("\n") for line in textwrap.wrap(part, width, break_on_hyphens=False) or [""]]
        for text, width in zip(texts, fitted.widths, strict=True)
    ]
    return [
        (" " * GAP).join(map(_padded, parts, fitted.columns, fitted.widths)).rstrip()
        for parts in zip_longest(*cells, fillvalue="")
    ]


def _padded(text: str, column: Column, width: int) -> str:
    blanks = " " * (width - cell_len(text))
    return blanks + text if column.kind in NUMERIC_KINDS else text + blanks


def _total(widths: list[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _widest(column: Column, texts: list[str]) -> int:
    head = max(map(cell_len, column.name.split())) if column.kind in NUMERIC_KINDS else cell_len(column.name)
    return max([head, *(cell_len(line) for text in texts for line in text.split("\n"))])


def _least(column: Column, texts: list[str], widest: int) -> int:
    if column.kind not in ("text", "code"):
        return widest
    whole = [word for text in texts for word in text.split() if any(c.isdigit() for c in word)]
    return max([min(widest, _NARROWEST), *map(cell_len, whole)])


def _spread(least: list[int], widest: list[int], width: int) -> list[int]:
    """The room that is left goes to the columns that want more, first come first served."""
    widths = list(least)
    for place, most in enumerate(widest):
        widths[place] += max(0, min(most - least[place], width - _total(widths)))
    return widths
