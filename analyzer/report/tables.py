"""Rows as tables of a Document."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from analyzer.format import count
from analyzer.report.document import Column, Table

Columns = tuple[tuple[str, str, str], ...]  # name in the rows, kind, help


def table(caption: str, rows: Sequence[Mapping[str, Any]], columns: Columns, top: int) -> Table:
    """The first `top` rows; of `columns` those that a row has.

    A caption says how many rows were left out.
    """
    kept = [spec for spec in columns if not rows or any(spec[0] in row for row in rows)]
    left = len(rows) - top
    if left > 0:
        caption = f"{caption} ({count(left)} more left out; --top shows them)"
    return Table(
        caption,
        tuple(Column(name.replace("_", " "), kind, text) for name, kind, text in kept),
        tuple(tuple(_cell(row.get(name)) for name, _, _ in kept) for row in rows[:top]),
    )


def dicts(rows: Iterable[NamedTuple]) -> list[dict[str, Any]]:
    """What an analysis gives, as rows of a table."""
    return [row._asdict() for row in rows]


def _cell(value: object) -> object:
    """What is missing as None."""
    return None if value != value else value
