"""What a file is, told from its first bytes."""

import re
from functools import cache

from analyzer.errors import DataError
from analyzer.ingest.grammar import terminal
from analyzer.ingest.kdump import record_pattern
from analyzer.ingest.ktrace import is_header
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
    for name, pattern in _signs().items():
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


@cache
def _signs() -> dict[str, re.Pattern]:
    """For each format the lines that no other one has, most telling first.

    A console may show a dtrace that ran there, and dtrace's text may hold what other programs print.
    """

    def lines(grammar: str, start: str, *sequences: tuple[str, ...]) -> re.Pattern:
        ways = ("".join(f"(?:{terminal(grammar, name, start)})" for name in names) for names in sequences)
        return re.compile("|".join(f"(?:{way})" for way in ways))

    console = [("_PANIC",), ("_BEGIN",), ("_THREAD", "PID", "_TID"), ("_FREEING",), ("FUNCTION", "OFFSET", "_FRAME")]
    stamped = [("_SYSLOG", *names) for names in console]
    return {
        "vmtrace": re.compile(r"#(?:vmtrace|fields|aggregation)\t|[A-Z]{1,4}\t\d+\t"),
        "console": lines("console", "line", *console, *stamped, ("_SYSLOG", "_PANIC")),
        "lockstat": lines("lockstat", "line", ("EVENT", "_COLON", "NUMBER", "_EVENTS_IN")),
        "listing": lines("listing", "line", ("_HEADER",), ("_ARGS", "NUMBER", "_END")),
        "kdump": record_pattern(),
        "vmstat-z": lines("counters", "vmstat_z", ("_HEADER",)),
        "dtrace": re.compile(
            "|".join(
                (
                    re.escape(PREFIX),
                    lines("dtrace", "line", ("_HEADER",), ("_FLOW_HEADER",), ("CPU", "ID", "PROBE")).pattern,
                    lines("aggregation", "line", ("_HEADER",), ("FRAME",)).pattern,
                    lines("dtrace", "pairs", ("PAIR", "_BLANKS", "PAIR")).pattern,
                )
            )
        ),
        "sysctl": lines("counters", "sysctl", ("SETTING", "_COLON")),
        "vmstat-s": re.compile(r" *\d+ (?:cpu context switches|device interrupts|pages freed)$"),
    }
