"""Recording with ktrace(1), for boxes without dtrace: faults with their results, and nothing about locks or pages."""

import contextlib
import time

from analyzer.errors import IoError, TemporaryError, UnavailableError, UsageError, VmtraceError
from analyzer.host import facts, failpoint, limits, provenance
from analyzer.host.box import Box, quoted
from analyzer.host.command import HeldCommand, told
from analyzer.host.output import Output
from analyzer.host.progress import Progress
from analyzer.host.request import Request
from analyzer.host.signals import Signals

_KDUMP_FLAGS = "-HT"  # thread, absolute time
_CHUNK = 1 << 16


def _trace(file: str, target: str) -> str:
    """-t f: faults and their ends; -i: children too."""
    return f"ktrace -i -t f -f {file} {target}"


def _untrace(file: str, target: str) -> str:
    return f"ktrace -c -i -t f -f {file} {target}"


def _dump(file: str) -> str:
    return f"kdump {_KDUMP_FLAGS} -f {file}"


def _check(request: Request) -> None:
    if not request.pid and not request.command:
        raise UsageError("--ktrace follows processes: give --pid N or -- COMMAND")
    if request.script or request.options:
        raise UsageError("--ktrace runs no D script: leave --script and -x out")


def record(box: Box, request: Request, point: failpoint.FailPoint | None) -> int:
    """Record with ktrace and store kdump's text; gives COMMAND's exit status."""
    _check(request)
    known = facts.ask(box)
    facts.require(box, known, ("ktrace", "kdump"))
    facts.require_process(box, request.pid)
    progress = Progress()
    if point:
        point = failpoint.narrowed(box, point, command=bool(request.command), everywhere=request.everywhere)
        failpoint.require_safe(box, known, point, everywhere=request.everywhere)
        progress.say(failpoint.told(box, point))
    more = {"command": quoted(request.command)} | provenance.of_point(point) | {"kdump": _KDUMP_FLAGS}
    header = provenance.lines(box, known, more) + f"#osreldate\t{known.osreldate}\n".encode()
    output = Output(request.output, force=request.force)
    made = box.run("mktemp -d /tmp/vmtrace.XXXXXX")
    if made.status:
        output.discard()
        raise TemporaryError(f"no folder for ktrace.out on {box.name}: {made.complaint}")
    folder = made.out.strip()
    file = f"{folder}/ktrace.out"
    with contextlib.ExitStack() as undo:
        undo.callback(box.run, f"rm -rf {folder}")
        try:
            status, failure, seconds = _run(box, request, point, file)
            output.keep()
            ended = _store(box, file, header, output)
        except BaseException:
            output.discard()
            raise
    progress.say(f"{output.name}: {seconds:.1f} s, {ended:,} faults ended; ktrace sees no locks and no page moves")
    if failure is not None:
        raise failure
    return status or 0


def _run(
    box: Box, request: Request, point: failpoint.FailPoint | None, file: str
) -> tuple[int | None, VmtraceError | None, float]:
    """Trace until something ends it; COMMAND's status, what went wrong, and the seconds it took."""
    with Signals() as signals, contextlib.ExitStack() as undo:
        command = None
        target = f"-p {request.pid}"
        if request.command:
            command = HeldCommand(box, request.command, output_to_stderr=request.output == "-")
            undo.callback(command.cancel)
            target = f"-g {command.group}"
        guard = failpoint.Guard(box, point, command.group if command else 0) if point else None
        if guard:
            undo.callback(guard.disarm)
        answer = box.run(_trace(file, target))
        if answer.status:
            raise UnavailableError(f"ktrace failed: {answer.complaint}; the kernel needs option KTRACE")
        undo.pop_all()
        undo.callback(box.run, f"{_untrace(file, target)} 2>/dev/null")
        failure = None
        began = time.monotonic()
        try:
            if guard:
                guard.arm()
            if command:
                command.release()
            _wait(command, request.duration, began, signals)
            if guard:
                guard.disarm()
        except VmtraceError as error:
            failure = error
        seconds = time.monotonic() - began
        if command and command.status() is None:
            command.signal(signals.received[0].name.removeprefix("SIG") if signals.asked() else "TERM")
            try:
                command.end(signals.hurried)
            except TemporaryError as error:
                failure = failure or error
        return command.status() if command else None, failure, seconds


def _wait(command: HeldCommand | None, duration: float | None, began: float, signals: Signals) -> None:
    while not signals.asked() and not (command and command.status() is not None):
        if duration is not None and time.monotonic() - began >= duration:
            return
        time.sleep(limits.TICK)


def _store(box: Box, file: str, header: bytes, output: Output) -> int:
    """Write kdump's text; gives the number of faults that ended."""
    output.write(header)
    dump = box.start(_dump(file))
    assert dump.stdin and dump.stdout and dump.stderr  # pipes
    dump.stdin.close()
    ended, last = 0, b""
    while data := dump.stdout.read(_CHUNK):
        ended += (last + data).count(b" PRET  ") - last.count(b" PRET  ")
        last = data[-8:]
        output.write(data)
    complaint = dump.stderr.read().decode(errors="replace").strip()
    if dump.wait():
        raise IoError(f"kdump failed: {complaint}; what it printed is kept in {output.name}")
    output.close()
    return ended


def dry_run(request: Request, point: failpoint.FailPoint | None) -> str:
    """The commands that would be run."""
    _check(request)
    target = "-g $group_of_COMMAND" if request.command else f"-p {request.pid}"
    while_on = told(request.command, request.duration, point)
    before, after = _trace("./ktrace.out", target), _untrace("./ktrace.out", target)
    return "\n".join([before, *while_on, after, _dump("./ktrace.out")]) + "\n"
