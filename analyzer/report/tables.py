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
    left = len(frame) - top
    if left > 0:
        caption = f"{caption} ({count(left)} more left out; --top shows them)"
    # Numbers of the frame become Python's own, and what is missing becomes None.
    cells = frame[[name for name, _, _ in kept]].head(top).astype(object)
    cells = cells.where(cells.notna(), None)
    return Table(
        caption,
        tuple(Column(name.replace("_", " "), kind, text) for name, kind, text in kept),
        tuple(tuple(row) for row in cells.itertuples(index=False)),
    )
