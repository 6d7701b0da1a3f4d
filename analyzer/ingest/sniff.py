"""What a file is, told from its first bytes."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from analyzer.errors import DataError
from analyzer.ingest.foreign.console_trace import ends_trace, trace_begins
from analyzer.ingest.foreign.json_stream import FIRING, HEAD
from analyzer.ingest.foreign.kdump import record_pattern
from analyzer.ingest.foreign.ktrace import is_header
from analyzer.ingest.grammar import terminal
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.saved import SAVED, SIGN

# Enough to hold a message among what a script prints, or the panic below a boot's messages.
HEAD_BYTES = 1 << 18
_SHOWN = 60  # characters of a sign

# Where strings are quoted and their quotes escaped, no other program's text holds these.
_JSON = {
    SAVED: re.compile(SIGN),
    "dtrace-json": re.compile(rf'{HEAD.pattern}|{FIRING.pattern}|\A\s*\{{\s*"(?:__version|dtrace)"\s*:'),
}


class Told(NamedTuple):
    """The name of a format, and the sign that told it, in words."""

    format: str
    sign: str


def sniff(head: bytes) -> Told:
    """The format of a file that begins with `head` (HEAD_BYTES of it, or all).

    "vmtrace", "vmsum", "ktrace", "kdump", "dtrace", "dtrace-json", "lockstat", "console", "procstat", "ps",
    "listing", "sysctl", "vmstat-s" or "vmstat-z".  Raises DataError where it is none of them.
    """
    if is_header(head):
        return Told("ktrace", "the header of a record at its beginning")
    text = head.decode(errors="backslashreplace").replace("\r\n", "\n")
    for name, pattern in _JSON.items():
        if match := pattern.search(text):
            return Told(name, _place(text, match))
    lines = text.split("\n")
    if told := _console_with_trace(lines):
        return told
    for name, pattern in _signs():
        for number, line in enumerate(lines, 1):
            if match := pattern.match(line):
                return _known(Told(name, f"line {number}: {match[0].strip()[:_SHOWN]!r}"))
    start = text.lstrip()
    raise DataError(
        f"a text that begins with {start.split(chr(10))[0][:_SHOWN]!r} is no log that vmtrace knows; "
        "name its format with --as if it is one"
        if start
        else "an empty file is no log that vmtrace knows; record it again"
    )


def _console_with_trace(lines: list[str]) -> Told | None:
    """A vmtrace log that stands behind other text, or with a panic: a console showed it."""
    at = trace_begins(lines)
    if at is None:
        return None
    other = [line for line in lines[:at] if line.strip() and not line.startswith(PREFIX)]
    prompt = not lines[at].startswith("#")
    panic = next((place for place, line in enumerate(lines) if place > at and ends_trace(line)), None)
    if not (other or prompt or panic is not None):
        return None
    what = f"with a panic in line {panic + 1}" if panic is not None else "behind other text"
    return Told("console", f"line {at + 1}: a vmtrace log begins, {what}")


def _place(text: str, match: re.Match) -> str:
    return f"line {text.count(chr(10), 0, match.start()) + 1}: {' '.join(match[0].split())[:_SHOWN]!r}"


def _known(told: Told) -> Told:
    """`told` again; raises DataError for a format that is recognised and not read."""
    if told.format == "markup":
        raise DataError(
            f"is structured output of dtrace(1) as XML or HTML ({told.sign}); vmtrace reads its JSON: "
            "record again with -x oformat=json"
        )
    return told


def _signs() -> Iterator[tuple[str, re.Pattern]]:
    """For each format the lines that no other one has, most telling first.

    A console may show a dtrace that ran there, and dtrace's text may hold what other programs print.
    Each grammar is loaded when it is asked: a vmtrace log needs none of them.
    """

    def lines(grammar: str, start: str, *sequences: tuple[str, ...]) -> re.Pattern:
        ways = ("".join(f"(?:{terminal(grammar, name, start)})" for name in names) for names in sequences)
        return re.compile("|".join(f"(?:{way})" for way in ways))

    yield "markup", re.compile(r' *<dtrace>|<div class="(?:line|text|data)')
    yield "vmtrace", re.compile(r"#(?:vmtrace|fields|aggregation|counter\.[a-z]+|end)\t|[A-Z]{1,4}\t\d+\t")
    console = [("_PANIC",), ("_BEGIN",), ("_THREAD", "PID", "_TID"), ("_FREEING",), ("FUNCTION", "OFFSET", "_FRAME")]
    stamped = [("_SYSLOG", *names) for names in console]
    yield "console", lines("console", "line", *console, *stamped, ("_SYSLOG", "_PANIC"))
    # A panic behind a prompt or a login.
    yield "console", re.compile(r".*(?<!after )panic: (?:vm_page_free: |sleeping thread|.*recursing but non-recursive)")
    yield "lockstat", lines("lockstat", "line", ("EVENT", "_COLON", "NUMBER", "_EVENTS_IN"))
    yield "listing", lines("listing", "line", ("_HEADER",), ("_ARGS", "NUMBER", "_END"))
    yield "kdump", record_pattern()
    yield "procstat", lines("waiting", "procstat", ("_HEADER",), ("PID", "TID", "NAMES", "FRAMES"))
    yield "ps", re.compile(r" *PID (?:[ A-Z%]* )?WCHAN .*COMMAND *$")
    yield "vmstat-z", lines("counters", "vmstat_z", ("_HEADER",))
    dtrace = (
        lines("dtrace", "line", ("_HEADER",), ("_FLOW_HEADER",), ("CPU", "ID", "PROBE")),
        lines("aggregation", "line", ("_HEADER",), ("FRAME",)),
        lines("dtrace", "pairs", ("PAIR", "_BLANKS", "PAIR")),
    )
    yield "dtrace", re.compile("|".join([re.escape(PREFIX), *(way.pattern for way in dtrace)]))
    yield "sysctl", lines("counters", "sysctl", ("SETTING", "_COLON"))
    yield "vmstat-s", re.compile(r" *\d+ (?:cpu context switches|device interrupts|pages freed)$")
