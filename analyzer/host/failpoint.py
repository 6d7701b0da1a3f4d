"""A fail(9) point: armed once tracing is on, and disarmed whatever happens.

Arming and disarming are one process on the box, started before tracing.  It waits on its standard input: told to, or
when vmtrace or the network is gone, it disarms.  So even `kill -9` of vmtrace leaves no fail point behind.
"""

import re
from dataclasses import dataclass

from analyzer.errors import IoError, TemporaryError, UnavailableError, UsageError
from analyzer.host.box import Box, first_line, quoted, send
from analyzer.host.held import Held

_GUARD = """
trap '' HUP INT TERM PIPE
sysctl {armed} >/dev/null || exit 1
echo armed
read -r stop
sysctl {off} >/dev/null || exit 2
"""

# fail(9)'s own grammar; a [pid N] wants an argument before it (facts sheet 13.15).
_NUMBER = r"-?(?:0x[0-9a-fA-F]+|\d+)"
_TERM = (
    r"(?:(?:\d+(?:\.\d*)?|\.\d+)%|\d+\*)*(?:off|return|sleep|panic|break|print|pause|yield|delay)"
    rf"(?:\({_NUMBER}\)(?:\[pid \d+\])?)?"
)
_TERMS = re.compile(rf"{_TERM}(?:->{_TERM})*")


@dataclass(frozen=True)
class FailPoint:
    """`debug.fail_point.NAME` and the term it is set to."""

    sysctl: str
    term: str

    def __str__(self) -> str:
        return f"{self.sysctl}={self.term}"

    def guard(self) -> str:
        """The sh(1) that arms it, waits, and disarms it."""
        return _GUARD.format(armed=quoted([str(self)]), off=quoted([f"{self.sysctl}=off"]))


def parse(text: str) -> FailPoint:
    """`uma_zalloc_arg=1%return`; a term that is none of fail(9) is refused before anything is done."""
    match = re.fullmatch(r"(?:debug\.fail_point\.)?([\w.]+)=(.+)", text)
    if match is None:
        raise UsageError(f"--fail-point {text!r}: write it as NAME=TERM, for example uma_zalloc_arg=1%return")
    if _TERMS.fullmatch(match.group(2)) is None:
        raise UsageError(
            f"--fail-point {text!r}: {match.group(2)!r} is no term of fail(9); "
            "write it as 1%return, 5*return(12), or 5%return(0)[pid 77]"
        )
    return FailPoint(f"debug.fail_point.{match.group(1)}", match.group(2))


def require_off(box: Box, point: FailPoint) -> None:
    """The kernel must have it, and it must be off: armed, it would starve dtrace's own start."""
    answer = box.run(f"sysctl -n {quoted([point.sysctl])}")
    if answer.status:
        raise UnavailableError(
            f"the kernel of {box.name} has no {point.sysctl}: "
            "'sysctl debug.fail_point' lists what it has; see docs/collect.md"
        )
    if not answer.out.strip().startswith("off"):
        raise TemporaryError(
            f"{point.sysctl} is armed already ({answer.out.strip()}): disarm it with 'sysctl {point.sysctl}=off'"
        )


class Guard:
    """Who arms a fail point at `arm()`, and disarms it at `disarm()` or when vmtrace is gone."""

    def __init__(self, box: Box, point: FailPoint) -> None:
        self._box = box
        self._point = point
        self._held: Held | None = Held(box, point.guard())
        self.pids = self._held.pids

    def arm(self) -> None:
        """UsageError where the kernel does not take the term."""
        self._held.release()
        if first_line(self._held.process) != b"armed\n":
            complaint = self._held.answer().complaint
            self._held = None
            raise UsageError(f"the kernel does not take {self._point}: {complaint}")

    def disarm(self) -> None:
        """Turn it off; IoError with the command to type where that fails.  Not armed, it does nothing."""
        if self._held is None:
            return
        held, self._held = self._held, None
        send(held.process, "stop\n")
        off = f"sysctl {self._point.sysctl}=off"
        try:
            done = held.answer().status == 0 or self._box.run(off).status == 0
        except TemporaryError:  # the box does not answer
            done = False
        if not done:
            raise IoError(f"{self._point.sysctl} may still be armed on {self._box.name}: type '{off}' there")
