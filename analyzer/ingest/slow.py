"""The slow gear: lark reads directives, stacks, messages, and every line that the fast gear refused."""

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import pyarrow as pa
from lark import Token
from lark.exceptions import UnexpectedInput

from analyzer.ingest.blocks import parse_directive, record_type_of
from analyzer.ingest.escapes import unescape
from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.messages import PREFIX, read_message
from analyzer.ingest.parsed import EXPLAINED, Notice, Unread
from analyzer.ingest.records import RecordType

_SHOWN = 200  # characters of a line that could not be read
INDENT = " " * 14


def _decimal(text: str) -> int:
    """A whole number; zeros before it count for Python's limit of digits."""
    return int(text[: text.startswith("-")] + (text.lstrip("-0") or "0"))


_CONVERT: dict[str, Callable[[str], object]] = {
    "TIME": _decimal,
    "NS": _decimal,
    "INT": _decimal,
    "ADDR": lambda text: int(text, 16),
    "BITS": lambda text: int(text, 16),
    "STR": unescape,
}

# Directives that have a line for each thing: what narrows, what traced, what hangs, what --then printed.
_JOINED = {"host.filter": "\t", "host.self": "\t", "host.left": "\n", "host.then": "\n"}


class SlowReader:
    """Reads lines one by one and keeps what it found.

    Attributes:
        records: the record types that hold for the next line.
        rows: for each record type the rows so far, each {column: value} with `line`.
        meta, notices, unread: as in Parsed.
    """

    def __init__(self, records: dict[str, RecordType], columns: Mapping[str, Collection[str]] | None = None) -> None:
        self._columns = columns
        self.records = dict(records)
        self.rows: dict[RecordType, list[dict[str, Any]]] = {}
        self.meta: dict[str, Any] = {}
        self.notices: list[Notice] = []
        self.unread: list[Unread] = []
        self._stack: list[str] = []  # frames of the record that is open
        self._stack_line = -1  # the line up to which nothing has closed it

    def read(self, line: int, text: str) -> None:
        """Read one line; what cannot be understood goes to `unread`."""
        if text.startswith(PREFIX):
            self.notices.append(read_message(text, line, None))
            self._keep_stack_open(line)
            return
        if not text:
            return
        try:
            if text.startswith("#"):
                self._directive(line, text)
            elif text.startswith(INDENT):
                self._frame(line, text)
            else:
                self._record(line, text)
        except UnexpectedInput as error:
            column, expected = expectation(error)
            self.refuse(line, column, text, expected)

    def refuse(self, line: int, column: int, text: str, expected: str) -> None:
        self.refuse_run(line, column, text, expected, len(text) + 1, 1)

    def refuse_run(self, line: int, column: int, text: str, expected: str, length: int, lines: int) -> None:
        """Refuse `lines` lines of `length` characters in all, the first of which is `text`."""
        last = self.unread[-1] if len(self.unread) > EXPLAINED else None
        if last is not None and last.line + last.lines == line:
            self.unread[-1] = replace(last, length=last.length + length, lines=last.lines + lines)
        else:
            self.unread.append(Unread(line, column, text[:_SHOWN], expected, length, lines))

    @property
    def expected(self) -> str:
        """What a line may begin with that is neither directive nor frame nor message."""
        return " or ".join(sorted(self.records)) or "a #fields line before any record"

    def tables(self) -> Iterator[tuple[str, pa.Table]]:
        """The rows so far as tables with their tags, a table for each record type, stacks joined by newlines."""
        return ((kind.tag, _table(kind, rows)) for kind, rows in self.rows.items())

    def _directive(self, line: int, text: str) -> None:
        tree = parse_directive(text)
        if tree.data == "fields":
            kind = record_type_of(tree)
            self.records[kind.tag] = kind
        key, value = directive_value(tree)
        if key == "host.cut":  # the collector's word for a line that dtrace began and did not end
            self.notices.append(Notice(line, "cut", 1, "", text))
        if key == "host.stopped":  # and for a trace that the kernel ended without dtrace saying so
            self.notices.append(Notice(line, "aborted", 1, "", text))
        if isinstance(value, dict):
            self.meta.setdefault(key, {}).update(value)
        elif key in _JOINED and key in self.meta:
            self.meta[key] += f"{_JOINED[key]}{value}"
        else:
            self.meta.setdefault(key, value)

    def _record(self, line: int, text: str) -> None:
        tag = text.partition("\t")[0]
        kind = self.records.get(tag)
        if kind is None:
            self.refuse(line, 1, text, self.expected)
            return
        tokens = _tokens(kind.parser.parse(text), kind)
        for name, token in tokens.items():
            if token is not None and not _fits(token) and (self._columns is None or name in self._columns.get(tag, ())):
                self.refuse(line, token.column or 1, text, "a number of 64 bits")
                return
        row = {name: _value(token) for name, token in tokens.items()}
        row["line"] = line
        if kind.has_stack:
            self._stack = row["stack"] = []
            self._stack_line = line
        self.rows.setdefault(kind, []).append(row)

    def _frame(self, line: int, text: str) -> None:
        if self._stack_line != line - 1:
            self.refuse(line, 1, text, "a record with a stack before a stack's frame")
            return
        load_grammar("vmtrace", "frame").parse(text)
        self._stack.append(text.strip())
        self._stack_line = line

    def _keep_stack_open(self, line: int) -> None:
        if self._stack_line == line - 1:
            self._stack_line = line


def _fits(token: Token) -> bool:
    """Whether a number has 64 bits, with its sign where its type has one."""
    if token.type in ("ADDR", "BITS"):
        return int(token, 16) < 1 << 64
    if token.type not in ("TIME", "NS", "INT"):
        return True
    return len(token.lstrip("-0")) < 20 and -1 << 63 <= _decimal(token) < 1 << 63


def _tokens(tree: Node, kind: RecordType) -> dict[str, Token | None]:
    """The columns of a record; between two TABs stands one value, or nothing where a text is empty."""
    texts: list[Token | None] = []
    for token in tree.children:
        if token.type == "TAB":
            texts.append(None)
        else:
            texts[-1] = token
    return {name: token for (name, _), token in zip(kind.on_line, texts, strict=True)}


def _value(token: Token | None) -> object:
    """A column's value; of a number that nobody wants and that has too many digits, nothing."""
    if token is None:
        return ""
    return _CONVERT[token.type](token) if _fits(token) else None


def _table(kind: RecordType, rows: list[dict[str, Any]]) -> pa.Table:
    columns = {"line": pa.array([row["line"] for row in rows], pa.int64())}
    for field in kind.schema:
        values = [row[field.name] for row in rows]
        if dict(kind.columns)[field.name] == "stack":
            values = ["\n".join(frames) for frames in values]
        if pa.types.is_dictionary(field.type):
            columns[field.name] = pa.array(values, pa.string()).dictionary_encode()
        else:
            columns[field.name] = pa.array(values, field.type)
    return pa.table(columns)


def directive_value(tree: Node) -> tuple[str, object]:
    """A directive as a key of Parsed.meta and its value."""
    tokens = [str(token) for token in tree.scan_values(lambda token: token.type not in ("TAB", "OTHER"))]
    match tree.data:
        case "version" | "osreldate" | "end":
            return str(tree.data), int(tokens[0])
        case "script":
            return "script", tokens[0]
        case "moment":
            return tokens[0], int(tokens[1])
        case "fields":
            return "fields", {tokens[0]: list(zip(tokens[1::2], tokens[2::2], strict=True))}
        case "bits":
            masks = [int(mask, 16) for mask in tokens[1::2]]
            return "bits", {tokens[0]: dict(zip(masks, tokens[2::2], strict=True))}
        case "counter":
            return f"counter.{tokens[0]}", {tokens[1]: int(tokens[2])}
        case "aggregation":
            return "aggregations", {tokens[0]: tokens[1:]}
        case _:
            name = next(str(token) for token in tree.children if token.type == "OTHER")
            if name == "select" and tokens:  # records of that tag are a selection, by a condition
                return name, {tokens[0]: "\t".join(tokens[1:])}
            return name, "\t".join(tokens)
