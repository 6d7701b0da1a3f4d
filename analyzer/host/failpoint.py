"""A fail(9) point: armed once tracing is on, and disarmed whatever happens.

Arming and disarming are one process on the box, started before tracing.  It waits on its standard input: told to, or
when vmtrace or the network is gone, it disarms.  So even `kill -9` of vmtrace leaves no fail point behind.

Where the module vmfail is loaded, its point can be narrowed to a process group; the guard puts that back too.
"""

import re
from dataclasses import dataclass, replace

from analyzer.errors import IoError, TemporaryError, UnavailableError, UsageError
from analyzer.host import failmod
from analyzer.host.box import SSH_FAILED, Box, first_line, quoted, send
from analyzer.host.facts import Facts
from analyzer.host.held import Held

_GUARD = """
trap '' HUP INT TERM PIPE
case $(sysctl -n {name}) in off*) ;; *) echo taken; exit 1 ;; esac
{narrow}
sysctl {armed} >/dev/null || {{ {widen}; exit 1; }}
echo armed
read -r stop
sysctl {off} >/dev/null && {widen} || exit 2
"""
_NARROW = "former=$(sysctl -n {name}) && sysctl {name}={group} >/dev/null || exit 1"
_WIDEN = 'sysctl {name}="$former" >/dev/null'

_PANICS_BEFORE = 1100000  # armed for the whole machine, even 1 % ends in "sleeping thread" (facts sheet 12.11, 13.15)

# fail(9)'s own grammar; a [pid N] wants an argument before it (facts sheet 13.15).
_NUMBER = r"-?(?:0x[0-9a-fA-F]+|\d+)"
_TERM = (
    r"(?:(?:\d+(?:\.\d*)?|\.\d+)%|\d+\*)*(?:off|return|sleep|panic|break|print|pause|yield|delay)"
    rf"(?:\({_NUMBER}\)(?:\[pid \d+\])?)?"
)
_TERMS = re.compile(rf"{_TERM}(?:->{_TERM})*")


@dataclass(frozen=True)
class FailPoint:
    """`debug.fail_point.NAME` and the term it is set to.

    Attributes:
        narrowed: whether it fails in COMMAND's process group only, which the module vmfail can do.
    """

    sysctl: str
    term: str
    narrowed: bool = False

    def __str__(self) -> str:
        return f"{self.sysctl}={self.term}"

    @property
    def off(self) -> str:
        """The command that turns it off, whoever armed it."""
        words = [f"{self.sysctl}=off", *([f"{failmod.GROUP}=0"] if self.narrowed else [])]
        return f"sysctl {quoted(words)}"

    @property
    def reach(self) -> str:
        """Where it fails, in words."""
        if self.narrowed:
            return "COMMAND's process group"
        pids = re.findall(r"\[pid (\d+)\]", self.term)
        return f"process {', '.join(pids)}" if pids else "the whole machine"

    def guard(self, group: int) -> str:
        """The sh(1) that arms it, waits, and disarms it; `group` is COMMAND's."""
        name = failmod.GROUP
        return _GUARD.format(
            narrow=_NARROW.format(name=name, group=group) if self.narrowed else "",
            name=quoted([self.sysctl]),
            armed=quoted([str(self)]),
            off=quoted([f"{self.sysctl}=off"]),
            widen=_WIDEN.format(name=name) if self.narrowed else ":",
        )


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
            "'sysctl debug.fail_point' lists what it has, "
            f"'vmtrace failmod' gives any kernel {failmod.POINT}; see docs/fault-injection.md"
        )
    if not answer.out.strip().startswith("off"):
        raise TemporaryError(
            f"{point.sysctl} is armed already ({answer.out.strip()}): disarm it with 'sysctl {point.sysctl}=off'"
        )


def narrowed(box: Box, point: FailPoint, *, command: bool, everywhere: bool) -> FailPoint:
    """To COMMAND's process group, where the module is loaded and nobody said `everywhere` or which process."""
    if not command or everywhere or point.sysctl != failmod.POINT or "[pid " in point.term:
        return point
    return replace(point, narrowed=failmod.is_loaded(box))


def require_safe(box: Box, known: Facts, point: FailPoint, *, everywhere: bool) -> None:
    """It can be armed, and does not reach the whole of a 10.x machine unless `everywhere` is said."""
    require_off(box, point)
    if 0 < known.osreldate < _PANICS_BEFORE and point.reach == "the whole machine" and not everywhere:
        raise UsageError(
            f"on {known['release']} a fail point for the whole machine ends in a panic: write it as "
            f"'{point}[pid N]', load the module of 'vmtrace failmod' and give -- COMMAND, or add --yes"
        )


def told(box: Box, point: FailPoint) -> str:
    """What it does to the machine, for the user."""
    if point.narrowed:
        return f"{point} fails in {point.reach} only; what leaves the group, as tests of kyua do, needs --yes"
    if point.reach == "the whole machine":
        return f"{point} fails in every process of {box.name}, its own daemons and dtrace too"
    return f"{point} fails in {point.reach} only"


class Guard:
    """Who arms a fail point at `arm()`, and disarms it at `disarm()` or when vmtrace is gone."""

    def __init__(self, box: Box, point: FailPoint, group: int) -> None:
        self._box = box
        self._point = point
        held = Held(box, point.guard(group))
        self._held: Held | None = held
        self.pids = held.pids

    def arm(self) -> None:
        """UsageError where the kernel does not take the term, TemporaryError where the box has gone meanwhile."""
        assert self._held is not None  # armed once, before it is disarmed
        self._held.release()
        said = first_line(self._held.process)
        if said != b"armed\n":
            answer = self._held.answer()
            self._held = None
            if self._box.remote and answer.status == SSH_FAILED:
                raise TemporaryError(f"the connection to {self._box.name} was lost before {self._point} was armed")
            if said == b"taken\n":
                raise TemporaryError(f"somebody else has armed {self._point.sysctl} meanwhile: it is left as it is")
            raise UsageError(f"the kernel does not take {self._point}: {answer.complaint}")

    def disarm(self) -> None:
        """Turn it off; IoError with the command to type where that fails.  Not armed, it does nothing."""
        if self._held is None:
            return
        held, self._held = self._held, None
        send(held.process, "stop\n")
        try:
            done = held.answer().status == 0 or self._box.run(self._point.off).status == 0
        except TemporaryError:  # the box does not answer
            done = False
        if not done:
            raise IoError(
                f"{self._point.sysctl} may still be armed on {self._box.name}: type '{self._point.off}' there"
            )
