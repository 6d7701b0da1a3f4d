"""vmtrace diff: before and after, and whether the difference can be chance."""

from typing import Annotated

import typer

from analyzer.cli.files import Force
from analyzer.cli.options import Dask, Jobs, NoCache, PathStep, Pid, Process, Since, Until, read_logs, record_filter
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

_Side = Annotated[list[str] | None, typer.Option(metavar="LOG", help="Another log of this side; may be repeated.")]


def diff(
    logs: Annotated[
        list[str] | None, typer.Argument(metavar="BEFORE AFTER", help="A log of each side; or name all by option.")
    ] = None,
    before: _Side = None,
    after: _Side = None,
    output: Output = None,
    plots: Plots = None,
    form: Form = None,
    force: Force = False,
    brief: Brief = False,
    wide: Wide = False,
    no_pager: NoPager = False,
    interactive: Interactive = False,
    top: Top = 20,
    process: Process = None,
    pid: Pid = None,
    path: PathStep = None,
    since: Since = None,
    until: Until = None,
    jobs: Jobs = None,
    dask: Dask = None,
    no_cache: NoCache = False,
) -> None:
    """Say what changed between two traces, by how much, and whether chance explains it."""
    from analyzer.report.compared import build_comparison

    logs = logs or []
    if len(logs) not in (0, 2):
        raise UsageError(f"diff takes two logs, BEFORE and AFTER, not {len(logs)}; add more with --before and --after")
    sides = [[*logs[:1], *(before or ())], [*logs[1:], *(after or ())]]
    for side, name in zip(sides, ("--before", "--after"), strict=True):
        if not side:
            raise UsageError(f"diff has no log for one side; name it with {name}")
    inputs = [*sides[0], *sides[1]]
    written = prepare(output, form, plots, inputs, force)
    chosen = record_filter(process, pid, path, since, until)
    old, new = (read_logs(side, chosen, jobs, dask, no_cache) for side in sides)
    document = build_comparison(old, new, top)
    if plots is not None:
        write_plots(document, plots, inputs, force)
    write_document(document, output, written, Look(brief, wide, no_pager, interactive))
