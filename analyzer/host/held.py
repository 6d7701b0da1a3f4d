"""Pieces of sh(1) that are started before tracing and held: while it is on, nothing needs to be forked for them."""

import subprocess

from analyzer.errors import IoError, TemporaryError
from analyzer.host import limits
from analyzer.host.box import Answer, Box, first_line, kill, send

_HOLD = """
echo $$ {parent}
read -r go && [ "$go" = go ] || exit 0
{script}
"""


class Held:
    """A piece that waits for `release()`; at the end of vmtrace it ends without having run.

    Attributes:
        pids: the process on the box, and through ssh the sshd that carries it.
        process: the Popen, whose standard input is still open.
    """

    def __init__(self, box: Box, script: str) -> None:
        self._box = box
        self.process = box.start(_HOLD.format(parent="$PPID" if box.remote else "", script=script))
        self.pids = [int(word) for word in first_line(self.process).split() if word.isdigit()]
        if not self.pids:
            kill(self.process)
            raise IoError(f"no process can be started on {box.name}: is it out of memory or of processes?")

    def release(self) -> None:
        """Let it run."""
        send(self.process, "go\n")

    def answer(self) -> Answer:
        """Close its input and wait for its end; TemporaryError where that does not come."""
        try:
            out, err = self.process.communicate(timeout=limits.READING)
        except subprocess.TimeoutExpired:
            kill(self.process)
            raise TemporaryError(f"{self._box.name} gave no answer for {limits.READING:g} s") from None
        return Answer(self.process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))

    def cancel(self) -> None:
        """End it; one that was not released ends without having run."""
        if self.process.poll() is None:
            self.answer()
