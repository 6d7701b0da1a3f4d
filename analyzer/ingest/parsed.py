"""What every parser gives back, whatever text it reads."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

EXPLAINED = 25  # refused lines of a block that lark explains, at a third of a millisecond; of more the place is kept


@dataclass(frozen=True)
class Notice:
    """Something the tracer said about itself, or the reader about the log.

    Attributes:
        line: its line in the file, from 1.
        kind: "drop", "dynamic-variable-drop", "aggregation-drop", "speculation-drop", "error", "aborted",
            "buffer-lowered", "no-trailer", "cut", … ; `GAPS` in analysis/coverage.py says which of them are gaps.
        count: how many things were lost, 1 where it is not a count.
        where: "CPU 1", a probe, a file; empty where there is none.
        text: the message as it was printed.
        after_ts: timestamp (ns) of the last record before it, None where no record stood before.
    """

    line: int
    kind: str
    count: int
    where: str
    text: str
    after_ts: int | None = None


@dataclass(frozen=True)
class Unread:
    """Some text that could not be understood: nothing of it is in any table.

    Attributes:
        line, column: where it begins.
        text: it, or its beginning.
        expected: what was looked for.
        length: how many characters it has, with its end, where `text` is only its beginning.
        lines: how many lines, one after the other, it stands for; of a flood of them the place is kept.
    """

    line: int
    column: int
    text: str
    expected: str
    length: int = 0
    lines: int = 1

    @property
    def size(self) -> int:
        """How many bytes of the file it is."""
        return self.length or len(self.text.encode(errors="replace")) + 1


def count_unread(unread: Iterable[Unread]) -> int:
    """How many lines could not be understood."""
    return sum(each.lines for each in unread)


@dataclass
class Parsed:
    """One text, or one block of a text, as tables.

    Attributes:
        tables: pyarrow Tables by record tag ("F", "M", … of docs/log-format.md, or the tags of another format).
        meta: directives and what else is known of the whole: "script", "osreldate", "host.uname", ….
        notices, unread: as above, in the order of lines.
        last_ts: timestamp (ns) of the record that stands last, None where none has one.
    """

    tables: dict[str, pa.Table] = field(default_factory=dict)
    meta: dict[str, Any] = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    last_ts: int | None = None


def merged_meta(metas: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The directives of several parts as one; of the same directive the first stays."""
    merged: dict[str, Any] = {}
    for meta in metas:
        for key, value in meta.items():
            if isinstance(value, dict):
                merged[key] = {**value, **merged.get(key, {})}
            else:
                merged.setdefault(key, value)
    return merged


def damage_notice(damage: str, after_ts: int | None = None) -> Notice:
    """What is to be said of a file that ends before its time (Source.damage)."""
    return Notice(0, "cut", 1, "", damage, after_ts)
