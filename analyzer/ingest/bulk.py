"""Well-formed records of one tag by the hundred thousand: what stands in many lines is read once.

Of a fault record few columns differ from line to line: times, durations, addresses.  Those are read as numbers, side by
side (digits.py).  The columns between them make texts of which a block has few different ones: each of these is read
once, as a record of fewer columns (convert.py).  A sample of the lines says which columns are which; on what it says
depends how long reading takes, never what is read.
"""

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.block_lines import REACH, Lines
from analyzer.ingest.convert import read_lines
from analyzer.ingest.digits import decimals, hexadecimals
from analyzer.ingest.records import RecordType

_SAMPLE = 256  # lines
_FEW = _SAMPLE * 7 // 8  # up to so many different texts in the sample are read once each: some thousand in a block
_SLAB = 1 << 14  # lines that are split at once: what is made of them stays near the processor
_NUMBERS = {"time": decimals, "ns": decimals, "int": decimals, "addr": hexadecimals, "bits": hexadecimals}


@dataclass(frozen=True)
class _Piece:
    """Neighbouring columns, as in RecordType; `varied` where it is one number that differs from line to line."""

    columns: tuple[tuple[str, str], ...]
    varied: bool


@dataclass(frozen=True)
class _Slab:
    """Some of the lines, split.

    Attributes:
        parts: of each piece the numbers, or the texts with the TAB before them, of the lines that are `placed`.
        placed: which lines have as many columns as they should.
        wrong: which of those have what is no number, or may not fit into 64 bits.
    """

    parts: list[pa.Array]
    placed: np.ndarray
    wrong: np.ndarray


def read_in_bulk(
    lines: Lines, numbers: np.ndarray, kind: RecordType, columns: Collection[str] | None
) -> tuple[pa.Table, np.ndarray]:
    """The records on the lines `numbers` that are sure to be good, and which of the lines those are."""
    pieces, widths = _pieces(_sample(lines, numbers, kind))
    slabs = [_split(lines, numbers[at : at + _SLAB], kind, pieces, widths) for at in range(0, len(numbers), _SLAB)]
    sure, wrong = (np.concatenate(masks) for masks in zip(*((slab.placed, slab.wrong) for slab in slabs), strict=True))
    found: dict[str, pa.ChunkedArray] = {}
    for piece, *parts in zip(pieces, *(slab.parts for slab in slabs), strict=True):
        part = pa.chunked_array(parts)
        if piece.varied:
            found[piece.columns[0][0]] = part
        else:
            read, bad = _texts(part, RecordType(kind.tag, piece.columns), columns)
            found |= read
            wrong |= bad
    kept = [name for name, _ in kind.columns if columns is None or name in columns]
    table = pa.table({name: found[name] for name in kept}).combine_chunks()
    if wrong.any():
        table = table.filter(pa.array(~wrong))
        sure[sure] = ~wrong
    return table, sure


def _sample(lines: Lines, numbers: np.ndarray, kind: RecordType) -> list[tuple[tuple[str, str], list[str]]]:
    """Each column, and what stands in it in some of the lines."""
    some = numbers[np.linspace(0, len(numbers) - 1, _SAMPLE).astype(np.int64)]
    rows = [cells for number in some if len(cells := lines.text(number).split("\t")) == 1 + len(kind.columns)]
    return [(column, [row[place] for row in rows]) for place, column in enumerate(kind.columns, 1)]


def _pieces(sample: list[tuple[tuple[str, str], list[str]]]) -> tuple[list[_Piece], dict[str, int]]:
    """The pieces of a record, and how wide each column is, with its TAB."""
    pieces: list[_Piece] = []
    texts: list[str] = []  # of the last piece
    for column, cells in sample:
        varied = len(set(cells)) > _FEW and column[1] in _NUMBERS
        joined = [a + "\t" + b for a, b in zip(texts, cells, strict=False)]
        if pieces and not varied and not pieces[-1].varied and len(set(joined)) <= _FEW:
            pieces[-1], texts = _Piece((*pieces[-1].columns, column), False), joined
        else:
            pieces.append(_Piece((column,), varied))
            texts = cells
    return pieces, {name: 1 + max(map(len, cells), default=0) for (name, _), cells in sample}


def _split(lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[_Piece], widths: dict[str, int]) -> _Slab:
    places, placed = _places(lines, numbers, kind, pieces, widths)
    wrong = np.zeros(len(places[0]), bool)
    parts = []
    for piece, begins, ends in zip(pieces, places, places[1:], strict=False):
        if piece.varied:
            values, bad = _NUMBERS[piece.columns[0][1]](lines.bytes, begins + 1, ends)
            parts.append(pa.array(values))
            wrong |= bad
        else:
            parts.append(lines.spans(begins, ends))
    return _Slab(parts, placed, wrong)


def _places(
    lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[_Piece], widths: dict[str, int]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Where the TAB before each piece is, and the newline, in the lines that have such places; which lines have."""
    begins, ends = lines.starts[numbers] + len(kind.tag), lines.ends[numbers]
    places, sure = [begins], np.ones(len(begins), bool)
    base, reach = begins + 1, 0
    tabs = lines.tabs(base)
    for piece in pieces[:-1]:
        width = sum(widths[name] for name, _ in piece.columns)
        if reach + width > REACH:
            base, reach = places[-1] + 1, 0
            tabs = lines.tabs(base)
        reach += width
        for _ in piece.columns[1:]:
            tabs &= tabs - np.uint64(1)
        first = tabs & -tabs
        tabs ^= first
        there = first != 0
        if not there.all():
            sure &= there
            first[~there] = 1
        # The exponent of a double says which bit it is.
        places.append(base + ((first.astype(np.float64).view(np.int64) >> 52) - 1023))
    sure &= places[-1] < ends
    places.append(ends)
    return places if sure.all() else [place[sure] for place in places], sure


def _texts(
    spans: pa.ChunkedArray, kind: RecordType, columns: Collection[str] | None
) -> tuple[dict[str, pa.ChunkedArray], np.ndarray]:
    """The columns of one piece, and which lines may be wrong in it."""
    encoded = spans.dictionary_encode().combine_chunks()
    different = [kind.tag.encode() + text + b"\n" for text in encoded.dictionary.to_pylist()]
    table, read, _ = read_lines(pa.array(different, pa.large_binary()), kind, columns)
    rows = encoded.indices
    if not read.all():
        rows = pa.array(np.cumsum(read) - 1, mask=~read).take(rows)
    bad = rows.is_null().to_numpy(zero_copy_only=False) if rows.null_count else np.zeros(len(rows), bool)
    return {name: pc.take(table[name], rows, boundscheck=False) for name in table.column_names}, bad
