"""What a file holds, counted while it goes by: a file larger than memory can be inspected."""

from dataclasses import dataclass, field
from typing import Any

import pyarrow.compute as pc

from analyzer.format import count, share
from analyzer.ingest.parsed import Unread, count_unread, merged_meta
from analyzer.ingest.read import parts
from analyzer.ingest.sources import Source

_TEXT = "TEXT"  # the table of lines that are no records of the format
_UNREAD_KEPT = 10_000


@dataclass
class Inspected:
    """What there is of a file.

    Attributes:
        tables: by tag the number of rows and the names of the columns.
        notices: by kind how many.
        unread: the first of them; `unread_count` counts all, `unread_size` their bytes.
        text_size: bytes that were kept as text and are no records.
        size: bytes of the text in all.
    """

    meta: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    notices: dict[str, int] = field(default_factory=dict)
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0
    unread_size: int = 0
    text_size: int = 0
    size: int = 0

    def shares(self) -> str:
        """What share of the bytes went into records and messages, and what of the rest became."""
        if not self.size:
            return "0 bytes"
        text, unread = min(self.text_size, self.size), min(self.unread_size, self.size - self.text_size)
        understood = self.size - text - unread
        return (
            f"{share(understood / self.size)} of {count(self.size)} bytes went into records and messages, "
            f"{share(text / self.size)} are kept as text, {share(unread / self.size)} were not understood"
        )


def inspect_source(source: Source, name: str) -> Inspected:
    """What a file of the format `name` holds."""
    found = Inspected()
    for parsed in parts(source, name):
        found.meta = merged_meta([found.meta, parsed.meta])
        for tag, table in parsed.tables.items():
            rows, columns = found.tables.get(tag, (0, ()))
            found.tables[tag] = rows + len(table), columns or tuple(table.column_names)
        for notice in parsed.notices:
            found.notices[notice.kind] = found.notices.get(notice.kind, 0) + 1
        found.unread += parsed.unread[: _UNREAD_KEPT - len(found.unread)]
        found.unread_count += count_unread(parsed.unread)
        found.unread_size += sum(line.size for line in parsed.unread)
        if _TEXT in parsed.tables:
            lines = parsed.tables[_TEXT]["text"]
            found.text_size += len(lines) + (pc.sum(pc.binary_length(lines)).as_py() or 0)
    found.unread_size += source.skipped
    found.size = source.text_size
    return found
