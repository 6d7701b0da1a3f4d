"""vmtrace collect: record a log on a FreeBSD box."""

import re
import sys
from typing import Annotated, Any, overload

import typer

from analyzer.errors import UsageError
from analyzer.ingest.releases import KERN_RESULTS

Until = Annotated[
    str | None,
    typer.Option(
        metavar="WHAT", help="End at the first imbalance, double-free, failed-insert, result=KERN_…, slower=1s."
    ),
]
Then = Annotated[str | None, typer.Option(metavar="CMD", help="Run this on the box at that moment, into the log.")]
Slower = Annotated[
    str | None, typer.Option(metavar="TIME", help="vmwatch: record faults that take longer; default 1s.")
]

_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}


def collect(
    command: Annotated[
        list[str] | None, typer.Argument(metavar="[-- COMMAND...]", help="Run this, held until tracing is on.")
    ] = None,
    script: str = typer.Option(None, metavar="NAME", help="D script; default: the fault script that fits the box."),
    output: str = typer.Option(
        "vmtrace.log", "-o", "--output", metavar="LOG", help="The log; - is standard output; .gz .xz .zst compress."
    ),
    duration: str = typer.Option(None, metavar="TIME", help="End after 30s, 5m, 2h; else with COMMAND or on ^C."),
    pid: int = typer.Option(None, min=1, metavar="N", help="Only this process."),
    execname: str = typer.Option(None, "--exec", metavar="NAME", help="Only processes of this name."),
    no_locks: bool = typer.Option(False, "--no-locks", help="Ask no lock balance: a fault costs a fourth less."),
    fail_point: str = typer.Option(None, metavar="NAME=TERM", help="Arm debug.fail_point.NAME while tracing."),
    yes: bool = typer.Option(False, "--yes", help="Let the fail point reach the whole machine (10.x may panic)."),
    option: Annotated[
        list[str] | None, typer.Option("-x", metavar="NAME=VALUE", help="dtrace option, as bufsize=64m.")
    ] = None,
    ktrace: bool = typer.Option(False, "--ktrace", help="Record with ktrace(1) instead of dtrace(1)."),
    ssh: str = typer.Option(None, metavar="HOST", help="Record on another box; nothing needs to be installed there."),
    until: Until = None,
    then: Then = None,
    slower: Slower = None,
    survive_panic: bool = typer.Option(
        False, "--survive-panic", help="Have the last records come out while the box panics (dtrace -w)."
    ),
    force: bool = typer.Option(False, "--force", help="Overwrite the log."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the commands and the D, and do nothing."),
) -> None:
    """Record the fault path of this FreeBSD box, or of another through ssh."""
    from analyzer.host import recording
    from analyzer.host.request import Request

    check_targets(pid, execname, command)
    if no_locks and until == "imbalance":
        raise UsageError("--until imbalance asks for what --no-locks leaves out: give one")
    request = Request(
        script=script,
        output=output,
        duration=seconds("--duration", duration),
        pid=pid or 0,
        execname=execname or "",
        command=command or [],
        no_locks=no_locks,
        fail_point=fail_point,
        everywhere=yes,
        options=dict(map(dtrace_option, option or [])),
        ktrace=ktrace,
        ssh=ssh,
        survive_panic=survive_panic,
        force=force,
        **moment(until, then, slower),
    )
    if dry_run:
        sys.stdout.write(recording.dry_run(request))
        return
    raise typer.Exit(recording.record(request))


def check_targets(pid: int | None, execname: str | None, command: list[str] | None) -> None:
    """UsageError where the options that narrow exclude each other."""
    targets = [name for name, given in (("--pid", pid), ("--exec", execname), ("COMMAND", command)) if given]
    if len(targets) > 1:
        raise UsageError(f"{' and '.join(targets)} exclude each other: give one")
    if execname and (execname.startswith("-") or len(execname) > 19):
        raise UsageError(f"--exec {execname!r}: dtrace takes no name that begins with -, the kernel keeps 19 letters")


def moment(until: str | None, then: str | None, slower: str | None) -> dict[str, Any]:
    """What --until, --then and --slower ask for, as a Request has it."""
    from analyzer.host.until import Until

    if then and not until:
        raise UsageError("--then runs at the moment that --until names: give both")
    asked = None
    if until is not None:
        kind, _, value = until.partition("=")
        if kind == "result" and value in KERN_RESULTS[1:]:
            asked = Until(until, kind, KERN_RESULTS.index(value))
        elif kind == "slower" and value:
            asked = Until(until, kind, round(seconds("--until slower", value) * 1e9))
        elif until in ("imbalance", "double-free", "failed-insert"):
            asked = Until(until, kind)
        else:
            results = ", ".join(KERN_RESULTS[1:])
            raise UsageError(
                f"--until {until!r}: write imbalance, double-free, failed-insert, slower=50ms or result=NAME: {results}"
            )
    return {"until": asked, "then": then or "", "slower": round((seconds("--slower", slower) or 0) * 1e9)}


@overload
def seconds(option: str, text: str) -> float: ...
@overload
def seconds(option: str, text: str | None) -> float | None: ...
def seconds(option: str, text: str | None) -> float | None:
    """`30s`, `500ms`, `5m`, `2h`, `1d` in seconds; a bare number is seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text)
    if match is None or not float(match.group(1)):
        raise UsageError(f"{option} {text!r}: write it as 500ms, 30s, 5m, 2h or 1d")
    return float(match.group(1)) * _SECONDS[match.group(2) or "s"]


def dtrace_option(text: str) -> tuple[str, str]:
    """`bufsize=4m` as its two parts."""
    match = re.fullmatch(r"([a-z]+)(?:=([\w.-]+))?", text)
    if match is None:
        raise UsageError(f"-x {text!r}: write it as NAME=VALUE, for example bufsize=64m")
    return match.group(1), match.group(2) or ""
