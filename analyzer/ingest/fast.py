"""The fast gear: well-formed records of one tag, in bulk.

What it accepts is a regular expression made of the grammar's own terminals (RecordType.pattern);
pyarrow's CSV reader then converts the lines.  Lines that it refuses are for lark.
"""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from analyzer.ingest.blocks import Block
from analyzer.ingest.escapes import unescape
from analyzer.ingest.records import TEXT, RecordType

_GROUP = 16  # lines that are matched in one call: a fifth faster than one by one
_LONG_NUMBER = "[0-9]{19}|[0-9a-f]{17}"  # may need more than 64 bits


class Lines:
    """The lines of one block, by number from 0, without copying them.

    Attributes:
        data: the block.
        starts: offset of each line.  An unterminated last line is not among them: `tail` is its text.
        count: how many lines.
    """

    def __init__(self, block: Block) -> None:
        self.data = block.data
        self._bytes = np.frombuffer(block.data, np.uint8)
        self._bounds = np.concatenate([[0], block.ends + 1]).astype(np.int64)
        self.starts = self._bounds[:-1]
        self.count = len(self.starts)
        self._first = self._bytes[self.starts]
        self.tail = bytes(block.data[self._bounds[-1] :])

    def text(self, number: int) -> str:
        """Line `number` without its newline; bytes that are no UTF-8 stay visible."""
        start, end = self._bounds[number : number + 2]
        return str(self.data[start : end - 1], "utf-8", "backslashreplace")

    def beginning_with(self, prefix: bytes, first: int = 0, last: int | None = None) -> np.ndarray:
        """The numbers of the lines from `first` up to `last` that begin with `prefix`."""
        starts = self.starts[first:last]
        found = np.flatnonzero(self._first[first:last] == prefix[0])
        for place, byte in enumerate(prefix[1:], 1):
            # A line shorter than the prefix runs into its newline or the next line; the newline tells.
            at = np.minimum(starts[found] + place, len(self._bytes) - 1)
            found = found[self._bytes[at] == byte]
        return found + first

    def lengths(self, numbers: np.ndarray) -> np.ndarray:
        """How long those lines are, with their newlines."""
        return self._bounds[numbers + 1] - self._bounds[numbers]

    def bytes_at(self, numbers: np.ndarray, place: int) -> np.ndarray:
        """The byte at that place of each of those lines, which are so long."""
        return self._bytes[self.starts[numbers] + place]

    def between(self, first: int, last: int) -> bytes:
        """The lines from `first` up to `last` as they stand."""
        return bytes(self.data[self._bounds[first] : self._bounds[last]])

    def square(self, numbers: np.ndarray, length: int) -> np.ndarray:
        """Those lines, all of that length, as rows of bytes."""
        bounds, text = _bounds(self.select(numbers))
        return np.frombuffer(text, np.uint8)[bounds[0] : bounds[-1]].reshape(-1, length)

    def select(self, numbers: np.ndarray) -> pa.LargeBinaryArray:
        """Those lines with their newlines, their bytes one after the other."""
        lines = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), self.count, [None, pa.py_buffer(self._bounds), pa.py_buffer(self.data)]
        )
        if len(numbers) and numbers[-1] - numbers[0] + 1 == len(numbers):
            return lines.slice(numbers[0], len(numbers))
        return lines.take(pa.array(numbers))


def read_records(
    lines: Lines, numbers: np.ndarray, kind: RecordType, columns: Collection[str] | None = None
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """The records on the lines `numbers`, all of one tag and without a stack.

    Returns the table (columns of #fields, or those of them that are in `columns`), the numbers of the lines
    that are in it, and the numbers of the lines that lark refuses too.  What is in neither may be good or bad.
    """
    selected = lines.select(numbers)
    matched = _matched(selected, kind.pattern)
    bad = numbers[~matched]
    if len(bad):
        selected, numbers = selected.filter(pa.array(matched)), numbers[matched]
    try:
        return _convert(selected, kind, columns), numbers, bad
    except pa.ArrowInvalid:
        # A number does not fit into 64 bits.
        short = pc.invert(pc.match_substring_regex(selected, _LONG_NUMBER))
        return _convert(selected.filter(short), kind, columns), numbers[short.to_numpy(zero_copy_only=False)], bad


def _matched(selected: pa.LargeBinaryArray, pattern: str) -> np.ndarray:
    """Which lines the pattern accepts: groups of lines are tried first, the lines of the others one by one."""
    bounds, text = _bounds(selected)
    groups = np.append(bounds[:-1:_GROUP], bounds[-1])
    together = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(groups) - 1, [None, pa.py_buffer(groups), text])
    matched = np.repeat(_matches(together, pattern), _GROUP)[: len(selected)]
    doubtful = np.flatnonzero(~matched)
    if len(doubtful):
        matched[doubtful] = _matches(selected.take(pa.array(doubtful)), pattern)
    return matched


def _matches(texts: pa.LargeBinaryArray, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _bounds(selected: pa.LargeBinaryArray) -> tuple[np.ndarray, pa.Buffer]:
    """Where each of the lines begins, with the end of the last, and the text in which that is."""
    _, offsets, text = selected.buffers()
    return np.frombuffer(offsets, np.int64)[selected.offset : selected.offset + len(selected) + 1], text


def _convert(selected: pa.LargeBinaryArray, kind: RecordType, columns: Collection[str] | None) -> pa.Table:
    names = [name for name, _ in kind.columns]
    kept = [name for name in names if columns is None or name in columns]
    if not len(selected) or not kept:
        return pa.schema([kind.schema.field(name) for name in kept]).empty_table()
    bounds, text = _bounds(selected)
    tagged = [""] if kind.tag else []
    table = csv.read_csv(
        pa.BufferReader(text.slice(bounds[0], bounds[-1] - bounds[0])),
        read_options=csv.ReadOptions(
            column_names=[*tagged, *names], use_threads=False, block_size=int(bounds[-1] - bounds[0]) + 1
        ),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={field.name: field.type for field in kind.schema},
            null_values=[],
            strings_can_be_null=False,
            include_columns=kept,
        ),
    )
    return unescape_columns(table.combine_chunks())


def unescape_columns(table: pa.Table) -> pa.Table:
    """Undo %S in all text columns, once for each different string."""
    for place, field in enumerate(table.schema):
        if field.type == TEXT:
            column = table.column(place).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = column.chunk(0)
            values = [unescape(value) for value in column.dictionary.to_pylist()]
            column = pa.DictionaryArray.from_arrays(column.indices, pa.array(values, pa.string()))
            if len(set(values)) < len(values):
                column = column.dictionary_decode().dictionary_encode()
            table = table.set_column(place, field, column)
    return table
