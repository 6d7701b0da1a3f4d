"""How a document leaves the command line: as text, JSON, Markdown, a page or a picture."""

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli.files import STDOUT, ending_of, require_writable, write
from analyzer.errors import CannotCreateError, DataError

if TYPE_CHECKING:  # pyarrow comes with it
    from analyzer.report.document import Document


class Format(StrEnum):
    TEXT = "text"
    JSON = "json"
    MARKDOWN = "markdown"
    HTML = "html"
    PNG = "png"
    SVG = "svg"


_ENDINGS = {
    ".html": Format.HTML, ".htm": Format.HTML, ".md": Format.MARKDOWN, ".json": Format.JSON, ".txt": Format.TEXT,
    ".png": Format.PNG, ".svg": Format.SVG,
}  # fmt: skip

Output = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", metavar="FILE",
        help="Write there, in the form that the ending names: .html .md .json .txt .png .svg; - is standard output.",
    ),
]  # fmt: skip
Plots = Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write every chart as PNG and SVG there.")]
Form = Annotated[Format | None, typer.Option("--format", help="Default: what -o ends in, else text.")]
Brief = Annotated[bool, typer.Option("--brief", help="As text only the first look.")]
Wide = Annotated[bool, typer.Option("--wide", help="On a terminal: all columns, however long the lines.")]
Interactive = Annotated[
    bool, typer.Option("--interactive", help="Charts of a page to zoom and ask, by plotly: 5 MB more.")
]
NoPager = Annotated[bool, typer.Option("--no-pager", help="On a terminal: no $PAGER, all at once.")]
Top = Annotated[int, typer.Option(min=1, metavar="N", help="Rows that a table shows at the most.")]


@dataclass(frozen=True)
class Look:
    """How a document looks: text on a terminal, charts in a page."""

    brief: bool = False
    wide: bool = False
    no_pager: bool = False
    interactive: bool = False


def prepare(output: Path | None, form: Format | None, plots: Path | None, inputs: Iterable[str], force: bool) -> Format:
    """The form to write; what cannot be written is said before the logs are read."""
    if plots is not None:
        try:
            plots.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CannotCreateError(f"{plots}: {error.strerror}; name another folder") from None
    require_writable(output, inputs, force)
    return form or form_of(output)


def form_of(output: Path | None) -> Format:
    """What the file's ending says; text on standard output."""
    return ending_of(output, _ENDINGS) or Format.TEXT


def write_document(document: "Document", output: Path | None, form: Format, look: Look) -> None:
    """Write the document in its form, to standard output where `output` is None or "-"."""
    if form is Format.TEXT and output in (None, STDOUT) and sys.stdout.isatty():
        _show(document, look)
        return
    write(output, _render(document, form, look))
    if output not in (None, STDOUT):
        print(f"report: {output}", file=sys.stderr)


def _show(document: "Document", look: Look) -> None:
    """On a terminal, at its width."""
    from rich.console import Console

    from analyzer.cli.pager import page
    from analyzer.report.text import UNBOUNDED, print_text

    console = Console(highlight=False, width=UNBOUNDED if look.wide else None)
    with console.capture() as shown:
        print_text(document, console, look.brief)
    (sys.stdout.write if look.no_pager else page)(shown.get())


def _render(document: "Document", form: Format, look: Look) -> bytes | str:
    match form:
        case Format.TEXT:
            from analyzer.report.text import plain_text

            return plain_text(document, look.brief)
        case Format.JSON:
            from analyzer.report.as_json import render_json

            return render_json(document)
        case Format.MARKDOWN:
            from analyzer.report.markdown import render_markdown

            return render_markdown(document)
        case Format.HTML:
            from analyzer.report.html import render_html

            return render_html(document, look.interactive)
        case _:
            from analyzer.charts.images import render

            if document.picture is None:
                raise DataError(f"{document.title}: has nothing to draw; write it as text or a page")
            return render(document.picture, "png" if form is Format.PNG else "svg")[0]


def write_plots(document: "Document", folder: Path, inputs: Iterable[str], force: bool) -> None:
    """Every chart of the document as PNG and SVG, each under its key."""
    from analyzer.charts.images import render

    files = [(chart, folder / f"{chart.key}.png", folder / f"{chart.key}.svg") for chart in document.charts]
    for _, *paths in files:
        for path in paths:
            require_writable(path, inputs, force)
    for chart, *paths in files:
        for path, image in zip(paths, render(chart, "png", "svg"), strict=True):
            write(path, image)
    print(f"plots: {folder}", file=sys.stderr)
