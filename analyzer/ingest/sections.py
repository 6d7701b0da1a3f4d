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
from analyzer.ingest.block_lines import Lines, bounds
from analyzer.ingest.blocks import parse_directive
from analyzer.ingest.digits import decimals, each, words
from analyzer.ingest.escapes import unescape
from analyzer.ingest.fast import read_records
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.records import RecordType

_HEADER = "           value  ------------- Distribution ------------- count    \n"
_STACKED = ("fn", "rc", "infault", "stack", "count")
_STACKED_ROW = re.compile(
    rb"\n*  ([!-~]+) +(-?\d{1,18}) +(-?\d{1,18}) *\n((?: {14}(?:0x[0-9a-f]+|[!-_a-~]+`[!-~]+)\n)+) +(\d{1,18})\n"
)
# A bucket of libdtrace: label 0 to 16, a blank, "|", bar 18 to 58, a blank, count 59 to 68 from the left, newline.
_WIDE, _LABEL, _MIDDLE, _BAR, _COUNT = 69, 16, 17, range(18, 58, 8), slice(59, 68)
_OPEN_ENDED = re.compile(r" *(<|>=) (\d+)")
_BLANK, _NEWLINE = ord(" "), ord("\n")


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
    following = ends[np.searchsorted(ends, headers, side="right")]
    # A day's log says the same few again and again.
    said, texts = lines.distinct(headers)
    names = [_names(text.decode(errors="backslashreplace").rstrip("\n")) for text in texts.to_pylist()]
    for header, end, place in zip(headers.tolist(), following.tolist(), said.tolist(), strict=True):
        if names[place]:
            found.append(Section(names[place][0], names[place][1:], header, end))
    return found


def _names(header: str) -> tuple[str, ...]:
    """The name and the columns of an `#aggregation` line; none where lark refuses it."""
    try:
        return tuple(map(str, parse_directive(header).scan_values(lambda token: token.type == "NAME")))
    except UnexpectedInput:  # the slow gear says why
        return ()


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
    # The same lines come again and again: each text is read once.
    text_of, texts = lines.distinct(numbers)
    wide, distinct = _distinct_buckets(texts)
    others = [text.decode(errors="backslashreplace") for text in texts.filter(pa.array(~wide)).to_pylist()]
    other_of = (np.cumsum(~wide) - 1)[text_of]
    is_bucket = wide[text_of]
    buckets = distinct.at((np.cumsum(wide) - 1)[text_of[is_bucket]])
    is_other_head = np.array([text == _HEADER for text in others], bool)
    is_head = ~is_bucket
    is_head[is_head] = is_other_head[other_of[is_head]]
    is_key = ~is_bucket & ~is_head
    keys = _keys(others, names)

    good = np.ones(len(numbers), bool)
    good[is_bucket] = buckets.sound
    good[is_key] = np.array([key is not None for key in keys], bool)[other_of[is_key]]
    # A header stands right below its key and above a bucket, a bucket right below its header or another bucket.
    joined = (np.diff(numbers, prepend=-2) == 1) & (np.diff(owner, prepend=-1) == 0)
    below_key = joined & np.concatenate([[False], is_key[:-1]])
    above_bucket = np.concatenate([(joined & is_bucket)[1:], [False]])
    good &= (below_key == is_head) & (joined | ~is_bucket) & (~is_key | np.concatenate([below_key[1:], [False]]))
    good &= above_bucket | ~is_head
    refused = np.unique(owner[~good])

    counted = np.flatnonzero((buckets.count != 0) & ~np.isin(owner[is_bucket], refused))
    low, high = _bounds(buckets, np.cumsum(is_head)[is_bucket])
    key_of = (np.cumsum(is_key) - 1)[is_bucket][counted]
    text_of_key = pa.array(other_of[is_key][key_of])
    table = {"line": pa.array(numbers[is_key][key_of], pa.int64())}
    for place, name in enumerate(names):
        kind = pa.int64() if name in INTEGER_COLUMNS else pa.string()
        table[name] = pa.array([key[place] if key else None for key in keys], kind).take(text_of_key)
    table |= {"low": low[counted], "high": high[counted], "count": buckets.count[counted]}
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
    """The key that each line has, None where it has none."""
    fields = (r"(?:[a-z]+ )?(-?\d{1,18})" if name in INTEGER_COLUMNS else r"([ -~]+)" for name in names)
    pattern = re.compile("\t".join(fields) + "\n")
    found = (pattern.fullmatch(text) if names else None for text in texts)
    return [
        match
        and tuple(
            int(value) if name in INTEGER_COLUMNS else unescape(value)
            for name, value in zip(names, match.groups(), strict=True)
        )
        for match in found
    ]


@dataclass(frozen=True)
class _Buckets:
    """Lines that may be buckets.

    Attributes:
        sound: which are.
        value, count: of the label, and what was counted.
        below, above: which labels have a "<" or a ">=" before the value.
    """

    sound: np.ndarray
    value: np.ndarray
    count: np.ndarray
    below: np.ndarray
    above: np.ndarray

    def at(self, places: np.ndarray) -> "_Buckets":
        columns = (self.sound, self.value, self.count, self.below, self.above)
        return _Buckets(*(column[places] for column in columns))


def _distinct_buckets(texts: pa.LargeBinaryArray) -> tuple[np.ndarray, _Buckets]:
    """Which of the texts may be buckets, and those."""
    begins, text = bounds(texts)
    data = np.frombuffer(text, np.uint8)
    wide = np.diff(begins) == _WIDE
    wide[wide] = data[begins[:-1][wide] + _MIDDLE] == ord("|")
    return wide, _buckets(data, begins[:-1][wide])


def _buckets(data: np.ndarray, starts: np.ndarray) -> _Buckets:
    """The lines that begin at `starts`, read as buckets."""
    eight = words(data, 8)
    sound = (data[starts + _LABEL] == _BLANK) & (data[starts + _COUNT.start - 1] == _BLANK)
    for place in _BAR:
        sound &= _drawn(eight[starts + place])
    # Digits stand at the right end of the label, at the left end of the count; all that is beside them are blanks.
    blanks = _blanks(eight[starts + _COUNT.start]) + (data[starts + _COUNT.stop - 1] == _BLANK)
    begins = starts + _COUNT.start
    count, wrong = decimals(data, begins, starts + _COUNT.stop - blanks)
    sound &= ~wrong
    ends = starts + _LABEL
    value, odd = decimals(data, starts + _blanks(eight[starts]) + _blanks(eight[starts + 8]), ends)
    below, above = np.zeros(len(starts), bool), np.zeros(len(starts), bool)
    for place in np.flatnonzero(odd).tolist():
        match = _OPEN_ENDED.fullmatch(bytes(data[starts[place] : ends[place]]).decode(errors="replace"))
        sound[place] &= match is not None
        if match:
            below[place], above[place], value[place] = match[1] == "<", match[1] == ">=", int(match[2])
    return _Buckets(sound, value, count, below, above)


def _blanks(eight: np.ndarray) -> np.ndarray:
    """How many of the eight bytes of each word are blanks."""
    other = eight ^ each(" ")
    filled = ((other & each("\x7f")) + each("\x7f") | other) >> np.uint64(7) & each("\x01")
    return 8 - (filled * each("\x01") >> np.uint64(56)).astype(np.int64)


def _drawn(eight: np.ndarray) -> np.ndarray:
    """Which words are of blanks (0x20) and @ (0x40) alone: one of these bits is set, and no other."""
    return ((eight & each("\x9f")) == 0) & (((eight ^ (eight >> np.uint64(1))) & each(" ")) == each(" "))


def _bounds(buckets: _Buckets, distribution: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The limits of buckets: from the label to the next one, as aggregations.bounds has them."""
    value = buckets.value
    first = np.diff(distribution, prepend=-1) != 0
    last = np.append(first[1:], True)[: len(first)]
    width = np.where(first, 1, np.diff(value, prepend=0))
    low = value.astype(np.float64)
    high = np.where(last, value + width, np.append(value[1:], 0)[: len(value)]).astype(np.float64)
    low[buckets.below], high[buckets.below], high[buckets.above] = -np.inf, value[buckets.below], np.inf
    return low, high
