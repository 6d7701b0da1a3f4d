"""Surviving a panic: clauses that make it wait, and real-time priority for who takes the last records away."""

import re

from analyzer.resources import resource

OPTIONS = {"destructive": "", "switchrate": "100hz"}
TOLD = (
    "--survive-panic: dtrace may act on this kernel (its option -w), a panic waits half a second, "
    "dtrace and who takes its output away run at real-time priority until the end"
)
TO_THIS_BOX = "a log on this box hardly survives its panic: record from another with --ssh, or to a second disk"
_MESSAGE = re.compile(rb"^P\t(?:\d+\t){4}([^\t\n]*)", re.MULTILINE)


def clauses() -> str:
    """The D that is put at the end of a script."""
    return "\n" + (resource("dscripts") / "panic.d").read_text()


def message(data: bytes) -> str:
    """What the kernel panics with, of lines of the log; "" where it does not."""
    found = _MESSAGE.search(data)
    return found[1].decode("ascii", "replace").removesuffix("\\0") if found else ""
