"""The fast gear for `#aggregation` sections: all sections of one name in a block at once.

What it accepts is narrower than the grammar (grammars/aggregation.lark), and read alike; a section in which one line is
not accepted is lark's.
"""

import re
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.aggregations import DISTRIBUTIONS, INTEGER_COLUMNS
from analyzer.ingest.block_lines import Lines
from analyzer.ingest.blocks import parse_directive
from analyzer.ingest.escapes import unescape
from analyzer.ingest.fast import read_records
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.records import RecordType

_HEADER = "           value  ------------- Distribution ------------- count    "
_STACKED = ("fn", "rc", "infault", "stack", "count")
_STACKED_ROW = re.compile(
    rb"\n*  ([!-~]+) +(-?\d{1,18}) +(-?\d{1,18}) *\n((?: {14}(?:0x[0-9a-f]+|[!-_a-~]+`[!-~]+)\n)+) +(\d{1,18})\n"
)
# A bucket of libdtrace: label 0 to 16, " |", bar 18 to 58, a blank, count 59 to 68 from the left, newline.
_WIDE, _LABEL, _MIDDLE, _BAR, _COUNT = 69, slice(0, 16), 17, slice(18, 58), slice(59, 68)
_OTHER_BITS, _ONE_OF_TWO = np.uint64(0x9F9F9F9F9F9F9F9F), np.uint64(0x2020202020202020)
_OPEN_ENDED = re.compile(rb" *(?:<|>=) \d+")
_NEWLINE, _BLANK, _ZERO = (np.uint8(ord(character)) for character in "\n 0")


@dataclass(frozen=True)
class Section:
    """One `#aggregation` line, at `header`, and the lines up to `end` that follow it, by number in their block."""

    name: str
    columns: tuple[str, ...]
    header: int
    end: int


class _RowType(RecordType):
    """Rows of an aggregation between TABs, without a tag."""

    @cached_property
    def pattern(self) -> str:
        parts = ("-?[0-9]{1,18}" if kind == "int" else "[ -~]+" for _, kind in self.columns)
        return "^(?:" + "\t".join(parts) + "\n)+$"


def find_sections(lines: Lines, tags: Collection[str]) -> list[Section]:
    """The sections of a block; each ends at the next directive, or at a record of one of `tags`."""
    headers = lines.beginning_with(b"#aggregation\t")
    if not len(headers):
        return []
    directives = lines.beginning_with(b"#")
    records = [lines.beginning_with(tag.encode() + b"\t") for tag in tags]
    ends = np.append(np.sort(np.concatenate([directives, *records])), lines.count)
    found = []
    for header, end in zip(headers, ends[np.searchsorted(ends, headers, side="right")], strict=True):
        with suppress(UnexpectedInput):  # the slow gear refuses it
            names = parse_directive(lines.text(header)).scan_values(lambda token: token.type == "NAME")
            name, *columns = map(str, names)
            found.append(Section(name, tuple(columns), int(header), int(end)))
    return found


def read_sections(lines: Lines, sections: list[Section]) -> tuple[list[pa.Table], list[Section]]:
    """Tables of sections that have one name and the same columns, with `line` (in the block), and those not read."""
    columns = sections[0].columns
    if columns[-1] == "llquantize":
        return _distributions(lines, sections)
    if columns == _STACKED:
        return _stacked(lines, sections)
    if columns[-1] in DISTRIBUTIONS or "stack" in columns:
        return [], sections
    return _tabbed(lines, sections)


def _tabbed(lines: Lines, sections: list[Section]) -> tuple[list[pa.Table], list[Section]]:
    numbers, owner = _bodies(lines, sections)
    *keys, value = sections[0].columns
    kinds = [(name, "int" if name in INTEGER_COLUMNS else "str") for name in keys]
    kind = _RowType("", (*kinds, (value, "int")))
    table, good, _ = read_records(lines, numbers, kind)
    read = np.isin(numbers, good)
    refused = np.unique(owner[~read])
    kept = ~np.isin(owner[read], refused)
    table = table.filter(pa.array(kept)).cast(pa.schema([(f.name, _plain(f.type)) for f in table.schema]))
    return [table.add_column(0, "line", pa.array(good[kept]))], [sections[place] for place in refused]


def _plain(kind: pa.DataType) -> pa.DataType:
    return pa.string() if pa.types.is_dictionary(kind) else kind


def _stacked(lines: Lines, sections: list[Section]) -> tuple[list[pa.Table], list[Section]]:
    rows: list[tuple[object, ...]] = []
    refused = []
    for section in sections:
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


def _distributions(lines: Lines, sections: list[Section]) -> tuple[list[pa.Table], list[Section]]:
    """Sections of llquantize: key lines, each followed by a header and its buckets."""
    numbers, owner = _bodies(lines, sections)
    names = sections[0].columns[:-1]
    is_bucket = lines.lengths(numbers) == _WIDE
    is_bucket[is_bucket] = lines.bytes_at(numbers[is_bucket], _MIDDLE) == ord("|")
    wide = lines.square(numbers[is_bucket], _WIDE)
    others = np.flatnonzero(~is_bucket)
    texts = [lines.text(number) for number in numbers[others]]
    is_head = np.zeros(len(numbers), bool)
    is_head[others] = [text == _HEADER for text in texts]
    is_key = ~is_bucket & ~is_head
    keys = _keys([text for text in texts if text != _HEADER], names)

    good = np.ones(len(numbers), bool)
    good[is_bucket] = _sound(wide)
    good[is_key] = [key is not None for key in keys]
    # A header stands right below its key and above a bucket, a bucket right below its header or another bucket.
    joined = (np.diff(numbers, prepend=-2) == 1) & (np.diff(owner, prepend=-1) == 0)
    below_key = joined & np.concatenate([[False], is_key[:-1]])
    above_bucket = np.concatenate([(joined & is_bucket)[1:], [False]])
    good &= (below_key == is_head) & (joined | ~is_bucket) & (~is_key | np.concatenate([below_key[1:], [False]]))
    good &= above_bucket | ~is_head
    refused = np.unique(owner[~good])

    counted = np.flatnonzero((wide[:, _COUNT.start] != _ZERO) & ~np.isin(owner[is_bucket], refused))
    low, high = _bounds(wide, np.cumsum(is_head)[is_bucket], counted)
    key_of = pa.array((np.cumsum(is_key) - 1)[is_bucket][counted])
    table = {"line": pa.array(numbers[is_key], pa.int64()).take(key_of)}
    for place, name in enumerate(names):
        kind = pa.int64() if name in INTEGER_COLUMNS else pa.string()
        table[name] = pa.array([key[place] if key else None for key in keys], kind).take(key_of)
    table |= {"low": low, "high": high, "count": _number(wide[counted, _COUNT])}
    return [pa.table(table)], [sections[place] for place in refused]


def _bodies(lines: Lines, sections: list[Section]) -> tuple[np.ndarray, np.ndarray]:
    """The numbers of the lines of the sections that are not empty and no message, and whose each is, by place."""
    numbers = np.concatenate([np.arange(section.header + 1, section.end) for section in sections])
    owner = np.repeat(np.arange(len(sections)), [section.end - section.header - 1 for section in sections])
    first = lines.bytes_at(numbers, 0)
    kept = first != _NEWLINE
    doubtful = kept & (first == ord("d"))
    kept[doubtful] = [not lines.text(number).startswith(PREFIX) for number in numbers[doubtful]]
    return numbers[kept], owner[kept]


def _keys(texts: list[str], names: tuple[str, ...]) -> list[tuple[int | str, ...] | None]:
    """The key of each line, None where it is none; the same lines come again and again."""
    fields = (r"(?:[a-z]+ )?(-?\d{1,18})" if name in INTEGER_COLUMNS else r"([ -~]+)" for name in names)
    pattern = re.compile("\t".join(fields))
    known: dict[str, tuple[int | str, ...] | None] = {}
    for text in set(texts):
        match = pattern.fullmatch(text) if names else None
        known[text] = match and tuple(
            int(value) if name in INTEGER_COLUMNS else unescape(value)
            for name, value in zip(names, match.groups(), strict=True)
        )
    return [known[text] for text in texts]


def _sound(wide: np.ndarray) -> np.ndarray:
    """Which lines are buckets, character by character."""
    label, bar, count = wide[:, _LABEL], wide[:, _BAR], wide[:, _COUNT]
    digit, number = label - _ZERO < 10, count - _ZERO < 10
    # Eight characters at once: of a blank (0x20) and an @ (0x40) one of these bits is set, and no other.
    words = np.ascontiguousarray(bar).view(np.uint64)
    drawn = ((words & _OTHER_BITS) == 0) & (((words ^ (words >> np.uint64(1))) & _ONE_OF_TWO) == _ONE_OF_TWO)
    sound = (wide[:, 16] == _BLANK) & (wide[:, 58] == _BLANK) & drawn.all(axis=1)
    sound &= digit[:, -1] & number[:, 0]
    # Digits stand together: at the right end of the label, at the left end of the count.
    sound &= (digit[:, :-1] <= digit[:, 1:]).all(axis=1) & (number[:, 1:] <= number[:, :-1]).all(axis=1)
    sound &= (number | (count == _BLANK)).all(axis=1)
    signed = ~(digit | (label == _BLANK)).all(axis=1)
    sound[signed] &= np.array([_OPEN_ENDED.fullmatch(bytes(row)) is not None for row in label[signed]], bool)
    return sound


def _bounds(wide: np.ndarray, distribution: np.ndarray, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The limits of those buckets: from the label to the next one, as aggregations.bounds has them."""
    last = max(len(wide) - 1, 0)
    after, before = np.minimum(rows + 1, last), np.maximum(rows - 1, 0)
    value, following, previous = (_number(wide[place, _LABEL]) for place in (rows, after, before))
    same = distribution[rows]
    width = np.where((before != rows) & (distribution[before] == same), value - previous, 1)
    low = value.astype(np.float64)
    high = np.where((after != rows) & (distribution[after] == same), following, value + width).astype(np.float64)
    below, above = ((wide[rows, _LABEL] == ord(sign)).any(axis=1) for sign in "<>")
    low[below], high[below], high[above] = -np.inf, value[below], np.inf
    return low, high


def _number(characters: np.ndarray) -> np.ndarray:
    """The number whose digits stand in each row."""
    value = np.zeros(len(characters), np.int64)
    for column in characters.T:
        digit = column - _ZERO
        value = np.where(digit < 10, value * 10 + digit, value)
    return value
