"""One recording: dtrace started, COMMAND released once tracing is on, and everything put back whatever happens.

Its phases are compiling (`await_tracing`), tracing (`_trace`) and ending (`_end`); there is no way back.
"""

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass

from analyzer.errors import TemporaryError, UsageError, VmtraceError
from analyzer.host import counters, left, limits, messages, panic, until
from analyzer.host.box import SSH_FAILED, Box
from analyzer.host.facts import Facts
from analyzer.host.failpoint import FailPoint
from analyzer.host.heartbeat import Heartbeat
from analyzer.host.helpers import Helpers
from analyzer.host.live import Live
from analyzer.host.log import Log
from analyzer.host.output import Output
from analyzer.host.progress import Phase, Progress
from analyzer.host.result import EndedEarlyError, Result
from analyzer.host.signals import Signals
from analyzer.host.status import Pace, status
from analyzer.host.streams import Joiner
from analyzer.host.tracer import SELF, Tracer
from analyzer.host.until import Until

_FIRST_LINE = b"#vmtrace\t"
_BY_KERNEL = "the kernel"
_BY_DTRACE = "dtrace"
_CONNECTION = "the connection"
_END_OF_COMMAND = "the end of COMMAND"
_LOST = "what dtrace had not printed yet is lost"
_HURRY = "; ^C again ends at once and loses them"


@dataclass(frozen=True)
class Plan:
    """What to record.

    Attributes:
        text: the D that runs.
        larger: up to what size this box's kernel lets the script's buffers grow, where it does.
        pid, execname: what narrows the script, 0 and "" for nothing.
        narrow: whether the script is narrowed to COMMAND's process group too.
        duration: seconds, None for as long as it takes.
        command: words of COMMAND, empty for none.
        until: what ends it at once, None for nothing.
        then: the command that is run on the box at that moment, "" for none.
        survive: whether the script has the clauses for a panic.
        slower: ns, faults that take longer are recorded by a script that selects; 0 for its own limit.
    """

    name: str
    text: str
    larger: dict[str, str]
    pid: int
    execname: str
    narrow: bool
    duration: float | None
    command: list[str]
    fail_point: FailPoint | None
    until: Until | None = None
    then: str = ""
    slower: int = 0
    survive: bool = False

    def arguments(self, group: int | str) -> list[str]:
        """The script's arguments; without anything to narrow there are none, as by hand."""
        words = [str(self.pid), self.execname, str(group if self.narrow else 0)]
        words += [str(self.slower)] if self.slower else []
        return words if words != ["0", "", "0"] else []


def record(
    box: Box, plan: Plan, facts: Facts, output: Output, header: bytes, progress: Progress, live: Live | None = None
) -> Result:
    """Record into `output`, `header` first; `live` is told what passes.

    Before tracing began a failure is raised; then it is in the result.
    """
    with Signals() as signals, contextlib.ExitStack() as undo:
        progress.phase(Phase.COMPILING, f"{plan.name}.d")
        undo.callback(progress.end)
        helpers = Helpers(box, facts, plan.command, plan.fail_point, output_to_stderr=output.to_stdout)
        undo.callback(helpers.cancel)
        arguments = plan.arguments(helpers.command.group if helpers.command else 0)
        tracer = Tracer(box, plan.name, plan.text, arguments, real_time=plan.survive)
        undo.callback(tracer.end)
        session = _Session(box, plan, output, progress, signals, tracer, helpers, live)
        session.await_tracing()
        session.begin(header)
        undo.pop_all()  # from here on _Session ends what it began
        return session.run()


class _Session:
    def __init__(
        self,
        box: Box,
        plan: Plan,
        output: Output,
        progress: Progress,
        signals: Signals,
        tracer: Tracer,
        helpers: Helpers,
        live: Live | None,
    ) -> None:
        self._box, self._plan, self._output, self._progress = box, plan, output, progress
        self._signals, self._tracer, self._helpers = signals, tracer, helpers
        self._command = helpers.command
        self._live = Live() if live is None and plan.until is not None else live
        self._log = Log(output)
        self._joiner = Joiner(self._lines, self._message)
        self._heart = Heartbeat()
        self._self = {*helpers.pids, *([] if box.remote else [os.getpid(), *output.pids])}
        self._tracing = False
        self._silence_said = self._hurry_said = False
        self._panic = ""
        self._result = Result(self._log.tally, 0.0)
        self._before: dict[str, int] = {}
        self._began = 0.0

    def await_tracing(self) -> None:
        """Until the script's first line has come: then every probe is on."""
        until = time.monotonic() + limits.COMPILE
        while not self._tracing:
            self._pump()
            if self._tracer.streams.ended:
                text = b"".join(self._log.early).decode(errors="replace")
                raise messages.failure(text) or TemporaryError(
                    f"dtrace ended with status {self._tracer.status()} before tracing began: "
                    f"{text.strip().splitlines()[-1] if text.strip() else 'no message'}"
                )
            if self._signals.asked() or self._progress.quit:
                name = self._signals.received[0].name if self._signals.asked() else "q"
                raise EndedEarlyError(f"ended by {name} before tracing began: nothing recorded")
            if time.monotonic() > until:
                raise TemporaryError(
                    f"dtrace has not begun to trace for {limits.COMPILE:g} s: nothing recorded; is the box wedged?"
                )

    def begin(self, header: bytes) -> None:
        """Read the counters, arm the fail point, begin the log; raised, its errors leave none."""
        self._began = time.monotonic()
        self._attempt(lambda: self._before.update(self._helpers.before.take()))
        if self._helpers.guard and self._result.failure is None:
            try:
                self._helpers.guard.arm()
            except UsageError:  # COMMAND has not run: there is nothing to keep
                raise
            except VmtraceError as error:
                self._fail(error)
        self._attempt(self._output.keep)
        known = "".join(f"#host.self\t{pid}\n" for pid in sorted(self._self)).encode()
        self._log.begin(header + known + counters.lines("before", self._before))

    def run(self) -> Result:
        """The trace and its end."""
        reason = "a failure"
        if self._result.failure is None:
            if self._command:
                self._command.release()
            reason = self._trace()
        self._end(reason)
        return self._result

    def _trace(self) -> str:
        """Until something ends it; says what."""
        self._progress.phase(Phase.TRACING, self._output.name)
        pace = Pace(self._began)
        self._heart.begin(self._began)
        self._progress.trace(self._heart, self._began)
        now = self._began
        while True:
            self._pump()
            before, now = now, time.monotonic()
            if now - before > limits.SILENT:  # vmtrace itself was stopped: what came meanwhile is still to be read
                self._heart.begin(now)
            self._attempt(self._output.sync)
            self._progress.show(status(self._log.tally, self._heart, pace, now))
            if self._plan.until is not None and self._live is not None and self._plan.until.met(self._live):
                self._result.hit = True
                return f"--until {self._plan.until.text}"
            if self._progress.quit:
                return "q"
            if self._log.failure is not None:
                self._fail(self._log.failure)
            if self._result.failure is not None:
                return "a failure"
            if self._tracer.streams.ended:
                return _CONNECTION if self._lost_connection() else _BY_DTRACE
            if self._signals.asked():
                return self._signals.received[0].name
            if self._command and self._command.status() is not None:
                return _END_OF_COMMAND
            if self._plan.duration is not None and now - self._began >= self._plan.duration:
                return "the end of its duration"
            if self._heart.stopped(now):
                return _BY_KERNEL
            self._tell_of_silence(now)

    def _tell_of_silence(self, now: float) -> None:
        silent = self._heart.silent(now)
        if silent > limits.SILENT and not self._silence_said:
            self._progress.say(
                f"no T line for {silent:.0f} s: the box is very busy, or its kernel has ended tracing; "
                f"{limits.STOPPED:g} s without a word count as ended"
            )
        elif silent < limits.SILENT and self._silence_said:
            self._progress.say("T lines come again")
        self._silence_said = silent > limits.SILENT

    def _end(self, reason: str) -> None:
        """Disarm, read the counters while tracing is on, end dtrace, then the command."""
        self._result.seconds = time.monotonic() - self._began
        self._result.stopped = self._result.stopped or reason == _BY_KERNEL
        self._progress.phase(Phase.ENDING, f"on {reason}")
        if self._tracer.streams.ended:
            self._judge(reason)  # whatever fails from here on fails of that
        then = until.run(self._box, self._plan.then) if self._result.hit and self._plan.then else b""
        if self._helpers.guard:
            self._attempt(self._helpers.guard.disarm)
        if (command := self._command) and reason != _END_OF_COMMAND:
            name = self._signals.received[0].name.removeprefix("SIG") if self._signals.asked() else "TERM"
            self._attempt(lambda: command.signal(name))
        after = self._read_after()
        self._stop()
        if self._lost_connection():  # its silence can pass for a kernel that has stopped, until ssh gives up
            reason, self._result.stopped = _CONNECTION, False
        cut = self._joiner.finish()
        self._judge(reason)
        if cut:  # not as a line of its own: it could pass for a record
            self._log.lines(b"#host.cut\t" + cut + b"\n")
        self._log.lines(then + after)
        self._attempt(self._output.sync)
        self._end_command()
        if self._result.stopped and self._log.tally.last:
            self._log.host("stopped", self._log.tally.last)
        self._log.host("ended", reason)
        if self._log.failure is not None:
            self._fail(self._log.failure)
        self._attempt(self._output.close)
        self._result.signalled = self._signals.asked()
        if self._signals.hurried():
            self._result.stopped_by = int(self._signals.received[0])
        self._progress.end()

    def _read_after(self) -> bytes:
        """The second reading of the counters, as lines of the log."""
        after: dict[str, int] = {}
        self._result.late = self._tracer.streams.ended
        if self._before:
            self._attempt(lambda: after.update(self._helpers.after.take()))
        else:
            self._helpers.after.cancel()
        self._result.window = time.monotonic() - self._began
        self._result.growth = {name: after[name] - value for name, value in self._before.items() if name in after}
        window = f"#host.window\t{self._result.window:.3f}\n".encode() if after else b""
        return window + counters.lines("late" if self._result.late else "after", after)

    def _stop(self) -> None:
        """End dtrace, and take what it still has to say, up to the end of its streams."""
        if self._tracer.streams.ended:
            return
        self._tracer.stop()
        told = heard = time.monotonic()
        waiting = aborted = False
        while not self._tracer.streams.ended:
            if self._pump():
                heard = time.monotonic()
            self._progress.show(f"waiting for dtrace's last records{_HURRY}")
            now = time.monotonic()
            silent = now - heard
            if not waiting and now - told > limits.SILENT:
                waiting = True
                self._progress.say(
                    f"dtrace was told to end and is behind: what it recorded it still prints; it is killed after "
                    f"{limits.DRAIN:g} s without a word, or {limits.BEHIND:g} s in all"
                )
            if not aborted and (self._hurried(_LOST) or silent > limits.DRAIN or now - told > limits.BEHIND):
                aborted, heard = True, now
                self._tracer.abort()
                if not self._signals.hurried():
                    self._log.host("killed", "dtrace")
                    self._fail(
                        TemporaryError(
                            f"dtrace did not end within {now - told:.0f} s and was killed: {_LOST}; what it had "
                            f"printed is kept in {self._output.name}"
                        )
                    )
            elif aborted and silent > limits.KILLED:
                hangs = self._tracer.hangs()
                self._log.lines(left.lines(hangs))
                self._fail(TemporaryError(f"dtrace does not end even when killed: {left.told(hangs)}"))
                return

    def _hurried(self, loss: str) -> bool:
        """Whether a second signal asks for the end at once; said once, with what that costs."""
        hurried = self._signals.hurried()
        if hurried and not self._hurry_said:
            self._hurry_said = True
            self._progress.say(f"a second {self._signals.received[1].name}: ended at once, {loss}")
        return hurried

    def _lost_connection(self) -> bool:
        return self._box.remote and self._tracer.streams.ended and self._tracer.status() == SSH_FAILED

    def _judge(self, reason: str) -> None:
        """Whether dtrace ended well."""
        if self._lost_connection():
            panicked = f"the box panicked ({self._panic}): " if self._panic else ""
            self._result.failure = TemporaryError(  # also where something else has noticed first
                f"{panicked}the connection to {self._box.name} was lost; without it the box disarms the fail point and "
                f"stops dtrace by itself, if it has not panicked; what had come is kept in {self._output.name}"
            )
        elif self._result.stopped:
            self._fail(TemporaryError(f"tracing was ended by the kernel: {messages.TOO_BUSY}"))
        elif self._signals.hurried() or not self._tracer.streams.ended:
            return
        elif (status := self._tracer.status()) > 128:
            kept = f"what it had printed is kept in {self._output.name}"
            self._fail(TemporaryError(f"dtrace was killed by signal {status - 128}; {kept}"))
        elif status:
            self._fail(TemporaryError(f"dtrace ended with status {status}; see the messages in {self._output.name}"))
        elif reason == _BY_DTRACE:
            self._fail(
                TemporaryError(
                    f"somebody else ended dtrace with a signal; {self._output.name} is complete up to that moment"
                )
            )

    def _end_command(self) -> None:
        """COMMAND's end, which it has been told to come to, and its exit status."""
        command = self._command
        if command is None:
            return

        def hurry() -> bool:
            self._progress.show("waiting for COMMAND; ^C again kills it")
            return self._hurried("COMMAND is killed")

        self._attempt(lambda: command.end(hurry))
        if command.killed:
            self._progress.say(f"COMMAND did not end within {limits.COMMAND:g} s of its signal and was killed")
            self._log.host("killed", "COMMAND")
            self._log.lines(left.lines(command.hangs))
        self._result.status = command.status()

    def _pump(self) -> bool:
        """Take the next piece of dtrace's output, or wait a tick; whether there was one."""
        item = self._tracer.streams.get(limits.TICK)
        if item is not None:
            self._joiner.feed(*item)
        self._progress.tick()
        return item is not None

    def _lines(self, data: bytes) -> None:
        self._tracing = self._tracing or data.startswith(_FIRST_LINE) or b"\n" + _FIRST_LINE in data
        self._heart.lines(data, time.monotonic())
        if self._live is not None:
            self._live.lines(data)
        if self._plan.survive:
            self._panic = self._panic or panic.message(data)
        self._log.lines(data)

    def _message(self, line: bytes) -> None:
        if line.startswith(SELF):
            pids = [int(word) for word in line.removeprefix(SELF).split()]
            self._tracer.group = pids[0]
            self._self.update(pids)
            return
        loss = self._log.tally.message(line)
        if self._live is not None:
            self._live.tally.message(line)
        if loss is not None:
            self._progress.lost(*loss, messages.advice(loss[0], self._plan.larger))
        elif self._tracing and messages.ended_by_kernel(line):
            self._result.stopped = True
        # Only dtrace speaks in a log; what sh or ssh say is kept as a directive.
        self._log.lines((line if line.startswith(b"dtrace: ") or not line else b"#host.stderr\t" + line) + b"\n")

    def _attempt(self, action: Callable[[], object]) -> None:
        """Do it; a failure is noted and the rest goes on."""
        try:
            action()
        except VmtraceError as error:
            self._fail(error)

    def _fail(self, error: VmtraceError) -> None:
        self._result.failure = self._result.failure or error
