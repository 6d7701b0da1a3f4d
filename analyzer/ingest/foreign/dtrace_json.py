"""dtrace's structured output, `-x oformat=json` of FreeBSD 15 and late 14.

Its shape: docs/freebsd-vm-tracing.md, 7.7, and what a live 15.0 prints, 13.14.
"""

import json
from collections.abc import Iterable, Iterator

import pyarrow as pa

from analyzer.ingest.aggregations import Row, rows_table
from analyzer.ingest.foreign.handler_faults import HANDLERS, HandlerFaults
from analyzer.ingest.foreign.json_stream import Piece, pieces, with_twins
from analyzer.ingest.foreign.json_values import Measure, NotUnderstoodError, measures, members, output, whole
from analyzer.ingest.messages import PREFIX, parse_message, read_message, split_message
from analyzer.ingest.parsed import Notice, Parsed, Unread

_PART = 50_000  # elements that are held at once
_SHOWN = 200  # characters of what could not be read
_PROBE = pa.schema(
    [
        ("element", pa.int64()),
        ("ts", pa.int64()),
        ("cpu", pa.int64()),
        ("id", pa.int64()),
        ("provider", pa.string()),
        ("module", pa.string()),
        ("function", pa.string()),
        ("name", pa.string()),
    ]
)
_OUTPUT = pa.schema(
    [
        ("element", pa.int64()),
        ("item", pa.int64()),
        ("kind", pa.string()),
        ("number", pa.int64()),
        ("text", pa.string()),
    ]
)
_MEMBER = pa.schema(
    [
        ("element", pa.int64()),
        ("item", pa.int64()),
        ("name", pa.string()),
        ("type", pa.string()),
        ("number", pa.uint64()),
        ("text", pa.string()),
    ]
)
_TEXT = pa.schema([("line", pa.int64()), ("text", pa.string())])
_OWN_SCRIPT = "#vmtrace\t"
_FIRING = ("timestamp", "output", "provider", "function")


def parse_oformat(chunks: Iterable[bytes]) -> Iterator[Parsed]:
    """The JSON as it comes, in parts of at most _PART elements.  Every place is counted in elements, from 1.

    J: firings (element, ts, cpu, id, provider, module, function, name); ts is the time of output, not of the firing.
    V: what they put out (element, item, kind, number, text); kind "value" (of trace or of a printf argument, `number`
        where it is one), "message" (printf's text), "stack", "ustack", "sym", "usym", "mod", "umod", "tracemem".
    PRINT: print()'s types by member (element, item, name, type, number, text).
    A1, A2, …: aggregations (aggregation, function, print, key1…, a stack innermost frame first with newlines; value,
        or low, high, count).  `print` numbers how often that aggregation was printed: without clear() or trunc() each
        time holds what the one before held.  With -O there are no names: "unnamed 1", "unnamed 2", … in the order of
        output.
    F: faults, where the handler's entry and return are among the probes (see `HandlerFaults`).
    TEXT: lines of other programs (line, text).
    Messages and DROP elements are Notices, wherever they stand.  What is no JSON, or none that is known, is in
    `unread`; a text that ends inside the list gives a Notice "cut".
    """
    reader = _Reader()
    for piece in pieces(chunks):
        reader.read(piece)
        if reader.held == _PART:
            yield reader.part()
    yield reader.part(last=True)


class _Reader:
    """Rows of all tables, gathered piece by piece."""

    def __init__(self) -> None:
        self._number = 0
        self._last: int | None = None
        self._faults = HandlerFaults()
        self._prints: dict[str, int] = {}
        self._nameless = _Nameless()
        self._tags: dict[tuple, str] = {}
        self._clear()

    def _clear(self) -> None:
        self.held = 0
        self._probes: list[tuple] = []
        self._outputs: list[tuple] = []
        self._members: list[tuple] = []
        self._records: list[dict] = []
        self._texts: list[tuple] = []
        self._rows: dict[tuple, list[Row]] = {}
        self._notices: list[Notice] = []
        self._unread: list[Unread] = []

    def read(self, piece: Piece) -> None:
        if piece.kind == "element":
            for message in piece.messages:
                self._text(message)
            self._number += 1
            self.held += 1
            self._element(piece)
        elif piece.kind == "text":
            self._text(piece.text)
        elif piece.kind == "broken":
            for line in piece.text.split("\n"):
                self._message(split_message(line)[1])
            self._refuse(piece.at, piece.text, "an element of the list of probes", len(piece.text))
        else:
            self._notices.append(Notice(self._number + 1, "cut", 1, "", piece.text, self._last))

    def part(self, last: bool = False) -> Parsed:
        """What was read since the last part."""
        tables = {"J": _table(self._probes, _PROBE), "V": _table(self._outputs, _OUTPUT)}
        if self._members:
            tables["PRINT"] = _table(self._members, _MEMBER)
        faults = self._faults.take(self._records)
        if faults is not None:
            tables["F"] = faults
        for key, rows in self._rows.items():
            tables[self._tags.setdefault(key, f"A{len(self._tags) + 1}")] = _aggregation(key, rows)
        if self._texts:
            tables["TEXT"] = _table(self._texts, _TEXT)
        notices = [*self._notices, *(self._faults.notices() if last else [])]
        parsed = Parsed(tables, {"format": "dtrace-json", "time": "output"}, notices, self._unread)
        self._clear()
        return parsed

    def _refuse(self, at: int, text: str, expected: str, length: int = 0) -> None:
        self._unread.append(Unread(self._number + 1, at + 1, text[:_SHOWN], expected, length))

    def _text(self, line: str) -> None:
        text, message = split_message(line.rstrip("\n"))
        self._message(message)
        if text.strip():
            self._texts.append((self._number + 1, text))

    def _message(self, message: str) -> None:
        if message:
            self._notices.append(read_message(message, self._number + 1, self._last))

    def _element(self, piece: Piece) -> None:
        element = piece.element or {}
        if element.get("provider") == "dtrace" and element.get("name") == "DROP":
            self._notices.append(_drop(self._number, element, self._last))
        elif "keys" in element and not any(name in element for name in _FIRING):
            try:
                for measure in measures(element):
                    self._keep(self._nameless.name(measure), 1, measure)
            except NotUnderstoodError as error:
                self._refuse(piece.at, str(error), error.expected)
        else:
            self._firing(element, piece)

    def _firing(self, element: dict, piece: Piece) -> None:
        number = self._number
        self._last = whole(element.get("timestamp"))
        where = tuple(str(element.get(name, "")) for name in ("provider", "module", "function", "name"))
        self._probes.append((number, self._last, whole(element.get("cpu")), whole(element.get("id")), *where))
        values: list[int | str] = []
        items = element.get("output", [])
        if not isinstance(items, list):
            self._refuse(piece.at, json.dumps(items), "a list of what actions put out")
            items = []
        if any(isinstance(item, dict) and "aggregation-data" in item for item in items):
            items = with_twins(piece.text)["output"]
        for place, item in enumerate(items, 1):
            try:
                values += self._item(number, place, item)
            except NotUnderstoodError as error:
                self._refuse(piece.at, str(error), error.expected)
        if where[2] in HANDLERS:
            record = {"line": number, "cpu": whole(element.get("cpu")), "function": where[2], "name": where[3]}
            self._records.append(record | {"values": values})

    def _item(self, number: int, place: int, item: object) -> list[int | str]:
        """Keep one thing that was put out; it as a list where it is a value."""
        if isinstance(item, dict) and "aggregation-data" in item:
            self._printed(item)
        elif isinstance(item, dict) and "type" in item:
            self._members += [(number, place, *member) for member in members(item)]
        else:
            found = output(item)
            self._outputs.append((number, place, *found))
            if found.kind == "message" and str(found.text).startswith(_OWN_SCRIPT):
                words = "a script of vmtrace printed JSON: record with vmtrace collect, or without oformat"
                self._notices.append(Notice(number, "as-json", 1, "", words, self._last))
            if found.kind == "value":
                return [str(found.text) if found.number is None else found.number]
        return []

    def _printed(self, item: dict) -> None:
        """What one printa() put out."""
        name = str(item.get("aggregation-name", ""))
        self._prints[name] = self._prints.get(name, 0) + 1
        data = item["aggregation-data"]
        if not isinstance(data, list):
            raise NotUnderstoodError(item, "the rows of an aggregation")
        for row in data:
            for measure in measures(row):
                self._keep(name, self._prints[name], measure)

    def _keep(self, name: str, printed: int, measure: Measure) -> None:
        key = (name, measure.function, tuple(type(key) for key in measure.keys), measure.stack_at)
        row = Row(self._number, (printed, *measure.keys), (), measure.value, measure.buckets)
        self._rows.setdefault((*key, measure.buckets is not None), []).append(row)


class _Nameless:
    """The aggregations of -O: dtrace prints one after the other and gives no names."""

    def __init__(self) -> None:
        self._count = 0
        self._form: tuple = ()
        self._keys: set[tuple] = set()

    def name(self, measure: Measure) -> str:
        """Which of them a row is of: where its form is another, or a key comes again, the next one has begun."""
        form = (measure.function, tuple(type(key) for key in measure.keys), measure.stack_at)
        if form != self._form or measure.keys in self._keys:
            self._count += 1
            self._form, self._keys = form, set()
        self._keys.add(measure.keys)
        return f"unnamed {self._count}"


def _table(rows: list[tuple], schema: pa.Schema) -> pa.Table:
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    return pa.table([pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)], schema)


def _aggregation(key: tuple, rows: list[Row]) -> pa.Table:
    name, function, kinds, stacks, spread = key
    keys = ["stack" if place in stacks[:1] else f"key{place + 1}" for place in range(len(kinds))]
    integers = frozenset(["print", *(each for each, kind in zip(keys, kinds, strict=True) if kind is int)])
    table = rows_table(rows, ["print", *keys], integers, "quantize" if spread else "value")
    for column, text in (("function", function), ("aggregation", name)):
        table = table.add_column(0, column, pa.array([text] * len(table), pa.string()))
    return table


def _drop(number: int, element: dict, last: int | None) -> Notice:
    """The message is the one that text output has; its words tell the kind."""
    text = str(element.get("msg", "")).strip()
    said = parse_message(text if text.startswith(PREFIX) else PREFIX + text, number, last)
    kind = said.kind if said is not None and said.kind != "unknown" else "drop"
    count = whole(element.get("count"))
    return Notice(number, kind, 1 if count is None else count, said.where if said else "", text, last)
