"""Where a log comes from: the #host directives at its top."""

import hashlib

from analyzer.host.box import Box
from analyzer.host.facts import Facts
from analyzer.host.failpoint import FailPoint
from analyzer.version import __version__

# A value is one line; a command may hold anything.
_ESCAPES = {number: f"\\{number:03o}" for number in (*range(32), 127)} | {9: "\\t", 10: "\\n", 13: "\\r"}


def lines(box: Box, facts: Facts, more: dict[str, str]) -> bytes:
    """`#host.KEY VALUE` for the box, and `more` keys; empty values are left out."""
    values = {
        "uname": facts["uname"],
        "ident": facts["ident"],
        "ncpu": facts["hw.ncpu"],
        "physmem": facts["hw.physmem"],
        "pagesize": facts["hw.pagesize"],
        "vmtrace": __version__,
        "via": f"ssh {box.name}" if box.remote else "",
        **more,
    }
    return "".join(f"#host.{key}\t{escaped(value)}\n" for key, value in values.items() if value).encode()


def escaped(text: str) -> str:
    """Any text on one line of a log."""
    return text.translate(_ESCAPES)


def of_point(point: FailPoint | None) -> dict[str, str]:
    """The keys of a fail point: its term, and where it fails."""
    return {"failpoint": str(point), "failpoint.reach": point.reach} if point else {}


def sha256(text: str) -> str:
    """Of the script as it was run."""
    return hashlib.sha256(text.encode()).hexdigest()
