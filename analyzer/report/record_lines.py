"""Single record lines of a log as text, taken apart by the #fields that stand before them."""

import re

from lark.exceptions import UnexpectedInput

from analyzer.ingest.blocks import parse_directive, record_type_of
from analyzer.ingest.records import RecordType

CLOSING_NUL = "\\0"  # FreeBSD's %S prints it


def learn_fields(records: dict[str, RecordType], line: str) -> None:
    """Add what a #fields line says of its tag; a line that cannot be read adds nothing."""
    try:
        found = record_type_of(parse_directive(line))
    except UnexpectedInput:
        return
    records[found.tag] = found


def cells_of(line: str, records: dict[str, RecordType]) -> list[tuple[str, str, str]]:
    """(column, type, text) of a record; empty where it is none that can be read."""
    tag, *values = line.split("\t")
    kind = records.get(tag)
    if kind is None or re.match(kind.pattern, f"{line}\n") is None:
        return []
    return [(name, type_, value) for (name, type_), value in zip(kind.on_line, values, strict=True)]


def labelled(line: str, records: dict[str, RecordType]) -> str:
    """A record with each value's column before it; any other line as it is."""
    cells = cells_of(line, records)
    named = (f"{name}={value.removesuffix(CLOSING_NUL)}" for name, _, value in cells)
    return " ".join([line.partition("\t")[0], *named]) if cells else line
