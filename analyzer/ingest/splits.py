"""Lines of one record type split into pieces: neighbouring columns that are read together (bulk.py)."""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from analyzer.ingest.block_lines import REACH, Lines
from analyzer.ingest.digits import decimals, hexadecimals
from analyzer.ingest.records import RecordType

NUMBERS = {"time": decimals, "ns": decimals, "int": decimals, "addr": hexadecimals, "bits": hexadecimals}
_SLAB = 1 << 14  # lines that are split at once: what is made of them stays near the processor


@dataclass(frozen=True)
class Piece:
    """Neighbouring columns, as in RecordType; `varied` where it is one number that differs from line to line."""

    columns: tuple[tuple[str, str], ...]
    varied: bool


@dataclass(frozen=True)
class Split:
    """Lines, split.

    Attributes:
        sure: which of the lines have all of their pieces, and numbers that fit into 64 bits.
        numbers: of each varied piece what stands in the lines that are sure.
        texts: of each other piece which text stands in those lines, and the different texts with the TAB before them.
    """

    sure: np.ndarray
    numbers: dict[Piece, np.ndarray]
    texts: dict[Piece, tuple[np.ndarray, list[bytes]]]


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


def split(lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[Piece], widths: dict[str, int]) -> Split:
    """Those lines, split; `widths` says how wide each column is, with its TAB."""
    slabs = [_slab(lines, numbers[at : at + _SLAB], kind, pieces, widths) for at in range(0, len(numbers), _SLAB)]
    sure, wrong = (np.concatenate(masks) for masks in zip(*((slab.placed, slab.wrong) for slab in slabs), strict=True))
    found = Split(sure, {}, {})
    for piece, *parts in zip(pieces, *(slab.parts for slab in slabs), strict=True):
        part = pa.chunked_array(parts)
        if wrong.any():
            part = part.filter(pa.array(~wrong))
        if piece.varied:
            found.numbers[piece] = part.to_numpy()
        else:
            texts = part.dictionary_encode().combine_chunks()
            found.texts[piece] = texts.indices.to_numpy(), texts.dictionary.to_pylist()
    sure[sure] = ~wrong
    return found


def _slab(lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[Piece], widths: dict[str, int]) -> _Slab:
    places, placed = _places(lines, numbers, kind, pieces, widths)
    wrong = np.zeros(len(places[0]), bool)
    parts = []
    for piece, begins, ends in zip(pieces, places, places[1:], strict=False):
        if piece.varied:
            values, bad = NUMBERS[piece.columns[0][1]](lines.bytes, begins + 1, ends)
            parts.append(pa.array(values))
            wrong |= bad
        else:
            parts.append(lines.spans(begins, ends))
    return _Slab(parts, placed, wrong)


def _places(
    lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[Piece], widths: dict[str, int]
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
