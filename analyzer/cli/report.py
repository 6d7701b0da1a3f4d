"""vmtrace report: from logs to a verdict, a page and pictures."""

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
from analyzer.cli.output import Form, Output, Plots, Top, require_folder, write_document


def report(
    logs: Logs,
    output: Output = None,
    plots: Plots = None,
    form: Form = None,
    top: Top = 20,
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
    """Say how often what failed, which lock was left held and by whom, and what each path costs."""
    from analyzer.report.build import build_document

    require_folder(output, plots)
    summary = read_logs(logs, record_filter(process, pid, path, since, until), jobs, dask, no_cache, as_format)
    write_document(build_document(summary, top), output, plots, form)
