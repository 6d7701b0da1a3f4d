"""vmtrace summarize: a small file that stands for logs."""

import sys
from pathlib import Path
from typing import Annotated

import typer

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
from analyzer.cli.output import require_folder, write_bytes


def summarize(
    logs: Logs,
    output: Annotated[Path, typer.Option("--output", "-o", help="The file to write; X.vmsum by custom.")],
    process: Process = None,
    pid: Pid = None,
    path: PathStep = None,
    since: Since = None,
    until: Until = None,
    as_format: AsFormat = None,
    jobs: Jobs = None,
    dask: Dask = None,
    no_cache: NoCache = False,
) -> None:
    """Write a small file that every command takes in place of the logs."""
    from analyzer.summary.saved import write_summary

    require_folder(output)
    summary = read_logs(logs, record_filter(process, pid, path, since, until), jobs, dask, no_cache, as_format)
    write_bytes(output, write_summary(summary))
    print(f"summary: {output}", file=sys.stderr)
