"""Well-formed records of one tag by the hundred thousand: what stands in many lines is read once.

Of a fault record few columns differ from line to line: times, durations, addresses.  Those are read as numbers, side by
side (digits.py).  The columns between them make texts of which a block has few different ones: each of these is read
once, as a record of fewer columns (convert.py).  A sample of the lines says which columns are which; on what it says
depends how long reading takes, never what is read.
"""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest import compiled, splits
from analyzer.ingest.block_lines import Lines
from analyzer.ingest.convert import read_lines
from analyzer.ingest.records import RecordType
from analyzer.ingest.splits import NUMBERS, Piece

_SAMPLE = 96  # lines
_FEW = _SAMPLE // 8  # up to so many different texts in the sample are read once each: some thousand in a block


def read_in_bulk(
    lines: Lines, numbers: np.ndarray, kind: RecordType, columns: Collection[str] | None
) -> tuple[pa.Table, np.ndarray]:
    """The records on the lines `numbers` that are sure to be good, and which of the lines those are."""
    split = _split(lines, numbers, kind)
    read = {piece: _read(different, piece, kind, columns) for piece, (_, different) in split.texts.items()}
    good = np.logical_and.reduce([known[split.texts[piece][0]] for piece, (_, known) in read.items()])
    chosen = slice(None) if good.all() else good
    found = {piece.columns[0][0]: pa.array(values[chosen]) for piece, values in split.numbers.items()}
    for piece, (table, known) in read.items():
        # Of numbers without a sign Arrow takes them six times faster.
        rows = pa.array((np.cumsum(known) - 1).astype(np.uint32)[split.texts[piece][0][chosen]])
        found |= {name: pc.take(table[name], rows, boundscheck=False) for name in table.column_names}
    sure = split.sure
    sure[sure] = good
    return pa.table({name: found[name] for name, _ in kind.columns if columns is None or name in columns}), sure


def _split(lines: Lines, numbers: np.ndarray, kind: RecordType) -> splits.Split:
    pieces, widths = _pieces(_sample(lines, numbers, kind))
    kernels = compiled.kernels() if lines.words is not None else None
    if kernels:
        return compiled.split(kernels, lines, numbers, kind, pieces)
    return splits.split(lines, numbers, kind, pieces, widths)


def _sample(lines: Lines, numbers: np.ndarray, kind: RecordType) -> list[tuple[tuple[str, str], list[str]]]:
    """Each column, and what stands in it in some of the lines."""
    some = numbers[np.linspace(0, len(numbers) - 1, _SAMPLE).astype(np.int64)]
    rows = [cells for number in some if len(cells := lines.text(number).split("\t")) == 1 + len(kind.columns)]
    return [(column, [row[place] for row in rows]) for place, column in enumerate(kind.columns, 1)]


def _pieces(sample: list[tuple[tuple[str, str], list[str]]]) -> tuple[list[Piece], dict[str, int]]:
    """The pieces of a record, and how wide each column is, with its TAB."""
    pieces: list[Piece] = []
    texts: list[str] = []  # of the last piece
    for column, cells in sample:
        varied = len(set(cells)) > _FEW and column[1] in NUMBERS
        joined = [a + "\t" + b for a, b in zip(texts, cells, strict=False)]
        if pieces and not varied and not pieces[-1].varied and len(set(joined)) <= _FEW:
            pieces[-1], texts = Piece((*pieces[-1].columns, column), False), joined
        else:
            pieces.append(Piece((column,), varied))
            texts = cells
    return pieces, {name: 1 + max(map(len, cells), default=0) for (name, _), cells in sample}


def _read(
    different: list[bytes], piece: Piece, kind: RecordType, columns: Collection[str] | None
) -> tuple[pa.Table, np.ndarray]:
    """The columns of a piece in those of the texts that are good, and which are."""
    texts = pa.array([kind.tag.encode() + text + b"\n" for text in different], pa.large_binary())
    table, known, _ = read_lines(texts, RecordType(kind.tag, piece.columns), columns)
    return table, known
