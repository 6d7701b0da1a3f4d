"""Bytes as lines, and what a cut left of the last one."""

from analyzer.ingest.messages import PREFIX, split_message
from analyzer.ingest.parsed import Notice


def whole_lines(data: bytes) -> tuple[list[str], list[Notice]]:
    """The lines of `data` that have an end, and a Notice "cut" where the last one has none and is left out.

    Bytes that are no UTF-8 come out as `\\xff`: a process may be named anything.  A message of dtrace inside a line
    stands on its own line before it, as many lines as there were.
    """
    whole, newline, rest = data.decode(errors="backslashreplace").rpartition("\n")
    lines = whole.split("\n") if newline else []
    if PREFIX in whole:
        lines.append(rest)
        for place in range(len(lines) - 1):
            text, message = split_message(lines[place])
            if text and message:
                lines[place], lines[place + 1] = message, text + lines[place + 1]
        rest = lines.pop()
    return lines, [Notice(len(lines) + 1, "cut", 1, "", "the last line has no end")] if rest else []
