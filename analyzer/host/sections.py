"""The rows of aggregations, from a log's lines as they pass (docs/log-format.md)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

_BEGIN = b"#aggregation\t"
_RECORD = re.compile(rb"[A-Z]+\t")
_BUCKET = re.compile(rb" +(<|>=)? *(-?\d+) +\|[@ ]* (\d+) *$")
_FRAME = b" " * 14


@dataclass(frozen=True)
class Row:
    """One row.

    Attributes:
        section: the aggregation's name.
        keys: by column, as they are printed, without the NUL that ends a string of DTrace's.
        value: what was added.
        low: of a bucket its lower bound, None for a row that is none.
    """

    section: str
    keys: dict[str, str]
    value: int
    low: int | None = None


class Sections:
    """Reads on where the last piece ended.

    Attributes:
        within: whether a section has begun and not ended: the next piece may have more of it.
    """

    def __init__(self) -> None:
        self.within = False
        self._name = ""
        self._columns: list[str] = []  # those of the keys
        self._buckets = False
        self._stack = False
        self._keys: dict[str, str] = {}

    def rows(self, data: bytes) -> Iterator[Row]:
        """Of whole lines, the rows that they complete."""
        if not self.within and _BEGIN not in data:
            return
        for line in data.split(b"\n"):
            if line.startswith(b"#"):
                self._begin(line)
            elif _RECORD.match(line):
                self.within = False
            elif self.within and line:
                row = self._row(line)
                if row is not None:
                    yield row

    def _begin(self, line: bytes) -> None:
        self.within = line.startswith(_BEGIN)
        if self.within:
            _, self._name, *self._columns, last = line.decode("ascii", "replace").split("\t")
            self._buckets, self._stack, self._keys = last.endswith("quantize"), "stack" in self._columns, {}

    def _row(self, line: bytes) -> Row | None:
        if self._buckets:
            return self._bucket(line)
        if not self._stack:
            *keys, value = line.split(b"\t")
            return Row(self._name, self._named(keys), int(value)) if value.isdigit() else None
        if line.startswith(_FRAME) and not line.strip().isdigit():
            return None
        words = line.split()
        if len(words) == 1 and words[0].isdigit():
            return Row(self._name, self._keys, int(words[0]))
        self._keys = self._named(words)
        return None

    def _bucket(self, line: bytes) -> Row | None:
        if not line.startswith(b" "):
            self._keys = self._named(line.split(b"\t"))
            return None
        match = _BUCKET.match(line)
        if match is None or not int(match[3]):  # the block's header, or an empty bucket
            return None
        return Row(self._name, self._keys, int(match[3]), 0 if match[1] == b"<" else int(match[2]))

    def _named(self, keys: list[bytes]) -> dict[str, str]:
        texts = (key.decode("ascii", "replace").removesuffix("\\0") for key in keys)
        return dict(zip(self._columns, texts, strict=False))  # a stack has no word of its own
