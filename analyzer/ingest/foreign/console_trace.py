"""A console that shows a vmtrace log: boot text before it, kernel messages in it, and a panic that cuts a record."""

import re
from collections.abc import Iterable, Iterator

from analyzer.ingest.blocks import Block
from analyzer.ingest.foreign.console import PANIC_INSIDE, parse_console
from analyzer.ingest.gears import read_block
from analyzer.ingest.parsed import Notice, Parsed

_VERSION = "#vmtrace\t"
# The collector writes what it knows of the host first.
_DIRECTIVE = re.compile(r"#(?:vmtrace|host\.[a-z_.]+|counter\.before)\t")
_PANIC = "panic: "
# What a line of the trace begins with; what stands in an aggregation has a tab.
_OF_TRACE = re.compile(r"#|[A-Z]{1,4}\t| {14}[^ ]|dtrace: |[^\t]+\t")
# A directive whose number a message of the kernel drove to the next line.
_PARTED = re.compile(r"(#(?:vmtrace|osreldate|walltime|timestamp|end)\t)(\D.*)")
_NUMBER = re.compile(r"\d+")
_IN_RECORD = re.compile(r"[A-Z]{1,4}(?:\t[^\t]*)*$|#[a-z.]*(?:\t[^\t]*)*$")
_NAME_ENDS = "\\0"  # the end of a whole record with a process name, whatever that is


def parse_console_log(chunks: Iterable[bytes]) -> Iterator[Parsed]:
    """A console's text as `parse_console` gives it, and before that the trace that it shows, if it shows one.

    The trace begins at its first directive and ends at a panic.  What a panic leaves of a record is a Notice "cut".
    Lines keep their numbers in the file.
    """
    lines = b"".join(chunks).decode(errors="backslashreplace").replace("\r\n", "\n").split("\n")
    first = trace_begins(lines)
    if first is None:
        yield parse_console("\n".join(lines).encode())
        return
    trace, console = [""] * len(lines), list(lines)
    directive = _DIRECTIVE.search(lines[first])
    assert directive is not None  # trace_begins found it there
    prompt = directive.start()
    trace[first], console[first] = lines[first][prompt:], lines[first][:prompt]
    cut: list[Notice] = []
    for place in range(first + 1, len(lines)):
        line = lines[place]
        if ends_trace(line):
            left = line.partition(_PANIC)[0]
            if _IN_RECORD.match(left):
                words = f"the panic came inside a record: {left!r} is left of it"
                cut.append(Notice(place + 1, "cut", 1, "", words))
                console[place] = line[len(left) :]
            cut += _another(lines, place + 1)
            break
        if _OF_TRACE.match(line):
            trace[place], console[place] = line, ""
    _mend(trace, console)
    parsed = read_block(Block(memoryview("\n".join(trace).rstrip("\n").encode() + b"\n"), 1, {}))
    parsed.notices = sorted([*parsed.notices, *cut], key=lambda notice: notice.line)
    yield parsed
    yield parse_console("\n".join(console).encode())


def trace_begins(lines: list[str]) -> int | None:
    """Where the first directive of a vmtrace log stands; None where there is no such log."""
    if not any(_VERSION in line for line in lines):
        return None
    return next(place for place, line in enumerate(lines) if _DIRECTIVE.search(line))


def ends_trace(line: str) -> bool:
    """Whether a panic stands on a line of a console; in a whole record it is the name of a process."""
    left, panic, _ = line.partition(_PANIC)
    if not panic or line.endswith(_NAME_ENDS):
        return False
    return bool(_IN_RECORD.match(left)) or (not _OF_TRACE.match(line) and bool(PANIC_INSIDE.search(line)))


def _another(lines: list[str], first: int) -> list[Notice]:
    """A trace that begins after the panic: the box has booted again, and its clock with it."""
    words = "another trace begins here, after the panic: it is not read; make a file of its own of it"
    places = [place for place in range(first, len(lines)) if _VERSION in lines[place]]
    return [Notice(place + 1, "cut", 1, "", words) for place in places]


def _mend(trace: list[str], console: list[str]) -> None:
    """Give a directive its number back."""
    for place, line in enumerate(trace[:-1]):
        parted = _PARTED.fullmatch(line)
        if parted and _NUMBER.fullmatch(console[place + 1]):
            trace[place], console[place] = parted[1] + console[place + 1], parted[2]
            console[place + 1] = ""
