"""vmtrace watch: a live view of the fault path."""

from typing import Annotated

import typer

from analyzer.cli.collect import Slower, Then, Until, check_targets, dtrace_option, moment, seconds


def watch(
    script: str = typer.Option(None, metavar="NAME", help="D script; default: the one that fits the box."),
    interval: str = typer.Option("10s", metavar="TIME", help="Draw anew this often."),
    pid: int = typer.Option(None, min=1, metavar="N", help="Only this process."),
    execname: str = typer.Option(None, "--exec", metavar="NAME", help="Only processes of this name."),
    duration: str = typer.Option(None, metavar="TIME", help="End after 30s, 5m, 2h; else on q or ^C."),
    option: Annotated[
        list[str] | None, typer.Option("-x", metavar="NAME=VALUE", help="dtrace option, as aggsize=8m.")
    ] = None,
    ssh: str = typer.Option(None, metavar="HOST", help="Watch another box; nothing needs to be installed there."),
    until: Until = None,
    then: Then = None,
    slower: Slower = None,
    output: str = typer.Option("vmtrace.log", "-o", "--output", metavar="LOG", help="What w writes the log to."),
    force: bool = typer.Option(False, "--force", help="Overwrite the log."),
) -> None:
    """Show live what faults, fails and waits on this FreeBSD box, or on another through ssh; q ends.

    The log is thrown away at the end, unless w was typed, --until has come true or the trace failed.
    """
    from analyzer.host.request import Request
    from analyzer.host.view import Names
    from analyzer.host.watching import watch as run
    from analyzer.ingest.releases import path_name, result_name

    check_targets(pid, execname, None)
    request = Request(
        script=script,
        output=output,
        duration=seconds("--duration", duration),
        pid=pid or 0,
        execname=execname or "",
        options=dict(map(dtrace_option, option or [])),
        ssh=ssh,
        force=force,
        **moment(until, then, slower),
    )
    raise typer.Exit(run(request, Names(path_name, result_name), seconds("--interval", interval)))
