"""What a file is, told from its first bytes."""

import re
from collections.abc import Iterator

from analyzer.errors import DataError
from analyzer.ingest.foreign.kdump import record_pattern
from analyzer.ingest.foreign.ktrace import is_header
from analyzer.ingest.grammar import terminal
from analyzer.ingest.messages import PREFIX

# Enough to hold a message among what a script prints, or the panic below a boot's messages.
HEAD_BYTES = 1 << 18


def sniff(head: bytes) -> str:
    """The format of a file that begins with `head` (HEAD_BYTES of it, or all).

    "vmtrace", "vmsum", "ktrace", "kdump", "dtrace", "dtrace-json", "lockstat", "console", "listing", "sysctl",
    "vmstat-s" or "vmstat-z".  Raises DataError where it is none of them.
    """
    if is_header(head):
        return "ktrace"
    text = head.decode(errors="backslashreplace")
    start = text.lstrip()
    if start.startswith("{"):
        return _json(start)
    lines = text.split("\n")
    for name, pattern in _signs():
        if any(pattern.match(line) for line in lines):
            return name
    raise DataError(
        f"{_shown(start)} is no log that vmtrace knows; name its format with --as if it is one"
        if start
        else "an empty file is no log that vmtrace knows; record it again"
    )


def _json(text: str) -> str:
    if re.match(r'\{\s*"vmsum"', text):
        return "vmsum"
    if re.match(r'\{\s*"(?:__version|dtrace|probes)"', text):
        return "dtrace-json"
    raise DataError(f"{_shown(text)} is no log that vmtrace knows; name its format with --as if it is one")


def _shown(text: str) -> str:
    return f"a text that begins with {text.split(chr(10))[0][:60]!r}"


def _signs() -> Iterator[tuple[str, re.Pattern]]:
    """For each format the lines that no other one has, most telling first.

    A console may show a dtrace that ran there, and dtrace's text may hold what other programs print.
    Each grammar is loaded when it is asked: a vmtrace log needs none of them.
    """

    def lines(grammar: str, start: str, *sequences: tuple[str, ...]) -> re.Pattern:
        ways = ("".join(f"(?:{terminal(grammar, name, start)})" for name in names) for names in sequences)
        return re.compile("|".join(f"(?:{way})" for way in ways))

    yield "vmtrace", re.compile(r"#(?:vmtrace|fields|aggregation)\t|[A-Z]{1,4}\t\d+\t")
    console = [("_PANIC",), ("_BEGIN",), ("_THREAD", "PID", "_TID"), ("_FREEING",), ("FUNCTION", "OFFSET", "_FRAME")]
    stamped = [("_SYSLOG", *names) for names in console]
    yield "console", lines("console", "line", *console, *stamped, ("_SYSLOG", "_PANIC"))
    yield "lockstat", lines("lockstat", "line", ("EVENT", "_COLON", "NUMBER", "_EVENTS_IN"))
    yield "listing", lines("listing", "line", ("_HEADER",), ("_ARGS", "NUMBER", "_END"))
    yield "kdump", record_pattern()
    yield "vmstat-z", lines("counters", "vmstat_z", ("_HEADER",))
    dtrace = (
        lines("dtrace", "line", ("_HEADER",), ("_FLOW_HEADER",), ("CPU", "ID", "PROBE")),
        lines("aggregation", "line", ("_HEADER",), ("FRAME",)),
        lines("dtrace", "pairs", ("PAIR", "_BLANKS", "PAIR")),
    )
    yield "dtrace", re.compile("|".join([re.escape(PREFIX), *(way.pattern for way in dtrace)]))
    yield "sysctl", lines("counters", "sysctl", ("SETTING", "_COLON"))
    yield "vmstat-s", re.compile(r" *\d+ (?:cpu context switches|device interrupts|pages freed)$")
