"""The columns of the records of one tag, as the log's #fields line names them."""

from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
from lark import Lark

from analyzer.ingest.grammar import load_grammar, terminal

TEXT = pa.dictionary(pa.int32(), pa.string())
ARROW_TYPES = {
    "time": pa.int64(),
    "ns": pa.int64(),
    "int": pa.int64(),
    "addr": pa.uint64(),
    "bits": pa.uint64(),
    "str": TEXT,
    "stack": TEXT,
}


@dataclass(frozen=True)
class RecordType:
    """One #fields line.

    Attributes:
        tag: capital letters, "F".
        columns: (name, type) in the log's order; a type that this reader does not know is read as `str`.
    """

    tag: str
    columns: tuple[tuple[str, str], ...]

    def __reduce__(self) -> tuple[type, tuple[object, ...]]:
        """Without the parser, which the receiver makes again."""
        return RecordType, (self.tag, self.columns)

    @property
    def has_stack(self) -> bool:
        """Whether frames follow the line: such a record is read by lark."""
        return any(kind == "stack" for _, kind in self.columns)

    @cached_property
    def on_line(self) -> tuple[tuple[str, str], ...]:
        """The columns that stand on the record's own line."""
        return tuple(column for column in self.columns if column[1] != "stack")

    @cached_property
    def schema(self) -> pa.Schema:
        return pa.schema([(name, ARROW_TYPES[kind]) for name, kind in self.columns])

    @cached_property
    def parser(self) -> Lark:
        """The LALR parser of one line: the grammar's terminals in the order of #fields."""
        terms = " TAB ".join(["_TAG", *(kind.upper() + "?" * (kind == "str") for _, kind in self.on_line)])
        return load_grammar("vmtrace", "record", f'\nrecord: {terms}\n_TAG: "{self.tag}"\n')

    @cached_property
    def pattern(self) -> str:
        """A regular expression of whole lines with their newlines, one or more, made of the same terminals."""
        parts = [self.tag]
        for _, kind in self.on_line:
            text = terminal("vmtrace", kind.upper(), "value")
            parts.append(f"(?:{text})?" if kind == "str" else f"(?:{text})")
        return "^(?:" + "\t".join(parts) + "\n)+$"


def record_type(tag: str, columns: list[tuple[str, str]]) -> RecordType:
    """The record type of a #fields line."""
    return RecordType(tag, tuple((name, kind if kind in ARROW_TYPES else "str") for name, kind in columns))


# The kernel's word when it panics, from clauses that printed no #fields of their own.
UNDECLARED = {
    "P": record_type(
        "P",
        [("ts", "time"), ("cpu", "int"), ("pid", "int"), ("tid", "int"), ("message", "str"), ("execname", "str")],
    )
}
