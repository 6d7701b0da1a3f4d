"""A log as blocks of whole lines, each with what it must know of the lines before it."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from lark import Tree
from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import load_grammar
from analyzer.ingest.records import RecordType, record_type
from analyzer.ingest.sources import CHUNK, Source

_LINE_START = re.compile(rb"\n(?=(?!C\t)[A-Z]+\t|#)")
_FIELDS = b"\n#fields\t"
_DIRECTIVE = b"\n#"
_NEWLINE = ord("\n")
_SEARCH = 1 << 16  # how far back a cut is looked for first


@dataclass(frozen=True)
class Block:
    """Whole lines of one log.

    Attributes:
        data: the bytes, not copied; only the last block of a log may end without a newline.
        first_line: number of its first line in the log, from 1.
        records: the record types that are known where it begins, by tag.
    """

    data: memoryview
    first_line: int
    records: dict[str, RecordType]

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        return _received, (bytes(self.data), self.first_line, self.records)


def _received(data: bytes, first_line: int, records: dict[str, RecordType]) -> Block:
    return Block(memoryview(data), first_line, records)


def blocks(source: Source, size: int = CHUNK) -> Iterator[Block]:
    """Cut a source into blocks of about `size` bytes.

    A cut falls before a record or a directive, never between a record and its stack, between T and its C lines,
    nor inside an aggregation, so that a block can be read without its neighbours.
    """
    records: dict[str, RecordType] = {}
    line = 1
    rest = b""
    for chunk in source.chunks(size):
        cut = _cut(rest)
        if cut:
            data = memoryview(rest)[:cut]
            yield Block(data, line, records)
            line += int(np.count_nonzero(np.frombuffer(data, np.uint8) == _NEWLINE))
            records = _learn(records, rest, cut)
        rest = b"".join((memoryview(rest)[cut:], chunk))
    if rest:
        yield Block(memoryview(rest), line, records)


def _cut(data: bytes) -> int:
    """Where `data` may be cut; 0 where it may not."""
    for start in (max(0, len(data) - _SEARCH), 0):
        matches = list(_LINE_START.finditer(data, start))
        if matches:
            cut = matches[-1].start() + 1
            last = data.rfind(_DIRECTIVE, 0, cut) + 1 if b"#" in data else 0
            inside = data.startswith(b"#aggregation\t", last) and last < cut
            return last if inside else cut
    return 0


def _learn(records: dict[str, RecordType], data: bytes, end: int) -> dict[str, RecordType]:
    """`records` and the record types that the #fields lines of `data` define up to `end`."""
    learnt = dict(records)
    for line in _fields_lines(data, end):
        try:
            found = record_type_of(parse_directive(line.decode("ascii", "replace")))
        except UnexpectedInput:
            continue  # the reader of the block reports it
        learnt[found.tag] = found
    return learnt


def _fields_lines(data: bytes, end: int) -> Iterator[bytes]:
    """The #fields lines of `data` up to `end`; a regular expression takes fifty times as long to find none."""
    if data.startswith(_FIELDS[1:]):
        yield data[: data.index(b"\n")]
    start = data.find(_FIELDS, 0, end) if b"#" in data else -1
    while start >= 0:
        stop = data.index(b"\n", start + 1)
        yield data[start + 1 : stop]
        start = data.find(_FIELDS, stop, end)


def parse_directive(text: str) -> Tree:
    """The tree of one directive line; raises lark's UnexpectedInput."""
    return load_grammar("vmtrace", "directive").parse(text).children[0]


def record_type_of(fields: Tree) -> RecordType:
    """The record type that a #fields line defines."""
    tag = next(str(token) for token in fields.scan_values(lambda token: token.type == "TAG"))
    columns = [(str(column.children[0]), str(column.children[1])) for column in fields.find_data("column")]
    return record_type(tag, columns)
