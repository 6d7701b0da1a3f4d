"""COMMAND: in a process group of its own, held until tracing is on."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

from analyzer.errors import IoError, TemporaryError, UnavailableError, UsageError
from analyzer.host import failmod, left, limits
from analyzer.host.box import CALLERS_PATH, Box, first_line, kill, quoted, send
from analyzer.host.failpoint import FailPoint

_GROUP = "ps -o pgid= -p $$"

# The sh(1) is the group's leader and outlives signals to the group, so that it can pass the status on.
_HOLD = """
{tell}
trap : HUP INT TERM
read -r go || exit 125
{path}
{command} </dev/null
exit $?
"""


def script(words: list[str], *, tell: bool) -> str:
    """The sh(1) that waits for a line and then runs the command; `tell` makes it print its process group first."""
    return _HOLD.format(tell=_GROUP if tell else ":", path=CALLERS_PATH, command=quoted(words))


class HeldCommand:
    """A command that waits for `release()`.

    Attributes:
        group: its process group on the box, and the process that holds it.
        killed: whether it had to be killed.
        hangs: its threads that did not end even so.
    """

    def __init__(self, box: Box, words: list[str], *, output_to_stderr: bool) -> None:
        if box.run(f"{CALLERS_PATH}; command -v {quoted(words[:1])}").status:
            raise UsageError(f"COMMAND {words[0]!r} not found on {box.name}: give its path")
        self._box = box
        self._name = words[0]
        target = sys.stderr if output_to_stderr else sys.stdout
        target.flush()
        self._released = False
        self.killed = False
        self.hangs: list[left.Thread] = []
        self._process = box.start(
            script(words, tell=box.remote),
            stdout=subprocess.PIPE if box.remote else target.fileno(),
            stderr=None,
        )
        self.group = self._process.pid
        self._pump: threading.Thread | None = None
        if box.remote:
            first = first_line(self._process).strip()
            if not first.isdigit():
                raise IoError(f"COMMAND could not be started on {box.name}")
            self.group = int(first)
            if box.run(_GROUP).out.strip() == first.decode():
                self.cancel()
                raise UnavailableError(
                    f"the ssh server of {box.name} puts everything into one process group, and COMMAND needs its own: "
                    "use OpenSSH's sshd there, or run vmtrace there"
                )
            assert self._process.stdout is not None  # a pipe
            self._pump = threading.Thread(
                target=_copy, args=(self._process.stdout.fileno(), target.fileno()), daemon=True
            )
            self._pump.start()

    def release(self) -> None:
        """Let it run."""
        self._released = True
        send(self._process, "go\n")

    def status(self) -> int | None:
        """Its exit status, 128 + N where signal N ended it; None while it runs."""
        status = self._process.poll()
        if status is not None and self._pump is not None:
            self._pump.join()
        return status if status is None or status >= 0 else 128 - status

    def signal(self, name: str) -> None:
        """Send a signal (TERM, INT, …) to its whole group, if it still runs; one still held ends without having run."""
        if not self._released:
            self.cancel()
        elif self.status() is None and self._box.remote:
            self._box.run(f"kill -{name} -{self.group}")
        elif self.status() is None:  # no shell for it: while tracing is on nothing is forked
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.group, signal.Signals[f"SIG{name}"])

    def cancel(self) -> None:
        """Never released: it ends without having run."""
        assert self._process.stdin is not None  # a pipe
        self._process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(limits.KILLED)

    def wait(self, seconds: float, hurry: Callable[[], bool]) -> int | None:
        """Wait for its end, no longer than `seconds` and not once `hurry()` is true."""
        until = time.monotonic() + seconds
        while self.status() is None and time.monotonic() < until and not hurry():
            time.sleep(limits.TICK / 2)
        return self.status()

    def end(self, hurry: Callable[[], bool]) -> None:
        """Wait for its end, which it was told to come to, then kill it; TemporaryError where that does not help."""
        if self.wait(limits.COMMAND, hurry) is not None:
            return
        self.killed = True
        try:
            self.signal("KILL")
        finally:
            status = self.wait(limits.KILLED, lambda: False)
        until = time.monotonic() + limits.KILLED
        self.hangs = left.threads(self._box, self.group)
        while self.hangs and time.monotonic() < until:  # what was killed takes a moment to be gone
            time.sleep(limits.KILLED / 10)
            self.hangs = left.threads(self._box, self.group)
        if status is None or self.hangs:
            kill(self._process)  # what holds it here
            raise TemporaryError(
                f"COMMAND (process group {self.group}) does not end even when killed: {left.told(self.hangs)}"
            )


def told(words: list[str], duration: float | None, point: FailPoint | None) -> list[str]:
    """What a dry run says of the time in which tracing is on."""
    if words:
        lines = [f"{quoted(words)} </dev/null", "# at its end:"]
    else:
        lines = [f"# after {duration:g} s:" if duration else "# on ^C:"]
    if point is None:
        return lines
    narrow = [f"sysctl {failmod.GROUP}=PGID"] if point.narrowed else []
    return [*narrow, f"sysctl {quoted([str(point)])}", *lines, point.off]


def _copy(source: int, target: int) -> None:
    with contextlib.suppress(BrokenPipeError):  # nobody reads what the command prints
        while data := os.read(source, 1 << 16):
            while data:
                data = data[os.write(target, data) :]
