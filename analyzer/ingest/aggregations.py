"""Aggregations: `#aggregation` sections of vmtrace's logs, and what dtrace(1) prints by itself."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice, pairwise

import pyarrow as pa
from lark import Token
from lark.exceptions import UnexpectedInput

from analyzer.ingest.escapes import unescape
from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.parsed import Unread

INTEGER_COLUMNS = frozenset({"path", "rc", "delta", "count", "ns", "calls", "infault", "busy"})
DISTRIBUTIONS = frozenset({"quantize", "llquantize"})  # a last column that is one, and not a value
_NO_BUCKETS = "the buckets of a distribution below its header"
Bucket = tuple[float, float, int]


@dataclass(frozen=True)
class Row:
    """One key of an aggregation: its parts, and either a value or a distribution."""

    line: int
    keys: tuple[int | str, ...]
    stack_at: tuple[int, ...]
    value: int | None
    buckets: tuple[Bucket, ...] | None


def parse_aggregation(
    name: str, columns: list[str], lines: list[str], numbers: Sequence[int]
) -> tuple[pa.Table, list[Unread]]:
    """The section `#aggregation name columns…`; `numbers` are those of its `lines` in the log.

    One row per key with the columns as named, after `line`, or, where the last is one of DISTRIBUTIONS, one row per
    key and bucket with `low`, `high` (float64, low <= x < high; below zero low < x <= high) and `count` in its place;
    buckets of llquantize that counted nothing are left out.  A "stack" is one string, its frames innermost first, a
    newline between them.  INTEGER_COLUMNS are int64, the others strings, of which %S is undone.
    """
    if "stack" in columns:
        rows, unread = read_rows(lines, numbers)
    else:
        rows, unread = _read_tabbed(columns, lines, numbers)
    keys = columns[:-1]
    fitting = []
    for row in rows:
        distributed = (row.buckets is not None) == (columns[-1] in DISTRIBUTIONS)
        whole = all(isinstance(key, int) for name, key in zip(keys, row.keys, strict=False) if name in INTEGER_COLUMNS)
        if len(row.keys) == len(keys) and distributed and whole:
            fitting.append(row)
        else:
            text = lines[numbers.index(row.line)]
            unread.append(Unread(row.line, 1, text, f"columns of {name}: {' '.join(columns)}"))
    line = pa.array([row.line for row, _ in _spread(fitting, columns[-1])], pa.int64())
    table = rows_table(fitting, keys, INTEGER_COLUMNS, columns[-1]).add_column(0, "line", line)
    return table, sorted(unread, key=lambda each: each.line)


def rows_table(rows: list[Row], keys: list[str], integers: frozenset[str], value: str) -> pa.Table:
    """`rows` as a table: `keys`, those in `integers` int64, and the `value`, or low, high, count of DISTRIBUTIONS."""
    spread = _spread(rows, value)
    table = {}
    for place, key in enumerate(keys):
        values = [row.keys[place] for row, _ in spread]
        if key in integers:
            table[key] = pa.array(values, pa.int64())
        else:
            table[key] = pa.array([str(each) for each in values], pa.string())
    if value in DISTRIBUTIONS:
        buckets = [bucket for _, bucket in spread if bucket is not None]
        table["low"] = pa.array([float(low) for low, _, _ in buckets], pa.float64())
        table["high"] = pa.array([float(high) for _, high, _ in buckets], pa.float64())
        table["count"] = pa.array([count for _, _, count in buckets], pa.int64())
    else:
        table[value] = pa.array([row.value for row in rows], pa.int64())
    return pa.table(table)


def _spread(rows: list[Row], value: str) -> list[tuple[Row, Bucket | None]]:
    """Each row once, or with each of its buckets."""
    if value not in DISTRIBUTIONS:
        return [(row, None) for row in rows]
    return [(row, bucket) for row in rows for bucket in row.buckets or () if bucket[2] or value != "llquantize"]


def read_rows(lines: list[str], numbers: Sequence[int]) -> tuple[list[Row], list[Unread]]:
    """Rows in the form that dtrace(1) gives them by itself: keys in columns, stacks as frames, distributions.

    `numbers` are the lines' numbers in their file.
    """
    trees, unread = _classify(lines, numbers, "line", "")
    rows: list[Row] = []
    keys: list[int | str] = []
    stack_at: list[int] = []
    frames: list[str] = []
    start = 0
    place = 0

    def end_stack() -> None:
        if frames:
            stack_at.append(len(keys))
            keys.append("\n".join(frames))
            frames.clear()

    def end_row(value: int | None, buckets: tuple[Bucket, ...] | None) -> None:
        rows.append(Row(numbers[start], tuple(keys), tuple(stack_at), value, buckets))
        keys.clear()
        stack_at.clear()

    while place < len(lines):
        tree = trees[place]
        if not keys and not frames:
            start = place
        kind = tree.data if tree is not None else None
        if kind == "frame":
            frames.append(str(tree.children[0]).strip())
        elif kind in ("columns", "header") or frames:
            end_stack()
        if kind == "columns":
            keys += [_key(token) for token in tree.children]
            following = trees[place + 1].data if place + 1 < len(lines) and trees[place + 1] is not None else None
            if following not in ("header", "frame") and isinstance(keys[-1], int):
                end_row(int(keys.pop()), None)
        elif kind == "header":
            size, buckets = _distribution(islice(trees, place + 1, None))
            if not buckets:
                unread.append(Unread(numbers[start], 1, lines[start], _NO_BUCKETS))
            end_row(None, buckets)
            place += size
        elif kind == "bucket":
            unread.append(Unread(numbers[place], 1, lines[place], "a distribution's header before its buckets"))
        place += 1
    end_stack()
    if keys:
        unread.append(Unread(numbers[start], 1, lines[start], "a value after the keys"))
    return rows, sorted(unread, key=lambda each: each.line)


def _read_tabbed(columns: list[str], lines: list[str], numbers: Sequence[int]) -> tuple[list[Row], list[Unread]]:
    """Rows of a section without stacks: fields between tabs, and a distribution below them for DISTRIBUTIONS."""
    quantized = columns[-1] in DISTRIBUTIONS
    fields = [_terminal(name) for name in columns[:-1]]
    fields = [field.replace("INT", "_NAME? INT") for field in fields] if quantized else [*fields, "INT"]
    # Without keys a distribution stands alone.
    rule = "\nrow: header | bucket" + (f" | fields\nfields: {' _TAB '.join(fields)}\n" if fields else "\n")
    trees, unread = _classify(lines, numbers, "row", rule)
    rows: list[Row] = []
    keys: tuple[int | str, ...] = ()
    start = place = 0
    waiting = False  # a key for its distribution

    def end_key() -> None:
        if waiting:
            unread.append(Unread(numbers[start], 1, lines[start], "a distribution below its key"))

    while place < len(lines):
        tree = trees[place]
        if tree is None:
            pass
        elif tree.data == "header":
            size, buckets = _distribution(islice(trees, place + 1, None), columns[-1] == "quantize")
            if not buckets:
                unread.append(Unread(numbers[start], 1, lines[start], _NO_BUCKETS))
            rows.append(Row(numbers[start], keys, (), None, buckets))
            place += size
            waiting = False
        elif tree.data == "bucket":
            unread.append(Unread(numbers[place], 1, lines[place], "a distribution's header before its buckets"))
        else:
            end_key()
            start, waiting = place, quantized
            keys = tuple(int(token) if token.type == "INT" else unescape(str(token)) for token in tree.children)
            if not quantized:
                rows.append(Row(numbers[place], keys[:-1], (), int(keys[-1]), None))
        place += 1
    end_key()
    return rows, unread


def _terminal(column: str) -> str:
    return "INT" if column in INTEGER_COLUMNS else "TEXT"


def _key(token: Token) -> int | str:
    """A number where it fits 64 bits, else the text."""
    if token.type == "NUMBER" and -(2**63) <= int(token) < 2**63:
        return int(token)
    return str(token).strip()


def _classify(
    lines: list[str], numbers: Sequence[int], start: str, extra: str
) -> tuple[list[Node], list[Unread]]:
    """What each line is; None for an empty line and for one that is not understood."""
    parser = load_grammar("aggregation", start, extra)
    trees: list[Node] = []
    unread = []
    for place, line in enumerate(lines):
        text = line.rstrip("\r\n")
        trees.append(None)
        if text.strip(" "):
            try:
                trees[-1] = parser.parse(text).children[0]
            except UnexpectedInput as error:
                column, expected = expectation(error)
                unread.append(Unread(numbers[place], column, text, expected))
    return trees, unread


def _distribution(trees: Iterable[Node], may_double: bool = True) -> tuple[int, tuple[Bucket, ...]]:
    """How many of the lines after a header are its buckets, and these; those of quantize double."""
    labels: list[str] = []
    counts: list[int] = []
    for tree in trees:
        if tree is None or tree.data != "bucket":
            break
        labels.append(str(tree.children[0]).strip())
        counts.append(int(tree.children[1]))
    limits = list(bounds(labels, may_double))
    return len(labels), tuple((low, high, count) for (low, high), count in zip(limits, counts, strict=True))


def bounds(labels: list[str], may_double: bool = True) -> Iterator[tuple[float, float]]:
    """The limits of each bucket.

    quantize labels a bucket by the limit nearest to zero and doubles it; lquantize and llquantize label it by its
    lower limit, and the next label is its upper one.  A last label without a follower stands on an empty bucket:
    it is given the width of the one before it.
    """
    values = [int(label.lstrip("<>= ")) for label in labels]
    doubling = may_double and all(label[0] not in "<>" for label in labels) and _doubling(values)
    for place, (label, value) in enumerate(zip(labels, values, strict=True)):
        if label.startswith("<"):
            yield -math.inf, value
        elif label.startswith(">"):
            yield value, math.inf
        elif doubling and value < 0:
            yield 2 * value, value
        elif doubling:
            yield value, 2 * value or 1
        elif place + 1 < len(values):
            yield value, values[place + 1]
        else:
            yield value, value + (value - values[place - 1] if place else 1)


def _doubling(values: list[int]) -> bool:
    """Whether the labels are those of quantize: …, -2, -1, 0, 1, 2, 4, … or a piece of it."""
    ranks = []
    for value in values:
        size = abs(value)
        if size & (size - 1):
            return False
        ranks.append(math.copysign(size.bit_length(), value))
    return all(after - before == 1 for before, after in pairwise(ranks))
