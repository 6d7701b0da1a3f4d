"""What no input may break."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from analyzer.ingest.parsed import Parsed

from .corpus import split

_PLACES = frozenset({"line", "row", "element", "item", "fault_line"})


class Broken(AssertionError):
    """A law that an input breaks, in words."""


def same(one: Parsed, other: Parsed, what: str) -> None:
    """Two ways to read one text give the same."""
    if one.tables.keys() != other.tables.keys():
        raise Broken(f"{what}: tables {sorted(one.tables)} and {sorted(other.tables)}")
    for tag, table in one.tables.items():
        if table.schema.names != other.tables[tag].schema.names:
            raise Broken(f"{what}: columns of {tag}")
        if rows(table) != rows(other.tables[tag]):
            raise Broken(f"{what}: rows of {tag}: {rows(table)} and {rows(other.tables[tag])}")
    if one.meta != other.meta:
        raise Broken(f"{what}: directives {one.meta} and {other.meta}")
    if one.notices != other.notices:
        raise Broken(f"{what}: notices {one.notices} and {other.notices}")
    if [line.line for line in one.unread] != [line.line for line in other.unread]:
        raise Broken(f"{what}: unread {one.unread} and {other.unread}")


def rows(table: pa.Table) -> list[dict[str, Any]]:
    """The rows by their lines: which gear read a line first is nobody's business."""
    table = table.sort_by("line") if "line" in table.column_names else table
    return [{name: repr(value) for name, value in row.items()} for row in table.to_pylist()]


def speaks_of_every_line(read: Callable[[bytes], Parsed], silent: re.Pattern[bytes], data: bytes, place: int) -> None:
    """A line that is taken away is missing in what is read: none goes by unseen.

    `silent` are lines that say nothing by themselves: headings, what the same line before it said.  What a cut left
    of the last line is not asked for, nor a text of which something is unread: a row of many lines is refused as one.
    """
    lines = split(data[: data.rfind(b"\n") + 1])
    line = lines.pop(place)
    if not line.strip() or silent.match(line) or line in lines:
        return
    whole = read(data)
    if not whole.unread and _said(whole) == _said(read(b"".join(lines))):
        raise Broken(f"nothing is said of the line {line!r}")


def says_it_is_cut(parsed: Parsed, data: bytes) -> None:
    """A text that ends inside a line is one of which the end is missing."""
    if data and not data.endswith(b"\n") and not parsed.unread and "cut" not in {each.kind for each in parsed.notices}:
        raise Broken(f"nothing is said of the cut in {data[-60:]!r}")


def _said(parsed: Parsed) -> tuple[object, ...]:
    """All that was read but for the numbers of the lines."""
    tables = {
        tag: sorted(repr([value for name, value in row.items() if name not in _PLACES]) for row in table.to_pylist())
        for tag, table in parsed.tables.items()
    }
    notices = [(each.kind, each.count, each.where, each.text, each.after_ts) for each in parsed.notices]
    return tables, parsed.meta, notices, [each.text for each in parsed.unread]
