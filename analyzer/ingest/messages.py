"""The messages that dtrace(1) and libdtrace mix into a trace."""

from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import Node, load_grammar
from analyzer.ingest.parsed import Notice

PREFIX = "dtrace: "


def parse_message(line: str, number: int, after_ts: int | None) -> Notice | None:
    """The message on `line` (line `number` of its file), or None where the line does not begin with `dtrace: `.

    Kinds: drop, aggregation-drop, dynamic-variable-drop, speculation-drop, string-overflow, error, aborted,
    buffer-lowered, rate-changed, matched, destructive, process, compile-error, no-match, failed, and unknown for
    a text that no rule of grammars/messages.lark knows.  `count` is things lost, probes for "matched", else 1.
    """
    return read_message(line, number, after_ts) if line.startswith(PREFIX) else None


def read_message(line: str, number: int, after_ts: int | None) -> Notice:
    """The same of a line that is known to begin with PREFIX."""
    text = line.rstrip("\r\n")
    try:
        tree: Node = load_grammar("messages", "message").parse(text)
    except UnexpectedInput:
        return Notice(number, "unknown", 1, "", text, after_ts)
    parts = {token.type.partition("_")[0]: str(token) for token in tree.children}
    return Notice(
        line=number,
        kind=tree.data.replace("_", "-"),
        count=int(parts.get("NUMBER", 1)),
        where=parts.get("PLACE", ""),
        text=text,
        after_ts=after_ts,
    )


def split_message(line: str) -> tuple[str, str]:
    """A line as what stands before a message of dtrace, and the message; "" where there is none.

    Where both streams went to one file a message can begin anywhere on a line; there it is taken for one only if the
    grammar knows it.
    """
    at = line.rfind(PREFIX)
    if at < 0:
        return line, ""
    known = at == 0 or read_message(line[at:], 0, None).kind != "unknown"
    return (line[:at], line[at:]) if known else (line, "")
