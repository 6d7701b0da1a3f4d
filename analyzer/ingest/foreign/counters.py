"""Counters that the kernel keeps itself: sysctl(8), `vmstat -s` and `vmstat -z`."""

from collections.abc import Iterator

import pyarrow as pa
from lark import Tree
from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.lines import whole_lines
from analyzer.ingest.parsed import Parsed, Unread

_COUNTER = pa.schema([("line", pa.int64()), ("name", pa.string()), ("value", pa.int64()), ("text", pa.string())])
_ZONE_COLUMNS = ("size", "limit", "used", "free", "req", "fail", "sleep", "xdomain")
_ZONE = pa.schema([("line", pa.int64()), ("item", pa.string()), *((name, pa.int64()) for name in _ZONE_COLUMNS)])


def parse_sysctl(data: bytes) -> Parsed:
    """`sysctl vm`: COUNTERS (line, name, value, text); value is null and text holds all lines where it is no number."""
    return _counters(data, "sysctl")


def parse_vmstat_s(data: bytes) -> Parsed:
    """`vmstat -s`: COUNTERS (line, name, value, text); text is what stands below a counter."""
    return _counters(data, "vmstat-s")


def parse_vmstat_z(data: bytes) -> Parsed:
    """`vmstat -z`: ZONES (line, item, size, limit, used, free, req, fail, sleep, xdomain), null where not printed."""
    parsed = Parsed(meta={"format": "vmstat-z"})
    rows = []
    for number, line, tree in _trees(data, "vmstat_z", parsed):
        if tree.data == "header":
            continue
        item, *values = (str(token).strip() for token in tree.children[0].children)
        if len(values) > len(_ZONE_COLUMNS):
            parsed.unread.append(Unread(number, 1, line, f"at most {len(_ZONE_COLUMNS)} numbers"))
            continue
        rows.append({"line": number, "item": item} | dict(zip(_ZONE_COLUMNS, map(int, values), strict=False)))
    parsed.tables["ZONES"] = pa.Table.from_pylist(rows, _ZONE)
    return parsed


def _counters(data: bytes, format_name: str) -> Parsed:
    parsed = Parsed(meta={"format": format_name})
    rows: list[dict] = []
    for number, line, tree in _trees(data, format_name.replace("-", "_"), parsed):
        found: Node = tree.children[0]
        parts = {token.type: str(token).strip() for token in found.children}
        if found.data != "further":
            number_text = parts.get("INT", parts.get("WHOLE"))
            value = None if number_text is None else int(number_text)
            name, text = (parts["SETTING"], parts.get("TEXT")) if "SETTING" in parts else (parts["TEXT"], None)
            rows.append({"line": number, "name": name, "value": value, "text": text})
        elif rows:
            rows[-1]["text"] = "\n".join(filter(None, (rows[-1]["text"], line)))
        else:
            parsed.unread.append(Unread(number, 1, line, "a counter before it"))
    parsed.tables["COUNTERS"] = pa.Table.from_pylist(rows, _COUNTER)
    return parsed


def _trees(data: bytes, start: str, parsed: Parsed) -> Iterator[tuple[int, str, Tree]]:
    """Number, text and tree of each line; what is cut or not understood goes to `parsed`."""
    lines, notices = whole_lines(data)
    parsed.notices += notices
    parser = load_grammar("counters", start)
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            yield number, line, parser.parse(line)
        except UnexpectedInput as error:
            column, expected = expectation(error)
            parsed.unread.append(Unread(number, column, line, expected))
