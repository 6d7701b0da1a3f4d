"""How a document leaves the command line: as text, JSON, Markdown or a page, with or without pictures."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analyzer.errors import CannotCreateError


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"


Output = Annotated[
    Path | None, typer.Option("--output", "-o", help="Write there; a name ending in .html gives the page.")
]
Plots = Annotated[Path | None, typer.Option(help="Write every chart as PNG and SVG into this folder.")]
Form = Annotated[Format | None, typer.Option("--format", help="Default: text, or what -o ends in.")]
Top = Annotated[int, typer.Option(min=1, help="Rows that a table shows at the most.")]


def write_document(document, output: Path | None, plots: Path | None, form: Format | None) -> None:
    """Write the document in its form, to standard output where `output` is None, and its charts to `plots`."""
    if plots is not None:
        _write_plots(document, plots)
    _write(document, form or _format_of(output), output)


def require_folder(path: Path | None, plots: Path | None = None) -> None:
    """Say at once that a file cannot be made, not after long work; the folder of plots is made by them."""
    if path is not None and path.parent != plots and not path.parent.is_dir():
        raise CannotCreateError(f"{path}: its folder does not exist; name another file")


def _format_of(output: Path | None) -> Format:
    endings = {".html": Format.HTML, ".htm": Format.HTML, ".json": Format.JSON, ".md": Format.MARKDOWN}
    return endings.get(output.suffix, Format.TEXT) if output is not None else Format.TEXT


def _write(document, form: Format, output: Path | None) -> None:
    if form is Format.TEXT:
        from rich.console import Console

        from analyzer.report.text import print_text

        if output is None:
            print_text(document, Console(highlight=False, soft_wrap=False, width=None if sys.stdout.isatty() else 140))
        else:
            with _create(output) as file:
                print_text(document, Console(file=file, highlight=False, width=140))
    else:
        write_text(output, _render(document, form))
    if output is not None:
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


def write_bytes(path: Path, data: bytes) -> None:
    """Write a file at once; CannotCreateError where that fails."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}; name another file") from None


def write_text(path: Path | None, text: str) -> None:
    """Write a text, to standard output where `path` is None; CannotCreateError where that fails."""
    if path is None:
        sys.stdout.write(text)
        return
    with _create(path) as file:
        file.write(text)


def _create(path: Path):
    """The file, open for text; CannotCreateError where that fails."""
    try:
        return path.open("w", encoding="utf-8")
    except OSError as error:
        raise CannotCreateError(f"{path}: {error.strerror}; name another file") from None
