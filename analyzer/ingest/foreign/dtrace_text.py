"""What dtrace(1) prints for scripts and one-liners that are not vmtrace's: rows, flow, aggregations, free text."""

import re
from collections.abc import Callable
from functools import cache

import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.aggregations import Row, read_rows, rows_table
from analyzer.ingest.foreign.handler_faults import HandlerFaults
from analyzer.ingest.grammar import Node, load_grammar, terminal
from analyzer.ingest.lines import whole_lines
from analyzer.ingest.messages import PREFIX, parse_message
from analyzer.ingest.parsed import Notice, Parsed


def parse_dtrace(data: bytes, bulk: bool = True) -> Parsed:
    """dtrace(1)'s text: default rows, -F, what scripts print with -q, aggregations, stacks, messages.

    Tables, as far as there is something for them:
    D: records (line, cpu, id, function, name, depth, v1…, text, stack): values in columns v1…, int64 where all are
        numbers; `depth` with -F only; `text` where a record's values are not in columns, but printf()'s.
    F: faults, where entry and return of the handler were traced (see `HandlerFaults`).
    A1, A2, …: aggregations (key1…, a stack innermost frame first with newlines; value, or low, high, count).  Rows
        that follow each other with keys of the same kinds stand in one table, up to a key that comes again: dtrace
        prints no name.
    TEXT: all other lines (line, text, stack); PAIRS: those of them that are `name=value` pairs, one column a name;
        FIELDS: those with tabs, columns f1….
    A last line without its newline was cut: it is left out, with a Notice "cut".  Without `bulk` lark reads every line.
    """
    lines, notices = whole_lines(data)
    records: list[dict] = []
    texts: list[dict] = []
    aggregated: list[str] = []
    numbers: list[int] = []
    read = _record_bulk if bulk else _record_lark
    owner: dict | None = None
    for number, line in enumerate(lines, 1):
        notice = parse_message(line, number, None) if line.startswith(PREFIX) else None
        if notice is not None:
            notices.append(notice)
            continue
        record = read(line)
        kind = _aggregated(line) if record is None else None
        if owner is not None and kind == "frame":
            owner["stack"] = "\n".join(filter(None, (owner["stack"], line.strip())))
            continue
        owner = None
        if record is not None:
            owner = {"line": number, "stack": None, **record} if record else None
            records += [owner] if owner else []
        elif kind or not line.strip():
            aggregated.append(line)
            numbers.append(number)
        else:
            owner = {"line": number, "text": line, "stack": None}
            texts.append(owner)
    if numbers and numbers[-1] == len(lines) and _aggregated(aggregated[-1]) == "bucket":
        notices.append(Notice(len(lines), "cut", 1, "", "no empty line ends the last distribution: it may be cut"))
    _give_back_keys(texts, aggregated, numbers)
    rows, unread = read_rows(aggregated, numbers)
    tables = {}
    if records:
        tables["D"] = _records_table(records)
    paired = HandlerFaults()
    faults = paired.take(records)
    if faults is not None:
        tables["F"] = faults
    tables |= aggregation_tables(rows)
    if texts:
        tables |= _texts(texts)
    notices = sorted([*notices, *paired.notices()], key=lambda notice: notice.line)
    return Parsed(tables, {"format": "dtrace"}, notices, unread)


@cache
def _pattern(*names: str) -> re.Pattern:
    """A regex with a group for each of the grammar's terminals `names`; one that ends in `?` may be missing."""
    parts = []
    for name in names:
        bare = name.rstrip("?")
        parts.append(f"(?P<{bare.strip('_')}>{terminal('dtrace', bare, 'line')}){name[len(bare) :]}")
    return re.compile("".join(parts))


def _record_bulk(line: str) -> dict | None:
    """A record; an empty dict for a header; None for another line."""
    if match := _pattern("CPU", "ID", "PROBE", "REST?").fullmatch(line):
        return _record(match["CPU"], match["ID"], match["PROBE"], None, match["REST"], _values_bulk)
    if match := _pattern("CPU", "ARROW", "PLACE", "REST?").fullmatch(line):
        return _record(match["CPU"], None, match["PLACE"], match["ARROW"], match["REST"], _values_bulk)
    if _pattern("_HEADER").fullmatch(line) or _pattern("_FLOW_HEADER").fullmatch(line):
        return {}
    return None


def _record_lark(line: str) -> dict | None:
    """The same by lark alone."""
    try:
        tree: Node = load_grammar("dtrace", "line").parse(line).children[0]
    except UnexpectedInput:
        return None
    parts = {token.type: str(token) for token in tree.children}
    if not parts:
        return {}
    place = parts["PROBE"] if "PROBE" in parts else parts["PLACE"]
    return _record(parts["CPU"], parts.get("ID"), place, parts.get("ARROW"), parts.get("REST"), _values_lark)


def _record(
    cpu: str,
    probe: str | None,
    place: str,
    arrow: str | None,
    rest: str | None,
    read_values: Callable[[str], list[int | str] | None],
) -> dict:
    function, colon, name = place.strip().rpartition(":")
    if arrow is not None and not colon:
        function, name = place.strip(), "entry" if arrow.endswith(">") else "return"
    values = read_values(rest[1:]) if rest else []  # a blank ends the prefix
    return {
        "cpu": int(cpu),
        "id": None if probe is None else int(probe),
        "function": function,
        "name": name,
        "depth": None if arrow is None else max(0, len(arrow) - len(arrow.lstrip()) - 2) // 2,
        "values": values or [],
        "text": rest.strip() if rest and values is None else None,
    }


@cache
def _value_pattern() -> re.Pattern:
    number, string, blanks = (terminal("dtrace", name, "values") for name in ("NUMBER", "STRING", "_BLANKS"))
    return re.compile(f"(?P<STRING>{string})|(?P<NUMBER>{number})|(?:{blanks})$")


def _values_bulk(rest: str) -> list[int | str] | None:
    """What trace() printed behind a probe; None where it is another text."""
    values: list[int | str] = []
    place = 0 if rest.strip() else len(rest)
    while place < len(rest):
        match = _value_pattern().match(rest, place)
        if match is None:
            return None
        place = match.end()
        if match["NUMBER"]:
            values.append(int(match["NUMBER"]))
        elif match["STRING"]:
            values.append(match["STRING"].strip())
    return values


def _values_lark(rest: str) -> list[int | str] | None:
    """The same by lark alone."""
    try:
        tree: Node = load_grammar("dtrace", "values").parse(rest) if rest.strip() else None
    except UnexpectedInput:
        return None
    tokens = tree.children if tree else []
    return [int(token) if token.type == "NUMBER" else str(token).strip() for token in tokens]


@cache
def _aggregation_patterns() -> dict[str, re.Pattern]:
    def whole(*names: str) -> re.Pattern:
        parts = "|".join(f"(?:{terminal('aggregation', name, 'line')})" for name in names)
        return re.compile(parts)

    return {"header": whole("_HEADER"), "bucket": whole("LABEL"), "frame": whole("FRAME")}


def _aggregated(line: str) -> str | None:
    """Which line of an aggregation this is: header, bucket, frame or columns; None for another one."""
    if not line.startswith(" "):
        return None
    for kind, pattern in _aggregation_patterns().items():
        if pattern.match(line):
            return kind
    return "columns" if _columns().fullmatch(line) else None


@cache
def _columns() -> re.Pattern:
    number, string = (terminal("aggregation", name, "line") for name in ("NUMBER", "STRING"))
    return re.compile(f"(?:(?:{number})|(?:{string}))+ *")


def _give_back_keys(texts: list[dict], aggregated: list[str], numbers: list[int]) -> None:
    """A text just before a distribution is its key: printa("path %d%@d") prints no columns."""
    by_line = {text["line"]: text for text in texts}
    header = _aggregation_patterns()["header"]
    for place in range(len(numbers) - 1, -1, -1):
        before = numbers[place] - 1
        if header.match(aggregated[place]) and before in by_line:
            texts.remove(by_line[before])
            aggregated.insert(place, f"  {by_line[before]['text'].strip():<50}")
            numbers.insert(place, before)


def _records_table(records: list[dict]) -> pa.Table:
    count = max(len(record["values"]) for record in records)
    table = {name: [record[name] for record in records] for name in ("line", "cpu", "id", "function", "name", "depth")}
    kinds = {name: pa.string() if name in ("function", "name") else pa.int64() for name in table}
    table = {name: pa.array(column, kinds[name]) for name, column in table.items()}
    for place in range(count):
        column = [record["values"][place] if place < len(record["values"]) else None for record in records]
        table[f"v{place + 1}"] = typed(column)
    for name in ("text", "stack"):
        table[name] = pa.array([record[name] for record in records], pa.string())
    return pa.table(table)


def typed(column: list) -> pa.Array:
    """int64 where all values are numbers that fit, else strings."""
    known = [value for value in column if value is not None]
    if all(isinstance(value, int) and -(2**63) <= value < 2**63 for value in known):
        return pa.array(column, pa.int64())
    return pa.array([None if value is None else str(value) for value in column], pa.string())


def aggregation_tables(rows: list[Row]) -> dict[str, pa.Table]:
    """A table for each run of rows of one form; a key that comes again is of another aggregation or another print."""
    tables: dict[str, pa.Table] = {}
    run: list[Row] = []
    keys: set[tuple] = set()
    for row in [*rows, None]:
        if run and (row is None or _form(row) != _form(run[0]) or row.keys in keys):
            form, stacks, spread = _form(run[0])
            names = ["stack" if place in stacks[:1] else f"key{place + 1}" for place in range(len(form))]
            integers = frozenset(name for name, kind in zip(names, form, strict=True) if kind is int)
            tables[f"A{len(tables) + 1}"] = rows_table(run, names, integers, "quantize" if spread else "value")
            run, keys = [], set()
        if row is not None:
            run.append(row)
            keys.add(row.keys)
    return tables


def _form(row: Row) -> tuple[tuple[type, ...], tuple[int, ...], bool]:
    return tuple(type(key) for key in row.keys), row.stack_at, row.buckets is not None


def _texts(texts: list[dict]) -> dict[str, pa.Table]:
    columns = {"line": pa.int64(), "text": pa.string(), "stack": pa.string()}
    tables = {
        "TEXT": pa.table({name: pa.array([text[name] for text in texts], kind) for name, kind in columns.items()})
    }
    pairs = [text for text in texts if _is_pairs(text["text"])]
    if pairs:
        found = [dict(part.split("=", 1) for part in text["text"].split()) for text in pairs]
        names = list(dict.fromkeys(name for each in found for name in each))
        columns = {name: _converted([each.get(name) for each in found]) for name in names}
        tables["PAIRS"] = pa.table({"line": pa.array([text["line"] for text in pairs], pa.int64()), **columns})
    tabbed = [text for text in texts if "\t" in text["text"] and text not in pairs]
    if tabbed:
        found = [text["text"].split("\t") for text in tabbed]
        width = max(map(len, found))
        columns = {
            f"f{place + 1}": _converted([each[place] if place < len(each) else None for each in found])
            for place in range(width)
        }
        tables["FIELDS"] = pa.table({"line": pa.array([text["line"] for text in tabbed], pa.int64()), **columns})
    return tables


def _is_pairs(text: str) -> bool:
    pair, blanks = (terminal("dtrace", name, "pairs") for name in ("PAIR", "_BLANKS"))
    return re.fullmatch(f"{pair}(?:{blanks}{pair})*", text.strip()) is not None


def _converted(column: list[str | None]) -> pa.Array:
    """Texts as int64 where all of them are whole numbers (0x for hexadecimal), else as they are."""
    try:
        return typed([None if value is None else int(value, 0) for value in column])
    except ValueError:
        return pa.array(column, pa.string())
