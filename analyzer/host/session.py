"""One recording: dtrace started, COMMAND released once tracing is on, and everything put back whatever happens."""

import contextlib
import time
from dataclasses import dataclass

from analyzer.errors import IoError, TemporaryError, VmtraceError
from analyzer.host import counters, messages
from analyzer.host.box import Box
from analyzer.host.command import HeldCommand
from analyzer.host.failpoint import Armed, FailPoint
from analyzer.host.output import Output
from analyzer.host.progress import Progress
from analyzer.host.signals import Signals
from analyzer.host.streams import Joiner
from analyzer.host.tally import Tally
from analyzer.host.tracer import Tracer

_TICK = 0.1  # seconds between looks at the command and the clock
_GRACE = 10.0  # seconds that a killed dtrace has to end
_SILENCE = 60.0  # seconds without output after which a dtrace that was told to end counts as stuck
_FIRST_LINE = b"#vmtrace\t"


@dataclass(frozen=True)
class Plan:
    """What to record.

    Attributes:
        text: the D that runs.
        pid, execname: what narrows the script, 0 and "" for nothing.
        narrow: whether the script is narrowed to COMMAND's process group too.
        duration: seconds, None for as long as it takes.
        command: words of COMMAND, empty for none.
    """

    name: str
    text: str
    pid: int
    execname: str
    narrow: bool
    duration: float | None
    command: list[str]
    fail_point: FailPoint | None

    def arguments(self, group: int | str) -> list[str]:
        """The script's arguments; without anything to narrow there are none, as by hand."""
        words = [str(self.pid), self.execname, str(group if self.narrow else 0)]
        return words if words != ["0", "", "0"] else []


@dataclass
class Result:
    """What came of it.

    Attributes:
        growth: growth of the kernel's counters inside the trace; empty where they could not be read.
        status: exit status of COMMAND, None without one.
        stopped_by: the signal that ended the trace at once, or None.
        failure: what went wrong, None if nothing.
    """

    tally: Tally
    seconds: float
    growth: dict[str, int]
    status: int | None
    stopped_by: int | None
    failure: VmtraceError | None


def record(box: Box, plan: Plan, output: Output, header: bytes, progress: Progress) -> Result:
    """Record into `output`, `header` first.  Before tracing began a failure is raised; then it is in the result."""
    with Signals() as signals, contextlib.ExitStack() as undo:
        command = None
        if plan.command:
            command = HeldCommand(box, plan.command, output_to_stderr=output.to_stdout)
            undo.callback(command.cancel)
        tracer = Tracer(box, plan.name, plan.text, plan.arguments(command.group if command else 0))
        undo.callback(tracer.end)
        session = _Session(box, plan, output, progress, signals, tracer, command)
        session.await_tracing()
        undo.pop_all()  # from here on _Session ends what it began
        return session.run(header)


class _Session:
    def __init__(
        self,
        box: Box,
        plan: Plan,
        output: Output,
        progress: Progress,
        signals: Signals,
        tracer: Tracer,
        command: HeldCommand | None,
    ) -> None:
        self._box, self._plan, self._output, self._progress = box, plan, output, progress
        self._signals, self._tracer, self._command = signals, tracer, command
        self._tally = Tally()
        self._joiner = Joiner(self._lines, self._message)
        self._early: list[bytes] | None = []  # what came before the counters were read
        self._tracing = False
        self._failure: VmtraceError | None = None
        self._broken = False  # the output takes no more
        self._began = 0.0

    def await_tracing(self) -> None:
        """Until the script's first line has come: then every probe is on."""
        while not self._tracing:
            self._pump()
            if self._tracer.streams.ended:
                text = b"".join(self._early).decode(errors="replace")
                raise messages.failure(text) or TemporaryError(
                    f"dtrace ended with status {self._tracer.status()} before tracing began: "
                    f"{text.strip().splitlines()[-1] if text.strip() else 'no message'}"
                )
            if self._signals.asked():
                name = self._signals.received[0].name
                raise TemporaryError(f"ended by {name} before tracing began: nothing recorded")

    def run(self, header: bytes) -> Result:
        """The trace and its end."""
        armed: list[Armed] = []
        before: dict[str, int] = {}
        reason = "a failure"
        self._began = time.monotonic()
        self._attempt(lambda: before.update(counters.read(self._box)))
        self._attempt(self._output.keep)
        self._write(header + counters.lines("before", before) + b"".join(self._early))
        self._early = None
        if self._plan.fail_point and not self._failure:
            self._attempt(lambda: armed.append(Armed(self._box, self._plan.fail_point)))
        if not self._failure:
            if self._command:
                self._command.release()
            reason = self._trace()
        return self._end(armed, before, reason)

    def _trace(self) -> str:
        """Until something ends it; says what."""
        while True:
            self._pump()
            self._attempt(self._output.sync)
            self._progress.draw(time.monotonic() - self._began, self._tally)
            if self._failure is not None:
                return "a failure"
            if self._tracer.streams.ended:
                return "dtrace"
            if self._signals.asked():
                return self._signals.received[0].name
            if self._command and self._command.status() is not None:
                return "the end of COMMAND"
            if self._plan.duration is not None and time.monotonic() - self._began >= self._plan.duration:
                return "the end of its duration"

    def _end(self, armed: list[Armed], before: dict[str, int], reason: str) -> Result:
        """Disarm, read the counters while tracing is on, end dtrace, then the command."""
        seconds = time.monotonic() - self._began
        after: dict[str, int] = {}
        for point in armed:
            self._attempt(point.disarm)
        if self._command and reason != "the end of COMMAND":
            name = self._signals.received[0].name.removeprefix("SIG") if self._signals.asked() else "TERM"
            self._attempt(lambda: self._command.signal(name))
        if not self._tracer.streams.ended:
            if before:
                self._attempt(lambda: after.update(counters.read(self._box)))
            self._tracer.stop()
            self._drain()
        cut = self._joiner.finish()
        self._judge()
        if cut:  # not as a line of its own: it could pass for a record
            self._write(b"#host.cut\t" + cut + b"\n")
        self._write(counters.lines("after", after) + f"#host.ended\t{reason}\n".encode())
        self._attempt(self._output.close)
        status = self._end_command()
        growth = {name: value - before[name] for name, value in after.items() if name in before}
        stopped_by = int(self._signals.received[0]) if self._signals.hurried() else None
        return Result(self._tally, seconds, growth, status, stopped_by, self._failure)

    def _drain(self) -> None:
        """What dtrace still has to say, up to the end of its streams."""
        heard = time.monotonic()
        hurried = False
        while not self._tracer.streams.ended:
            if self._pump():
                heard = time.monotonic()
            silent = time.monotonic() - heard
            if not hurried and (self._signals.hurried() or silent > _SILENCE):
                hurried, heard = True, time.monotonic()
                self._tracer.abort()
            elif hurried and silent > _GRACE:
                self._fail(TemporaryError("dtrace does not end even when killed: it may hang in the kernel"))
                return

    def _judge(self) -> None:
        """Whether dtrace ended well."""
        if self._signals.hurried() or not self._tracer.streams.ended:
            return
        status = self._tracer.status()
        if status == 255 and self._box.remote:
            self._fail(
                TemporaryError(
                    f"the connection to {self._box.name} was lost; without it the box disarms the fail point and stops "
                    f"dtrace by itself; what had come is kept in {self._output.name}"
                )
            )
        elif status > 128:
            self._fail(
                TemporaryError(
                    f"dtrace was killed by signal {status - 128}; what it had printed is kept in {self._output.name}"
                )
            )
        elif status:
            self._fail(TemporaryError(f"dtrace ended with status {status}; see the messages in {self._output.name}"))

    def _end_command(self) -> int | None:
        """COMMAND's end, which it has been told to come to, and its exit status."""
        if self._command is None:
            return None
        self._attempt(lambda: self._command.end(self._signals.hurried))
        return self._command.status()

    def _pump(self) -> bool:
        """Take the next piece of dtrace's output, or wait a tick; whether there was one."""
        item = self._tracer.streams.get(_TICK)
        if item is not None:
            self._joiner.feed(*item)
        return item is not None

    def _lines(self, data: bytes) -> None:
        self._tally.lines(data)
        self._tracing = self._tracing or data.startswith(_FIRST_LINE) or b"\n" + _FIRST_LINE in data
        self._log(data)

    def _message(self, line: bytes) -> None:
        loss = self._tally.message(line)
        if loss is not None:
            self._progress.lost(*loss)
        elif line.startswith(b"dtrace: processing aborted") and self._tracing:
            self._fail(messages.failure(line.decode(errors="replace")))
        # Only dtrace speaks in a log; what sh or ssh say is kept as a directive.
        self._log((line if line.startswith(b"dtrace: ") or not line else b"#host.stderr\t" + line) + b"\n")

    def _log(self, data: bytes) -> None:
        if self._early is None:
            self._write(data)
        else:
            self._early.append(data)

    def _write(self, data: bytes) -> None:
        """Write, unless writing has failed before."""
        if self._broken:
            return
        try:
            self._output.write(data)
        except IoError as error:
            self._broken = True
            self._fail(error)

    def _attempt(self, action) -> None:
        """Do it; a failure is noted and the rest goes on."""
        try:
            action()
        except VmtraceError as error:
            self._fail(error)

    def _fail(self, error: VmtraceError) -> None:
        self._failure = self._failure or error
