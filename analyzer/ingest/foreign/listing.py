"""`dtrace -l`: which probes a kernel has, and with -v their arguments."""

from typing import Any

import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.lines import whole_lines
from analyzer.ingest.messages import parse_message
from analyzer.ingest.parsed import Parsed, Unread

_PROBE = pa.schema(
    [
        ("line", pa.int64()),
        ("id", pa.int64()),
        ("provider", pa.string()),
        ("module", pa.string()),
        ("function", pa.string()),
        ("name", pa.string()),
    ]
)
_ARGUMENT = pa.schema([("line", pa.int64()), ("probe", pa.string()), ("position", pa.int64()), ("type", pa.string())])
_MODULE_ENDS = 34  # "%5d %10s %17s %33s %s": a module ends here, a function behind it


def parse_listing(data: bytes) -> Parsed:
    """PROBES (line, id, provider, module, function, name) and ARGS (line, probe, position, type).

    lockstat's probes have no module and function on some releases: these are then "".
    """
    lines, notices = whole_lines(data)
    parser = load_grammar("listing", "line")
    parsed = Parsed(meta={"format": "listing"}, notices=notices)
    probes: list[dict] = []
    arguments: list[dict] = []
    probe = ""
    for number, line in enumerate(lines, 1):
        notice = parse_message(line, number, None)
        if notice is not None:
            parsed.notices.append(notice)
        if notice is not None or not line.strip():
            continue
        try:
            tree: Node = parser.parse(line).children[0]
        except UnexpectedInput as error:
            column, expected = expectation(error)
            parsed.unread.append(Unread(number, column, line, expected))
            continue
        parts = [str(token).strip() for token in tree.children]
        if tree.data == "row":
            places = [token for token in tree.children if token.type == "PLACE"]
            if len(places) > 2:
                parsed.unread.append(Unread(number, 1, line, "ID PROVIDER MODULE FUNCTION NAME"))
                continue
            row: dict[str, Any] = {"line": number, "id": int(parts[0]), "provider": parts[1]}
            row |= _places(places) | {"name": parts[-1]}
            probes.append(row)
            probe = ":".join(row[column] for column in ("provider", "module", "function", "name"))
        elif tree.data == "heading":
            probe = parts[0]
        elif tree.data == "argument":
            arguments.append({"line": number, "probe": probe, "position": int(parts[0]), "type": parts[1]})
    parsed.notices.sort(key=lambda notice: notice.line)
    parsed.tables["PROBES"] = pa.Table.from_pylist(probes, _PROBE)
    parsed.tables["ARGS"] = pa.Table.from_pylist(arguments, _ARGUMENT)
    return parsed


def _places(places: list) -> dict[str, str]:
    texts = [str(place).strip() for place in places]
    if len(texts) == 1:
        texts = [texts[0], ""] if places[0].end_column - 1 <= _MODULE_ENDS else ["", texts[0]]
    module, function = texts or ["", ""]
    return {"module": module, "function": function}
