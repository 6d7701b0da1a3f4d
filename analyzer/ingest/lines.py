"""Bytes as lines, and what a cut left of the last one."""

from analyzer.ingest.parsed import Notice


def whole_lines(data: bytes) -> tuple[list[str], list[Notice]]:
    """The lines of `data` that have an end, and a Notice "cut" where the last one has none and is left out.

    Bytes that are no UTF-8 come out as `\\xff`: a process may be named anything.
    """
    whole, newline, rest = data.decode(errors="backslashreplace").rpartition("\n")
    lines = whole.split("\n") if newline else []
    return lines, [Notice(len(lines) + 1, "cut", 1, "", "the last line has no end")] if rest else []
