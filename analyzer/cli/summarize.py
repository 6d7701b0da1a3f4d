"""vmtrace summarize: a small file that stands for logs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.files import STDOUT, Force, ending_of, require_writable, write
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
from analyzer.packages import import_arrow_alone


def summarize(
    logs: Logs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="X.vmsum; - is standard output.")],
    process: Process = None,
    pid: Pid = None,
    path: PathStep = None,
    since: Since = None,
    until: Until = None,
    as_format: AsFormat = None,
    jobs: Jobs = None,
    dask: Dask = None,
    no_cache: NoCache = False,
    force: Force = False,
) -> None:
    """Write a small file that every command takes in place of the logs."""
    import_arrow_alone()
    from analyzer.summary.saved import write_summary

    ending_of(output, {".vmsum": "summary"})
    require_writable(output, logs, force)
    summary = read_logs(logs, record_filter(process, pid, path, since, until), jobs, dask, no_cache, as_format)
    write(output, write_summary(summary))
    if output != STDOUT:
        print(f"summary: {output}", file=sys.stderr)
