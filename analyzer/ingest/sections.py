"""The fast gear for `#aggregation` sections: all sections of one name in a block at once.

What it accepts is narrower than the grammar (grammars/aggregation.lark), and read alike; a section in which one line is
not accepted is lark's.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.aggregations import DISTRIBUTIONS, INTEGER_COLUMNS
from analyzer.ingest.block_lines import Lines, ranges
from analyzer.ingest.blocks import parse_directive
from analyzer.ingest.buckets import read_buckets
from analyzer.ingest.escapes import unescape
from analyzer.ingest.fast import read_records
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.records import RecordType

_HEADER = "           value  ------------- Distribution ------------- count    \n"
_STACKED = ("fn", "rc", "infault", "stack", "count")
_STACKED_ROW = re.compile(
    rb"\n*  ([!-~]+) +(-?\d{1,18}) +(-?\d{1,18}) *\n((?: {14}(?:0x[0-9a-f]+|[!-_a-~]+`[!-~]+)\n)+) +(\d{1,18})\n"
)
_NEWLINE = ord("\n")


@dataclass(frozen=True)
class Section:
    """One `#aggregation` line, at `header`, and the lines up to `end` that follow it, by number in their block."""

    name: str
    columns: tuple[str, ...]
    header: int
    end: int


@dataclass(frozen=True)
class Sections:
    """Sections of one name and the same columns: a day's log has thousands of each.

    Attributes:
        headers, ends: as in Section, ascending.
    """

    name: str
    columns: tuple[str, ...]
    headers: np.ndarray
    ends: np.ndarray

    def all(self) -> list[Section]:
        """They, one by one."""
        return self.at(np.arange(len(self.headers)))

    def at(self, places: np.ndarray) -> list[Section]:
        """Some of them, one by one."""
        limits = zip(self.headers[places].tolist(), self.ends[places].tolist(), strict=True)
        return [Section(self.name, self.columns, header, end) for header, end in limits]


class _RowType(RecordType):
    """Rows of an aggregation between TABs, without a tag."""

    @cached_property
    def pattern(self) -> str:
        parts = ("-?[0-9]{1,18}" if kind == "int" else "[ -~]+" for _, kind in self.columns)
        return "^(?:" + "\t".join(parts) + "\n)+$"


def find_sections(lines: Lines, tags: Collection[str]) -> list[Sections]:
    """The sections of a block; each ends at the next directive, or at a record of one of `tags`."""
    headers = lines.beginning_with(b"#aggregation\t")
    if not len(headers):
        return []
    directives = lines.beginning_with(b"#")
    records = [lines.beginning_with(tag.encode() + b"\t") for tag in tags]
    limits = np.append(np.sort(np.concatenate([directives, *records])), lines.count)
    ends = limits[np.searchsorted(limits, headers, side="right")]
    said, texts = lines.distinct(headers)
    alike: dict[tuple[str, ...], np.ndarray] = {}
    for place, text in enumerate(texts):
        names = _names(text.decode(errors="backslashreplace").rstrip("\n"))
        alike[names] = alike.get(names, False) | (said == place)
    return [Sections(names[0], names[1:], headers[mine], ends[mine]) for names, mine in alike.items() if names]


def are_inside(lines: Lines, sections: list[Sections]) -> np.ndarray:
    """Which lines are of sections; of those that begin them, which say again what one before said."""
    steps = np.zeros(lines.count + 1, np.int8)
    for alike in sections:
        steps[alike.headers + 1] += 1
        steps[alike.ends] -= 1
    inside = np.cumsum(steps[:-1], dtype=np.int8).view(bool)
    for alike in sections:
        inside[alike.headers[1:]] = True
    return inside


def _names(header: str) -> tuple[str, ...]:
    """The name and the columns of an `#aggregation` line; none where lark refuses it."""
    try:
        return tuple(map(str, parse_directive(header).scan_values(lambda token: token.type == "NAME")))
    except UnexpectedInput:  # the slow gear says why
        return ()


def read_sections(lines: Lines, sections: Sections) -> tuple[list[pa.Table], list[Section]]:
    """Tables of sections, with `line` (in the block), and the sections that are not read."""
    columns = sections.columns
    if columns[-1] == "llquantize":
        return _distributions(lines, sections)
    if columns == _STACKED:
        return _stacked(lines, sections)
    if columns[-1] in DISTRIBUTIONS or "stack" in columns:
        return [], sections.all()
    return _tabbed(lines, sections)


def _tabbed(lines: Lines, sections: Sections) -> tuple[list[pa.Table], list[Section]]:
    numbers, owner = _bodies(lines, sections)
    *keys, value = sections.columns
    kinds = [(name, "int" if name in INTEGER_COLUMNS else "str") for name in keys]
    table, good, _ = read_records(lines, numbers, _RowType("", (*kinds, (value, "int"))))
    table = table.cast(pa.schema([(field.name, _plain(field.type)) for field in table.schema]))
    table = table.add_column(0, "line", pa.array(good))
    if len(good) == len(numbers):
        return [table], []
    read = np.isin(numbers, good)
    refused = np.unique(owner[~read])
    return [table.filter(pa.array(~np.isin(owner[read], refused)))], sections.at(refused)


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _stacked(lines: Lines, sections: Sections) -> tuple[list[pa.Table], list[Section]]:
    rows: list[tuple[object, ...]] = []
    refused = []
    _, owner = _bodies(lines, sections)
    for section in sections.at(np.unique(owner)):
        text = lines.between(section.header + 1, section.end)
        matches = _stacked_rows(text)
        if matches is None:
            refused.append(section)
            continue
        line, at = section.header + 1, 0
        for match in matches:
            line += text.count(b"\n", at, match.start(1))
            at = match.start(1)
            fn, rc, infault, frames, count = match.groups()
            stack = "\n".join(frame.strip().decode() for frame in frames.splitlines())
            rows.append((line, fn.decode(), int(rc), int(infault), stack, int(count)))
    names = ["line", *_STACKED]
    kinds = [pa.int64() if name == "line" or name in INTEGER_COLUMNS else pa.string() for name in names]
    columns = zip(*rows, strict=True) if rows else [()] * len(names)
    arrays = [pa.array(values, kind) for values, kind in zip(columns, kinds, strict=True)]
    return [pa.table(arrays, names=names)], refused


def _stacked_rows(text: bytes) -> list[re.Match[bytes]] | None:
    """The rows of a section; None where something else follows."""
    rows, at = [], 0
    while match := _STACKED_ROW.match(text, at):
        rows.append(match)
        at = match.end()
    return None if text[at:].strip(b"\n") else rows


def _distributions(lines: Lines, sections: Sections) -> tuple[list[pa.Table], list[Section]]:
    """Sections of llquantize: key lines, each followed by a header and its buckets."""
    numbers, owner = _bodies(lines, sections)
    names = sections.columns[:-1]
    is_bucket, buckets = read_buckets(lines, numbers)
    others = np.flatnonzero(~is_bucket)
    text_of, different = lines.distinct(numbers[others])
    texts = [text.decode(errors="backslashreplace") for text in different]
    keys = _keys(texts, names)
    is_head, is_key = np.zeros((2, len(numbers) + 1), bool)  # the last is of no line
    is_head[others] = np.array([text == _HEADER for text in texts], bool)[text_of]
    is_key[others] = np.array([key is not None for key in keys], bool)[text_of]

    # The buckets of a distribution stand right below its header, and that right below its key.
    below = np.append(False, np.diff(numbers) == 1)
    first = np.flatnonzero(is_bucket & ~(below & np.append(False, is_bucket[:-1])))
    sound = below[first] & is_head[first - 1] & below[first - 1] & is_key[first - 2]
    stray = ~is_bucket
    stray[first[sound] - 1] = stray[first[sound] - 2] = False
    stray[first[~sound]] = True
    stray[np.flatnonzero(is_bucket)[~buckets.sound]] = True
    refused = np.unique(owner[stray])

    begins = first - np.searchsorted(others, first)
    kept = ~np.isin(owner[first], refused)
    of = np.repeat(np.where(kept, np.cumsum(kept), 0) - 1, np.diff(begins, append=len(buckets.sound)))
    counted = np.flatnonzero((buckets.count != 0) & (of >= 0))
    of, key_at = of[counted], first[kept] - 2
    text_of_key = pa.array(text_of[np.searchsorted(others, key_at)][of])
    table = {"line": pa.array(numbers[key_at][of])}
    for place, name in enumerate(names):
        kind = pa.int64() if name in INTEGER_COLUMNS else pa.string()
        table[name] = pa.array([key[place] if key else None for key in keys], kind).take(text_of_key)
    low, high = buckets.bounds(begins)
    table |= {"low": low[counted], "high": high[counted], "count": buckets.count[counted]}
    return [pa.table(table)], sections.at(refused)


def _bodies(lines: Lines, sections: Sections) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the lines of the sections that are not empty and no message, and whose each is, by place."""
    numbers, owner = ranges(sections.headers + 1, sections.ends)
    kept = lines.first[numbers] != _NEWLINE
    messages = lines.beginning_with(PREFIX.encode())
    if len(messages):
        kept &= ~np.isin(numbers, messages)
    return numbers[kept], owner[kept]


def _keys(texts: list[str], names: tuple[str, ...]) -> list[tuple[int | str, ...] | None]:
    """The key that each line has, None where it has none, or where lark may see a header or a bucket."""
    fields = (r"(?:[a-z]+ )?(-?[0-9]{1,18})" if name in INTEGER_COLUMNS else r"([ -~]+)" for name in names)
    pattern = re.compile(r"(?! |.*(?:Distribution|\|))" + "\t".join(fields) + "\n")
    found = (pattern.fullmatch(text) if names else None for text in texts)
    return [
        match
        and tuple(
            int(value) if name in INTEGER_COLUMNS else unescape(value)
            for name, value in zip(names, match.groups(), strict=True)
        )
        for match in found
    ]
