"""The lines of one block, by number, without copying them."""

from functools import cached_property

import numpy as np
import pyarrow as pa

from analyzer.ingest.blocks import Block
from analyzer.ingest.digits import words

REACH = 56  # bytes whose TABs are looked at together, wherever in a byte of the map they begin
_TAB = ord("\t")
_PIECE = 1 << 20


class Lines:
    """The lines of one block, by number from 0, without copying them.

    Attributes:
        data: the block.
        bytes: the same, as numbers.
        starts, ends: offset of each line and of its newline.  An unterminated last line is not among them: `tail` is
            its text.
        count: how many lines.
        first: the byte that each line begins with.
        words: at each byte of the lines the word that begins there; None where the block has none to spare.
    """

    def __init__(self, block: Block) -> None:
        self.data = block.data
        self.bytes = np.frombuffer(block.data, np.uint8)
        self._bounds = block.bounds
        self.starts = self._bounds[:-1]
        self.ends = self._bounds[1:] - 1
        self.count = len(self.starts)
        self.first = block.first
        self._beginning: dict[bytes, np.ndarray] = {}  # what `beginning_with` found
        self.tail = bytes(block.data[self._bounds[-1] :])
        self.words = None if block.beyond is None else words(np.frombuffer(block.beyond, np.uint8), 8)

    def text(self, number: int) -> str:
        """Line `number` without its newline; bytes that are no UTF-8 stay visible."""
        start, end = self._bounds[number : number + 2]
        return str(self.data[start : end - 1], "utf-8", "backslashreplace")

    def beginning_with(self, prefix: bytes, first: int = 0, last: int | None = None) -> np.ndarray:
        """The numbers of the lines from `first` up to `last` that begin with `prefix`, not to be changed."""
        found = self._beginning.get(prefix)
        if found is None:
            found = self._beginning[prefix] = self.that_begin_with(prefix, np.flatnonzero(self.first == prefix[0]))
        begin, end = np.searchsorted(found, [first, self.count if last is None else last])
        return found[begin:end]

    def that_begin_with(self, prefix: bytes, numbers: np.ndarray) -> np.ndarray:
        """Those of the lines `numbers` that begin with `prefix`."""
        found = numbers[self.first[numbers] == prefix[0]]
        for place in range(len(prefix) - 1, 0, -1):  # of an indented line the last byte tells most
            # A line shorter than the prefix runs into its newline or the next line; the newline tells.
            at = np.minimum(self.starts[found] + place, len(self.bytes) - 1)
            found = found[self.bytes[at] == prefix[place]]
        return found

    def lengths(self, numbers: np.ndarray) -> np.ndarray:
        """How long those lines are, with their newlines."""
        return self._lengths[numbers]

    @cached_property
    def _lengths(self) -> np.ndarray:
        return np.diff(self._bounds)

    def bytes_at(self, numbers: np.ndarray, place: int) -> np.ndarray:
        """The byte at that place of each of those lines, which are so long."""
        return self.bytes[self.starts[numbers] + place]

    def between(self, first: int, last: int) -> bytes:
        """The lines from `first` up to `last` as they stand."""
        return bytes(self.data[self._bounds[first] : self._bounds[last]])

    def select(self, numbers: np.ndarray) -> pa.LargeBinaryArray:
        """Those lines with their newlines, their bytes one after the other."""
        if len(numbers) and numbers[-1] - numbers[0] + 1 == len(numbers):
            return self._lines.slice(numbers[0], len(numbers))
        return self._lines.take(pa.array(numbers))

    def distinct(self, numbers: np.ndarray) -> tuple[np.ndarray, list[bytes]]:
        """Which text each of those lines is, and those texts with their newlines, each once, as they first come."""
        encoded = self.select(numbers).dictionary_encode()
        return encoded.indices.to_numpy(), encoded.dictionary.to_pylist()

    @cached_property
    def _lines(self) -> pa.LargeBinaryArray:
        return pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), self.count, [None, pa.py_buffer(self._bounds), pa.py_buffer(self.data)]
        )

    def spans(self, begins: np.ndarray, ends: np.ndarray) -> pa.LargeBinaryArray:
        """What stands from each of `begins` up to each of `ends`, in the order of the block."""
        if not len(begins):
            return pa.array([], pa.large_binary())
        bounds = np.empty(2 * len(begins), np.int64)
        bounds[::2], bounds[1::2] = begins, ends
        spans = pa.LargeBinaryArray.from_buffers(
            pa.large_binary(), len(bounds) - 1, [None, pa.py_buffer(bounds), pa.py_buffer(self.data)]
        )
        return spans.take(pa.array(np.arange(0, len(bounds), 2)))

    def tabs(self, places: np.ndarray) -> np.ndarray:
        """Which of the REACH bytes from each of `places` on are TABs: a bit a byte, the first lowest."""
        return self._tab_map[places >> 3] >> (places & 7).astype(np.uint64)

    @cached_property
    def _tab_map(self) -> np.ndarray:
        """A bit for each byte of the block that is a TAB, as words of 64 bits that begin at each byte of the map."""
        bits = np.zeros(len(self.bytes) // 8 + 9, np.uint8)
        for at in range(0, len(self.bytes), _PIECE):
            packed = np.packbits(self.bytes[at : at + _PIECE] == _TAB, bitorder="little")
            bits[at // 8 : at // 8 + len(packed)] = packed
        return words(bits, 8)


def bounds(selected: pa.LargeBinaryArray) -> tuple[np.ndarray, pa.Buffer]:
    """Where each of the lines begins, with the end of the last, and the text in which that is."""
    _, offsets, text = selected.buffers()
    return np.frombuffer(offsets, np.int64)[selected.offset : selected.offset + len(selected) + 1], text


def ranges(begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The numbers from each of `begins` up to each of `ends`, one after the other, and the place of whose each is."""
    lengths = ends - begins
    whose = np.repeat(np.arange(len(begins)), lengths)
    return np.arange(len(whose)) + (begins - np.cumsum(lengths) + lengths)[whose], whose
