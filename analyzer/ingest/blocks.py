"""A log as blocks of whole lines, each with what it must know of the lines before it."""

import re
import sys
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any

import numpy as np
from lark.exceptions import UnexpectedInput

from analyzer.ingest.columns import require_columns
from analyzer.ingest.grammar import Node, load_grammar
from analyzer.ingest.messages import PREFIX, split_message
from analyzer.ingest.records import UNDECLARED, RecordType, record_type
from analyzer.ingest.sources import CHUNK, Source

_LINE_START = re.compile(rb"\n(?=(?!C\t)[A-Z]+\t|#)")
_FIELDS = b"#fields\t"
_AGGREGATION = b"#aggregation\t"
_MESSAGE = PREFIX.encode()
_TICK = b"\nT\t"
_NEWLINE = ord("\n")
_SEARCH = 1 << 16  # how far back a cut is looked for first
_PIECE = 1 << 20
_LONGEST = 32 << 20  # bytes in which a cut must be found
_BEGINNING = 1 << 12  # what is kept of a line that is longer
_WORD = 8  # bytes
_BESIDE_NUMBA = 10 << 20  # bytes of a block: with more there would be no room for numba in 400 MB
_KNOWN = 64  # buffers that are looked through for one to use again
_LONG = 256 << 20  # bytes of a log from which on loading the compiled gear takes less than it saves


@dataclass(frozen=True)
class Block:
    """Whole lines of one log.

    Attributes:
        data: the bytes, not copied; only the last block of a log may end without a newline.  Their memory serves
            another block when nothing refers to them any more.
        first_line: number of its first line in the log, from 1.
        records: the record types that are known where it begins, by tag.
        beyond: `data` and a word more, which means nothing, for the compiled gear; None where that does not pay.
    """

    data: memoryview
    first_line: int
    records: dict[str, RecordType]
    beyond: memoryview | None = None

    @cached_property
    def bounds(self) -> np.ndarray:
        """The offset of each line that has an end, and where the last of them ends."""
        data = np.frombuffer(self.data, np.uint8)
        # In pieces: the mask of a whole block would be fresh memory each time.
        pieces = (np.flatnonzero(data[at : at + _PIECE] == _NEWLINE) + (at + 1) for at in range(0, len(data), _PIECE))
        return np.concatenate([np.zeros(1, np.int64), *pieces])

    @cached_property
    def first(self) -> np.ndarray:
        """The byte that each of these lines begins with."""
        return np.frombuffer(self.data, np.uint8)[self.bounds[:-1]]

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[object, ...]]:
        return _received, (bytes(self.data), self.first_line, self.records)


def _received(data: bytes, first_line: int, records: dict[str, RecordType]) -> Block:
    return Block(memoryview(data), first_line, records)


def blocks(source: Source, size: int = CHUNK) -> Iterator[Block]:
    """Cut a source into blocks of at most `size` bytes, if they can be cut so short.

    A cut falls before a record or a directive, never between a record and its stack, between T and its C lines,
    between T and the aggregations after it, nor inside one, so that a block can be read without its neighbours.
    """
    records = dict(UNDECLARED)
    line = 1
    rest = memoryview(b"")
    known: deque[bytearray] = deque(maxlen=_KNOWN)
    while True:
        fitting = min(size, _BESIDE_NUMBA) if "numba" in sys.modules else size
        length = fitting if len(rest) < fitting else 2 * len(rest)
        text = _room(known, length + _WORD)
        view = memoryview(text)
        view[: len(rest)] = rest
        end = len(rest) + source.fill(view[len(rest) : length])
        _part_messages(text, end)
        if end < length:
            if end:
                yield _block(view, end, line, records, source)
            return
        cut = _cut(text, end)
        if not cut and end >= _LONGEST:  # no script prints such a section: it is parted, and what follows is not read
            cut = text.rfind(b"\n", 0, end) + 1
            if not cut:
                end = _shortened(text, end, source)
        if cut:
            block = _block(view, cut, line, records, source)
            yield block
            line += len(block.first)
            records = _learn(records, block)
        rest = view[cut:end]


def _block(view: memoryview, end: int, line: int, records: dict[str, RecordType], source: Source) -> Block:
    is_long = max(source.total or 0, source.text_size) >= _LONG
    return Block(view[:end], line, records, view[: end + _WORD] if is_long else None)


def _shortened(text: bytearray, end: int, source: Source) -> int:
    """Keep the beginning of a line up to `end` that no reader accepts, as it has no end; where it ends now."""
    source.skipped += end - _BEGINNING
    text[_BEGINNING] = 0
    return _BEGINNING + 1


def _part_messages(text: bytearray, end: int) -> None:
    """Put a message of dtrace that stands inside a record on its line before it: both streams went to one file."""
    place = _message(text, 0, end)
    while place >= 0:
        line, newline = text.rfind(b"\n", 0, place) + 1, text.find(b"\n", place, end)
        following = place + 1
        # What the collector calls cut may quote a message.
        if line < place and newline > 0 and not text.startswith(b"#host.cut\t", line):
            message = text[place:newline]
            if split_message(message.decode(errors="backslashreplace"))[1]:
                following = newline + 1
                text[line:following] = message + b"\n" + text[line:place]
        place = _message(text, following, end)


def _message(text: bytearray, start: int, end: int) -> int:
    """Where dtrace's next message begins, -1 where there is none: one byte is found ten times faster than several."""
    colon = text.find(b":", start, end)
    return text.find(_MESSAGE, max(start, colon - len(_MESSAGE)), end) if colon >= 0 else -1


def _room(known: deque[bytearray], size: int) -> bytearray:
    """A buffer of an earlier block that is read no more, or a new one: fresh memory takes thrice the time to fill."""
    if known and len(known[0]) > size:
        known.clear()  # no block will be so large again
    for text in known:
        # What is still read cannot be resized.
        with suppress(BufferError):
            text.append(0)
            text.pop()
            if len(text) == size:
                return text
    known.append(bytearray(size))
    return known[-1]


def _cut(text: bytearray, end: int) -> int:
    """Where `text` up to `end` may be cut; 0 where it may not."""
    start, reach = end, _SEARCH
    while start:
        start, reach = max(0, end - reach), 4 * reach
        last = deque(_LINE_START.finditer(text, start, end), maxlen=1)
        if last:
            return _before_sections(text, last[0].start() + 1)
    return 0


def _before_sections(text: bytearray, cut: int) -> int:
    """The cut, moved to where the sections begin that it would part: to the T line that says when they were printed."""
    last = _last_directive(text, cut)
    within = last >= 0 and text.startswith(_AGGREGATION, last)
    if not within and not text.startswith(_AGGREGATION, cut):
        return cut
    tick = text.rfind(_TICK, 0, cut + len(_TICK) - 1) + 1
    if tick or text.startswith(_TICK[1:]):
        return tick
    return last if within else cut


def _last_directive(text: bytearray, end: int) -> int:
    """Where the last line of `text` up to `end` begins that is a directive; -1 where none is."""
    place = text.rfind(b"#", 0, end)
    while place > 0 and text[place - 1] != _NEWLINE:
        place = text.rfind(b"#", 0, place)
    return place


def _learn(records: dict[str, RecordType], block: Block) -> dict[str, RecordType]:
    """`records` and the record types that the #fields lines of the block define."""
    learnt = dict(records)
    directives = np.flatnonzero(block.first == _FIELDS[0])
    second = np.frombuffer(block.data, np.uint8)[block.bounds[directives] + 1]  # tells most of them apart
    for number in directives[second == _FIELDS[1]].tolist():
        start, end = block.bounds[number : number + 2]
        if block.data[start : start + len(_FIELDS)] != _FIELDS:
            continue
        try:
            found = record_type_of(parse_directive(str(block.data[start : end - 1], "ascii", "replace")))
        except UnexpectedInput:
            continue  # the reader of the block reports it
        learnt[found.tag] = found
    return learnt


@lru_cache(256)
def parse_directive(text: str) -> Node:
    """The tree of one directive line, not to be changed; raises lark's UnexpectedInput.

    Each line of a log's head is asked for twice, and the same stand in every log of a script.
    """
    tree: Node = load_grammar("vmtrace", "directive").parse(text).children[0]
    require_columns(tree)
    return tree


def record_type_of(fields: Node) -> RecordType:
    """The record type that a #fields line defines."""
    tag = next(str(token) for token in fields.scan_values(lambda token: token.type == "TAG"))
    columns = [(str(column.children[0]), str(column.children[1])) for column in fields.find_data("column")]
    return record_type(tag, columns)
