"""The same as splits.py, compiled: worth loading for a long log, and there where numba is."""

import math
from functools import cache
from secrets import randbits
from types import ModuleType

import numpy as np
import pyarrow as pa

from analyzer.ingest.block_lines import Lines
from analyzer.ingest.records import ARROW_TYPES, RecordType
from analyzer.ingest.splits import Piece, Split

_SEED = np.uint64(randbits(64))


@cache
def kernels() -> ModuleType | None:
    """analyzer.ingest.kernels; None where numba is not installed, or finds no folder for what it compiles."""
    try:
        from analyzer.ingest import kernels
    except (ImportError, RuntimeError):
        return None
    return kernels


def split(compiled: ModuleType, lines: Lines, numbers: np.ndarray, kind: RecordType, pieces: list[Piece]) -> Split:
    """Those lines, split by the kernels; `lines` have words."""
    varied = [piece for piece in pieces if piece.varied]
    texts = [piece for piece in pieces if not piece.varied]
    values = _room((len(varied), len(numbers)), np.int64)
    codes = _room((len(texts), len(numbers)), np.int32)
    spans = _room((len(texts), len(numbers), 2), np.int64)
    counts = np.zeros(len(texts), np.int64)
    sure = np.empty(len(numbers), bool)
    compiled.split(
        lines.bytes, lines.words, lines.starts[numbers] + len(kind.tag), lines.ends[numbers],
        np.array([_kind(compiled, piece) for piece in pieces]), np.array([len(piece.columns) for piece in pieces]),
        _SEED, values, codes, spans, counts, sure,
    )  # fmt: skip
    chosen = slice(None) if sure.all() else sure
    different = (
        [bytes(lines.data[begin:end]) for begin, end in spans[row, :count].tolist()]
        for row, count in enumerate(counts.tolist())
    )
    return Split(
        sure,
        {piece: row[chosen].view(_type(piece)) for piece, row in zip(varied, values, strict=True)},
        {piece: (row[chosen], found) for piece, row, found in zip(texts, codes, different, strict=True)},
    )


def _kind(compiled: ModuleType, piece: Piece) -> int:
    if not piece.varied:
        return compiled.TEXT
    return compiled.DECIMAL if _type(piece) == np.int64 else compiled.HEXADECIMAL


def _type(piece: Piece) -> type:
    """What the number of a varied piece is."""
    return np.int64 if ARROW_TYPES[piece.columns[0][1]] == pa.int64() else np.uint64


def _room(shape: tuple[int, ...], kind: type) -> np.ndarray:
    """Memory of Arrow, which hands out what it got back; numpy's is fresh, and the kernel fills it with zeros."""
    return np.frombuffer(pa.allocate_buffer(math.prod(shape) * np.dtype(kind).itemsize), kind).reshape(shape)
