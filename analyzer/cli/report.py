"""vmtrace report: from logs to a verdict, a page and pictures."""

from typing import Annotated

import typer

from analyzer.cli.files import Force, is_stream
from analyzer.cli.options import (
    AsFormat,
    Dask,
    Jobs,
    Logs,
    NoCache,
    PathStep,
    Pid,
    Process,
    Since,
    Until,
    read_logs,
    record_filter,
)
from analyzer.cli.output import (
    Brief,
    Form,
    Interactive,
    Look,
    NoPager,
    Output,
    Plots,
    Top,
    Wide,
    prepare,
    write_document,
    write_plots,
)
from analyzer.errors import UsageError
from analyzer.packages import import_arrow_alone

_INTERVAL = 1.0  # seconds between two drawings of a log that grows


def report(
    logs: Logs,
    output: Output = None,
    plots: Plots = None,
    form: Form = None,
    force: Force = False,
    brief: Brief = False,
    wide: Wide = False,
    no_pager: NoPager = False,
    interactive: Interactive = False,
    top: Top = 20,
    slowest: Annotated[
        int, typer.Option(min=1, max=50, metavar="N", help="How many of the slowest faults are shown.")
    ] = 10,
    process: Process = None,
    pid: Pid = None,
    path: PathStep = None,
    since: Since = None,
    until: Until = None,
    as_format: AsFormat = None,
    jobs: Jobs = None,
    dask: Dask = None,
    no_cache: NoCache = False,
    with_tracer: Annotated[
        bool, typer.Option("--with-tracer", help="Count the faults of tracing itself with the others.")
    ] = False,
    follow: Annotated[
        bool, typer.Option("--follow", help="Draw what one growing log says until q or ^C, then report on it.")
    ] = False,
) -> None:
    """Say how often what failed, which lock was left held and by whom, and what each path costs."""
    import_arrow_alone()
    from analyzer.report.build import build_document

    chosen = prepare(output, form, plots, logs, force)
    if follow:
        _follow(logs)
    wanted = record_filter(process, pid, path, since, until, with_tracer)
    summary = read_logs(logs, wanted, jobs, dask, no_cache, as_format)
    document = build_document(summary, top, slowest)
    if plots is not None:
        write_plots(document, plots, logs, force)
    write_document(document, output, chosen, Look(brief, wide, no_pager or follow, interactive))


def _follow(logs: list[str]) -> None:
    from analyzer.host.following import follow
    from analyzer.host.view import Names
    from analyzer.ingest.releases import path_name, result_name

    if len(logs) != 1 or is_stream(logs[0]):
        raise UsageError("--follow follows one log that is a plain file: name it")
    follow(logs[0], Names(path_name, result_name), _INTERVAL)
