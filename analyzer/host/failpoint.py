"""A fail(9) point: armed once tracing is on, and disarmed whatever happens.

Arming and disarming are one process on the box.  It waits on its standard input: told to, or when vmtrace or the
network is gone, it disarms.  So even `kill -9` of vmtrace leaves no fail point behind.
"""

import re
import subprocess
from dataclasses import dataclass

from analyzer.errors import IoError, TemporaryError, UnavailableError, UsageError
from analyzer.host.box import Box, quoted, send

_GUARD = """
trap '' HUP INT TERM PIPE
sysctl {armed} >/dev/null || exit 1
echo armed
read -r stop
sysctl {off} >/dev/null || exit 2
"""


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
    """`uma_zalloc_arg=1%return`; the kernel checks the term itself."""
    match = re.fullmatch(r"(?:debug\.fail_point\.)?([\w.]+)=(.+)", text)
    if match is None:
        raise UsageError(f"--fail-point {text!r}: write it as NAME=TERM, for example uma_zalloc_arg=1%return")
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


class Armed:
    """A fail point that is on until `disarm()`."""

    def __init__(self, box: Box, point: FailPoint) -> None:
        self._box = box
        self._point = point
        self._guard: subprocess.Popen | None = box.start(point.guard())
        if self._guard.stdout.readline() != b"armed\n":
            complaint = self._guard.communicate()[1].decode(errors="replace").strip().splitlines()
            self._guard = None
            raise UsageError(f"the kernel does not take {point}: {complaint[-1] if complaint else 'no reason given'}")

    def disarm(self) -> None:
        """Turn it off; IoError with the command to type where that fails.  A second call does nothing."""
        if self._guard is None:
            return
        guard, self._guard = self._guard, None
        send(guard, "stop\n")
        guard.communicate()
        off = f"sysctl {self._point.sysctl}=off"
        if guard.returncode and self._box.run(off).status:
            raise IoError(f"{self._point.sysctl} may still be armed on {self._box.name}: type '{off}' there")
