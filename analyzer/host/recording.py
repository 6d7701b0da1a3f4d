"""From what the user asks for to a log: checks, the plan, the recording, the words at the end."""

from analyzer.errors import UsageError
from analyzer.host import (
    command,
    counters,
    dscript,
    facts,
    failpoint,
    ktrace,
    panic,
    prove,
    provenance,
    session,
    summary,
    tracer,
)
from analyzer.host.box import Box, SshBox, quoted
from analyzer.host.live import Live
from analyzer.host.output import Output
from analyzer.host.progress import Progress
from analyzer.host.request import Request


def record(request: Request, progress: Progress | None = None, live: Live | None = None) -> int:
    """Record; gives the exit status: 1 where what `until` asks for has happened, else COMMAND's where there is one.

    Args:
        progress: who shows what goes on; a line on stderr where none is given.
        live: what is told of all that passes.
    """
    point = failpoint.parse(request.fail_point) if request.fail_point else None
    box = request.box
    try:
        if isinstance(box, SshBox):
            box.connect()
        if request.ktrace:
            return ktrace.record(box, request, point)
        return _dtrace(box, request, point, progress or Progress(), live)
    finally:
        box.close()


def _dtrace(
    box: Box, request: Request, point: failpoint.FailPoint | None, progress: Progress, live: Live | None
) -> int:
    known = facts.ask(box)
    facts.require(box, known, ("dtrace",))
    facts.require_process(box, request.pid)
    if request.script:
        facts.check_release(dscript.load(request.script), known)
    facts.load_modules(box, known)
    if point:
        point = failpoint.narrowed(box, point, command=bool(request.command), everywhere=request.everywhere)
        failpoint.require_safe(box, known, point, everywhere=request.everywhere)
        progress.say(failpoint.told(box, point))
    plan = _plan(request, facts.choose(box, known, request.script, narrowed=request.narrowed), known, point)
    if dscript.load(plan.name).targeted and not plan.arguments("COMMAND"):
        progress.say(f"{plan.name} without a target traces every process, dtrace too: give --pid, --exec or -- COMMAND")
    if plan.survive:
        progress.say(panic.TOLD)
    if plan.survive and not box.remote:
        progress.say(panic.TO_THIS_BOX)
    origin = _origin(request, plan, point) | {"proved": prove.remembered(box, known, dscript.load(plan.name))}
    header = provenance.lines(box, known, origin)
    output = Output(request.output, force=request.force, called=request.called)
    try:
        result = session.record(box, plan, known, output, header, progress, live)
    except BaseException:
        output.discard()
        raise
    for line in summary.lines(output, result):
        progress.say(line)
    if result.failure is not None:
        raise result.failure
    if result.hit:
        return 1
    if result.stopped_by is not None:
        return 128 + result.stopped_by
    return result.status or 0


def _plan(
    request: Request, script: dscript.DScript, known: facts.Facts, point: failpoint.FailPoint | None
) -> session.Plan:
    largest = dscript.largest_buffer(known.number("hw.physmem"), known.number("hw.ncpu"))
    more = panic.OPTIONS if request.survive_panic else {}
    options = dscript.fitting(script, largest) | more | request.options
    text = dscript.render(script, options, locks=not request.no_locks)
    text += panic.clauses() if request.survive_panic else ""
    return session.Plan(
        name=script.name,
        text=text,
        larger=dscript.larger(text, largest),
        pid=request.pid,
        execname=request.execname,
        narrow=script.targeted and bool(request.command),
        duration=request.duration,
        command=request.command,
        fail_point=point,
        until=request.until,
        then=request.then,
        slower=_slower(request, script),
        survive=request.survive_panic,
    )


def _slower(request: Request, script: dscript.DScript) -> int:
    """The script's own argument: from how many ns on a fault is recorded; 0 for its own."""
    if not script.selects:
        if request.slower:
            raise UsageError(f"--slower: {script.name} records every fault; leave it out, or take --script vmwatch")
        return 0
    asked = request.until.value if request.until is not None and request.until.kind == "slower" else 0
    return min(filter(None, (request.slower, asked)), default=0)


def _origin(request: Request, plan: session.Plan, point: failpoint.FailPoint | None) -> dict[str, str]:
    return {
        "command": quoted(request.command),
        "script": f"{plan.name}.d",
        "script.sha256": provenance.sha256(plan.text),
        **provenance.of_point(point),
    }


def dry_run(request: Request) -> str:
    """The commands that would be run, and the D, as text; asks the box what it is and changes nothing."""
    point = failpoint.parse(request.fail_point) if request.fail_point else None
    box = request.box
    told = ""
    known = facts.Facts({})
    try:
        if isinstance(box, SshBox):
            box.connect()
            told += f"# on {box.name}, each piece by: {quoted(box.shell())}\n"
        known = facts.ask(box)
        if point:
            point = failpoint.narrowed(box, point, command=bool(request.command), everywhere=request.everywhere)
    finally:
        box.close()
    if known["system"] != "FreeBSD":
        told += f"# {box.name} runs {known['system'] or 'an unknown system'}: sizes are the script's own\n"
    if request.ktrace:
        return told + ktrace.dry_run(request, point)
    if request.script is None and not known.osreldate:
        told += "# the release is not known here: 11.0 or later is assumed; on FreeBSD the probes decide\n"
    fitting = "vmfault10" if 0 < known.osreldate < 1100000 else "vmfault" if request.narrowed else facts.COUNTING
    name = request.script or fitting
    script = dscript.load(name)
    facts.check_release(script, known)
    plan = _plan(request, script, known, point)
    told += "kldstat -q -m dtraceall || kldload dtraceall\n"
    told += ("rtprio 1 " if plan.survive else "") + tracer.command(plan.name, plan.arguments("PGID"), ".") + "\n"
    reading = counters.command(known).removeprefix("exec ").replace("exec ", "")
    told += "# once its first line has come:\n"
    told += f"{reading}\n"
    told += "\n".join(command.told(plan.command, plan.duration, point)) + "\n"
    told += f"{reading}\n"
    told += f"kill -TERM $dtrace\n\n# {plan.name}.d\n{plan.text}"
    return told
