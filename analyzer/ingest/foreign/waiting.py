"""Who waits for what: `procstat -kk -a`, and ps(1) with a column WCHAN, taken while a box hangs."""

import re
from collections.abc import Callable
from typing import Any

import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.foreign.console import WAITER
from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.lines import whole_lines
from analyzer.ingest.parsed import Parsed, Unread

_WAITER = WAITER.append(pa.field("stack", pa.string()))
_WIDE = 40  # characters of two names of 19 with their blanks; up to 10.x they were of 16
_PS_COLUMNS = ("PID", "LWP", "STAT", "WCHAN", "TIME", "COMMAND")


def parse_procstat(data: bytes) -> Parsed:
    """W: one row a thread (line, pid, tid, comm, stack); stack is innermost first with newlines, null off its stack."""
    return _parsed(data, "procstat", "procstat", "", _thread)


def parse_ps(data: bytes) -> Parsed:
    """W: one row a thread or process (line, pid, tid, comm, state, wmesg); tid is null without a column LWP."""
    heading = next((line for line in whole_lines(data)[0] if re.match(r" *(?:[A-Z%]+ +)*WCHAN ", line)), "COMMAND")
    columns = [name if name in _PS_COLUMNS else "OTHER" for name in heading.split()]
    if "WCHAN TIME" in " ".join(columns):
        columns[columns.index("WCHAN")] = "WCHAN_BEFORE_TIME"
    return _parsed(data, "ps", "ps", f"\nps: PS_HEADER -> header | row\nrow: {' '.join(columns)}\n", _process)


def _parsed(
    data: bytes, format_name: str, start: str, extra: str, row_of: Callable[[dict[str, str]], dict[str, Any]]
) -> Parsed:
    lines, notices = whole_lines(data)
    parsed = Parsed(meta={"format": format_name}, notices=notices)
    parser = load_grammar("waiting", start, extra)
    rows = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            tree: Node = parser.parse(line)
        except UnexpectedInput as error:
            column, expected = expectation(error)
            parsed.unread.append(Unread(number, column, line, expected))
            continue
        tree = tree if tree.data == "header" else tree.children[0]
        if tree.data != "header":
            parts = {token.type: str(token) for token in tree.children}
            rows.append(dict.fromkeys(_WAITER.names) | {"line": number} | row_of(parts))
    parsed.tables["W"] = pa.Table.from_pylist(rows, _WAITER)
    return parsed


def _thread(parts: dict[str, str]) -> dict[str, Any]:
    names = parts["NAMES"]
    frames = parts.get("FRAMES", "").split()
    return {
        "pid": int(parts["PID"]),
        "tid": int(parts["TID"]),
        "comm": names[: len(names) // 2 if len(names) >= _WIDE else 16].strip(),
        "stack": "\n".join(frames) if frames else None,
    }


def _process(parts: dict[str, str]) -> dict[str, Any]:
    wmesg = parts.get("WCHAN_BEFORE_TIME", parts.get("WCHAN", ""))
    return {
        "pid": int(parts["PID"]) if "PID" in parts else None,
        "tid": int(parts["LWP"]) if "LWP" in parts else None,
        "comm": parts.get("COMMAND", "").strip().split("/")[0],
        "state": parts.get("STAT", "").strip() or None,
        "wmesg": wmesg.strip() or None,
    }
