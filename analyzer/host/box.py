"""The machine that is traced: this one, or another through ssh(1).

Everything that is done there is a piece of sh(1), sent to the standard input of `/bin/sh -s`.  So one way serves both,
nothing needs to be installed there, and no login shell sees the quotes (root's is csh).  The same standard input is the
lifeline: when vmtrace or the network is gone it ends, and what waits for it tidies up.
"""

import contextlib
import os
import select
import shlex
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from analyzer.errors import TemporaryError, UnavailableError
from analyzer.host import limits

# Where only root can write: the system's programs, and those of packages.  The PATH that root has may begin elsewhere.
PATH = "/sbin:/bin:/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin"
_BEGIN = "callers=$PATH:/sbin:/usr/sbin\nexport PATH=%s\n"  # cron and a bare login leave those two out
CALLERS_PATH = "PATH=$callers"  # for what the user asks to run

SSH_FAILED = 255  # the exit status of ssh itself, not of what ran there


@dataclass(frozen=True)
class Answer:
    """What a piece of sh(1) gave back."""

    status: int
    out: str
    err: str

    @property
    def complaint(self) -> str:
        """The last line of its stderr."""
        return (self.err.strip().splitlines() or [f"exit status {self.status}"])[-1]


class Box:
    """This machine."""

    remote = False
    name = "this machine"

    def shell(self) -> list[str]:
        """The command that reads sh(1) from its standard input there."""
        return ["/bin/sh", "-s"]

    def start(
        self, script: str, *, stdout: int | None = subprocess.PIPE, stderr: int | None = subprocess.PIPE
    ) -> subprocess.Popen[bytes]:
        """Run `script` in a process group of its own; its standard input stays open.  Gives the Popen."""
        process = subprocess.Popen(
            self.shell(), stdin=subprocess.PIPE, stdout=stdout, stderr=stderr, process_group=0, bufsize=0
        )
        # Braces: sh reads all of it before it runs any of it, and then leaves the standard input alone.
        send(process, "{\n" + _BEGIN % PATH + script + "\nexit $?\n}\n")
        return process

    def run(self, script: str) -> Answer:
        """Run `script` to its end; TemporaryError where that does not come."""
        process = self.start(script)
        try:
            out, err = process.communicate(timeout=limits.ANSWER)
        except subprocess.TimeoutExpired:
            kill(process)
            raise TemporaryError(
                f"{self.name} gave no answer for {limits.ANSWER:g} s: is it wedged? 'procstat -kk -a' there says where"
            ) from None
        answer = Answer(process.returncode, out.decode(errors="replace"), err.decode(errors="replace"))
        self._check(answer)
        return answer

    def connect(self) -> None:
        """Nothing to open: it is here."""

    def close(self) -> None:
        """Leave it."""

    def _check(self, answer: Answer) -> None:
        pass


class SshBox(Box):
    """Another machine, over one ssh(1) connection that all pieces share."""

    remote = True

    def __init__(self, host: str) -> None:
        self.name = host
        self._folder = Path(tempfile.mkdtemp(prefix="vmtrace-", dir="/tmp"))  # the path of a socket must be short
        self._socket = str(self._folder / "ssh")
        self._master: subprocess.Popen | None = None

    def connect(self) -> None:
        """Open the connection; asks for a password on the terminal where ssh needs one."""
        if program("ssh") is None:
            raise UnavailableError("ssh not found in PATH: --ssh needs the OpenSSH client")
        # ^C and a closed terminal are vmtrace's to handle: ssh goes on until told to end.
        before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGHUP)}
        try:
            self._master = subprocess.Popen(
                self._ssh("-M", "ControlPersist=no", "ServerAliveInterval=10"),
                stdin=subprocess.PIPE,  # its end, when vmtrace is gone, ends the connection
                stdout=subprocess.DEVNULL,
            )
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
        while not Path(self._socket).exists():
            if self._master.poll() is not None:
                raise UnavailableError(f"ssh cannot connect to {self.name}: try 'ssh {self.name} true'")
            time.sleep(0.05)

    def shell(self) -> list[str]:
        # Where the shared connection is gone, ssh tries one of its own: without a question, and not for ever.
        return self._ssh("-T", "ControlMaster=no", "BatchMode=yes", "ConnectTimeout=15")

    def _ssh(self, flag: str, *options: str) -> list[str]:
        settings = [word for option in options for word in ("-o", option)]
        return [program("ssh") or "ssh", flag, "-S", self._socket, *settings, self.name, "exec /bin/sh -s"]

    def close(self) -> None:
        if self._master is not None:
            assert self._master.stdin is not None  # a pipe
            self._master.stdin.close()
            if not Path(self._socket).exists():  # it still asks for a password
                self._master.terminate()
            try:
                self._master.wait(limits.CONNECTION)
            except subprocess.TimeoutExpired:  # a COMMAND that hangs in the kernel over there holds its session
                self._master.terminate()
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._master.wait(limits.CONNECTION)
        shutil.rmtree(self._folder, ignore_errors=True)

    def _check(self, answer: Answer) -> None:
        if answer.status == SSH_FAILED:
            raise UnavailableError(f"ssh to {self.name} failed: {answer.complaint}")


def program(name: str) -> str | None:
    """Where a program of this machine is; root looks only where nobody else can write."""
    return shutil.which(name, path=None if os.geteuid() else PATH)


def send(process: subprocess.Popen, text: str) -> None:
    """Write to its standard input; one that has ended already is not told."""
    assert process.stdin is not None  # start() made it a pipe
    rest = memoryview(text.encode())
    try:
        while rest:  # a signal may cut a write short
            rest = rest[process.stdin.write(rest) :]
    except (BrokenPipeError, ValueError):
        return


def first_line(process: subprocess.Popen) -> bytes:
    """The first line of its output; what there is of it where the line does not come."""
    assert process.stdout is not None  # whoever reads lines asked for a pipe
    ready, _, _ = select.select([process.stdout], [], [], limits.ANSWER)
    return process.stdout.readline() if ready else b""


def kill(process: subprocess.Popen) -> None:
    """End it and its process group here at once; what hangs in the kernel is not waited for."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(limits.KILLED)


def quoted(words: Sequence[str]) -> str:
    """Words as sh(1) reads them."""
    return shlex.join(words)
