"""vmtrace collect: record a log on a FreeBSD box."""

import re
import sys
from typing import Annotated

import typer

from analyzer.errors import UsageError

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
    fail_point: str = typer.Option(None, metavar="NAME=TERM", help="Arm debug.fail_point.NAME while tracing."),
    option: Annotated[
        list[str] | None, typer.Option("-x", metavar="NAME=VALUE", help="dtrace option, as bufsize=64m.")
    ] = None,
    ktrace: bool = typer.Option(False, "--ktrace", help="Record with ktrace(1) instead of dtrace(1)."),
    ssh: str = typer.Option(None, metavar="HOST", help="Record on another box; nothing needs to be installed there."),
    force: bool = typer.Option(False, "--force", help="Overwrite the log."),
    dry_run: bool = typer.Option(False, "--dry-run", help="Print the commands and the D, and do nothing."),
) -> None:
    """Record the fault path of this FreeBSD box, or of another through ssh."""
    from analyzer.host import recording
    from analyzer.host.request import Request

    targets = [name for name, given in (("--pid", pid), ("--exec", execname), ("COMMAND", command)) if given]
    if len(targets) > 1:
        raise UsageError(f"{' and '.join(targets)} exclude each other: give one")
    if execname and (execname.startswith("-") or len(execname) > 19):
        raise UsageError(f"--exec {execname!r}: dtrace takes no name that begins with -, the kernel keeps 19 letters")
    request = Request(
        script=script,
        output=output,
        duration=seconds(duration),
        pid=pid or 0,
        execname=execname or "",
        command=command or [],
        fail_point=fail_point,
        options=dict(_option(text) for text in option or []),
        ktrace=ktrace,
        ssh=ssh,
        force=force,
    )
    if dry_run:
        sys.stdout.write(recording.dry_run(request))
        return
    raise typer.Exit(recording.record(request))


def seconds(text: str | None) -> float | None:
    """`30s`, `500ms`, `5m`, `2h`, `1d` in seconds; a bare number is seconds."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)?", text)
    if match is None or not float(match.group(1)):
        raise UsageError(f"--duration {text!r}: write it as 500ms, 30s, 5m, 2h or 1d")
    return float(match.group(1)) * _SECONDS[match.group(2) or "s"]


def _option(text: str) -> tuple[str, str]:
    match = re.fullmatch(r"([a-z]+)(?:=([\w.-]+))?", text)
    if match is None:
        raise UsageError(f"-x {text!r}: write it as NAME=VALUE, for example bufsize=64m")
    return match.group(1), match.group(2) or ""
