"""vmtrace report: from logs to a verdict, a page and pictures."""

import sys
from enum import StrEnum
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
from analyzer.errors import CannotCreateError


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


def report(
    logs: Logs,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Write there; a name ending in .html gives the page.")
    ] = None,
    plots: Annotated[Path | None, typer.Option(help="Write every chart as PNG and SVG into this folder.")] = None,
    form: Annotated[Format | None, typer.Option("--format", help="Default: text, or what -o ends in.")] = None,
    top: Annotated[int, typer.Option(min=1, help="Rows that a table shows at the most.")] = 20,
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

    summary = read_logs(logs, record_filter(process, pid, path, since, until), jobs, dask, no_cache, as_format)
    document = build_document(summary, top)
    if plots is not None:
        _write_plots(document, plots)
    _write_report(document, form or _format_of(output), output)


def _format_of(output: Path | None) -> Format:
    endings = {".html": Format.HTML, ".htm": Format.HTML, ".json": Format.JSON, ".md": Format.MARKDOWN}
    return endings.get(output.suffix, Format.TEXT) if output is not None else Format.TEXT


def _write_report(document, form: Format, output: Path | None) -> None:
    if form is Format.TEXT:
        from rich.console import Console

        from analyzer.report.text import print_text

        if output is None:
            print_text(document, Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 140))
            return
        with _create(output) as file:
            print_text(document, Console(file=file, highlight=False, width=140))
    else:
        text = _render(document, form)
        if output is None:
            sys.stdout.write(text)
            return
        with _create(output) as file:
            file.write(text)
    print(f"report: {output}", file=sys.stderr)


def _render(document, form: Format) -> str:
    if form is Format.JSON:
        from analyzer.report.as_json import render_json

        return render_json(document)
    if form is Format.MARKDOWN:
        from analyzer.report.markdown import render_markdown

        return render_markdown(document)
    from analyzer.report.html import render_html

    return render_html(document)


def _write_plots(document, folder: Path) -> None:
    from analyzer.charts.images import render

    try:
        folder.mkdir(parents=True, exist_ok=True)
        for section in document.sections:
            for chart in section.charts:
                for form in ("png", "svg"):
                    (folder / f"{chart.key}.{form}").write_bytes(render(chart, form))
    except OSError as error:
        raise CannotCreateError(f"{error.filename or folder}: {error.strerror}; name another folder") from None
    print(f"plots: {folder}", file=sys.stderr)


def _create(path: Path):
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}; name another file") from None
