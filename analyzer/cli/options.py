"""Options that several commands have, and what they become."""

import gc
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.errors import Interrupted, UsageError
from analyzer.format import visible
from analyzer.ingest.releases import STEP_ORDER

if TYPE_CHECKING:  # pyarrow comes with them
    from analyzer.ingest.sources import Source
    from analyzer.summary.filters import Filter
    from analyzer.summary.summary import Summary

# Of ingest/formats.py, which reads far more than a list of names needs.
FORMAT_NAMES = (
    "vmtrace", "dtrace", "dtrace-json", "kdump", "ktrace", "lockstat", "console", "procstat", "ps", "listing",
    "sysctl", "vmstat-s", "vmstat-z",
)  # fmt: skip
Logs = Annotated[
    list[str],
    typer.Argument(metavar="LOG...", help="Logs or their summaries, compressed or not; '-' is standard input."),
]
Process = Annotated[list[str] | None, typer.Option(metavar="NAME", help="Only this process name; may be repeated.")]
Pid = Annotated[list[int] | None, typer.Option(metavar="N", help="Only this process; may be repeated.")]
PathStep = Annotated[
    list[str] | None, typer.Option("--path", metavar="STEP", help="Only faults with this step: soft, copy, alloc, …")
]
Since = Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="Only from this second of the trace on.")]
Until = Annotated[float | None, typer.Option(min=0, metavar="SECONDS", help="Only up to this second of the trace.")]
AsFormat = Annotated[
    str | None,
    typer.Option(
        "--as", metavar="FORMAT", help=f"Read it as this, whatever it looks like: {', '.join(FORMAT_NAMES)}."
    ),
]
Jobs = Annotated[int | None, typer.Option(min=1, metavar="N", help="Blocks read at once; default: one a core.")]
Dask = Annotated[str | None, typer.Option(metavar="ADDRESS", help="Read the blocks on this Dask cluster.")]
NoCache = Annotated[bool, typer.Option("--no-cache", help="Read the logs again, and keep nothing of them.")]

STEPS = ("soft", *STEP_ORDER)


def record_filter(
    process: list[str] | None,
    pid: list[int] | None,
    path: list[str] | None,
    since: float | None,
    until: float | None,
    with_tracer: bool = False,
) -> "Filter":
    """The options as a Filter; a step that no fault can have is an error, not an empty report."""
    from analyzer.summary.filters import Filter

    for step in path or ():
        if step not in STEPS:
            raise UsageError(f"--path {step}: is no step of a fault; the steps are {', '.join(STEPS)}")
    if since is not None and until is not None and since >= until:
        raise UsageError(f"--since {since:g} --until {until:g}: the time ends before it begins")
    return Filter(tuple(process or ()), tuple(pid or ()), tuple(path or ()), since, until, with_tracer)


def read_logs(
    logs: list[str],
    chosen: "Filter | None",
    jobs: int | None,
    dask: str | None,
    no_cache: bool,
    as_format: str | None = None,
) -> "Summary":
    """The Summary of the logs that a command was given."""
    from analyzer.summary.cache import Cache
    from analyzer.summary.pool import dask_cluster
    from analyzer.summary.summarize import summarize

    gc.freeze()  # what is imported by now is no garbage; looking through it again and again costs a tenth of a run
    cache = None if no_cache else Cache()
    with progress() as step:
        summary = summarize(logs, chosen, jobs, step, cache, dask_cluster(dask) if dask else None, as_format)
    if cache and cache.failure:
        told = f"nothing is kept in {cache.folder} ({cache.failure}): the logs are read again next time"
        print(f"vmtrace: {visible(told)}", file=sys.stderr)
    return summary


@contextmanager
def progress() -> Iterator[Callable[["Source"], None]]:
    """What is told of each source as it is read: shown as a bar, and an interrupt says how far it was."""
    read: list[Source] = []

    with _bar() as show:

        def step(source: "Source") -> None:
            read[:] = [source]
            show(source)

        try:
            yield step
        except KeyboardInterrupt:
            raise Interrupted(f"interrupted{_reached(read[0]) if read else ''}: nothing is written") from None


def _reached(source: "Source") -> str:
    size = f"{source.size >> 20} MB" if source.total is None else f"{source.size / max(1, source.total):.0%}"
    return f" while reading {source.name}, {size} of it read"


@contextmanager
def _bar() -> Iterator[Callable[["Source"], None]]:
    """A progress bar over the bytes of the log that is read, on stderr and only on a terminal."""
    if not sys.stderr.isatty():
        yield lambda source: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("")

        def show(source: "Source") -> None:
            if bar.tasks[0].description != source.name:
                bar.reset(task, description=source.name, total=source.total)
            bar.update(task, completed=source.size)

        yield show
