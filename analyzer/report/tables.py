"""DataFrames as tables of a Document."""

import pandas as pd

from analyzer.format import count
from analyzer.report.document import Column, Table

Columns = tuple[tuple[str, str, str], ...]  # name in the frame, kind, help


def table(caption: str, frame: pd.DataFrame, columns: Columns, top: int) -> Table:
    """The first `top` rows; of `columns` those that the frame has.

    A caption says how many rows were left out.
    """
    kept = [spec for spec in columns if spec[0] in frame]
    shown, left = frame.head(top), len(frame) - top
    if left > 0:
        caption = f"{caption} ({count(left)} more left out; --top shows them)"
    return Table(
        caption,
        tuple(Column(name.replace("_", " "), kind, text) for name, kind, text in kept),
        tuple(zip(*(_cells(shown[name]) for name, _, _ in kept), strict=True)),
    )


def _cells(column: pd.Series) -> list[object]:
    """Numbers of the frame as Python's own, and what is missing as None."""
    return [None if missing else value for value, missing in zip(column.tolist(), column.isna().tolist(), strict=True)]
