"""The report for a terminal, or as plain text."""

import io
from dataclasses import replace

from rich.console import Console, Group, RenderableType
from rich.text import Text

from analyzer.charts import terminal
from analyzer.charts.terminal import wrapped
from analyzer.format import visible
from analyzer.report.columns import fit, lines
from analyzer.report.document import Document, Finding, Section, Table

_STYLES = {
    "kernel bug": "bold red",
    "needs a look": "bold yellow",
    "ordinary": "bold",
    "cannot tell": "bold blue",
    "clean": "bold green",
}
_INDENT = 4
UNBOUNDED = 1_000_000  # columns, of lines as long as their tables
_CHART = 120  # columns that a chart takes at the most


def print_text(document: Document, console: Console, brief: bool = False) -> None:
    """Print the report at the console's width: the first screen, and unless `brief` all the rest."""
    printer = _Printer(console)
    printer.first_screen(document)
    if not brief:
        printer.rest(document)


def plain_text(document: Document, brief: bool = False) -> str:
    """The report for a file or another program: complete, without colours."""
    out = io.StringIO()
    print_text(document, Console(file=out, highlight=False, no_color=True, width=UNBOUNDED), brief)
    return "".join(f"{line.rstrip()}\n" for line in out.getvalue().splitlines())


class _Printer:
    """Writes parts of a document."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = console.width
        self._chart_width = min(self._width, _CHART)

    def first_screen(self, document: Document) -> None:
        """What it is, the verdict, the key figures, one picture, what to type next: on 24 lines of 80 columns."""
        head = self._words(f"{document.title}: {document.subtitle}")
        head.stylize("bold", 0, len(document.title))
        self._print(head, *map(self._words, document.scope), Text())
        self._print(*(self._in_short(number, finding) for number, finding in enumerate(document.findings, 1)))
        if document.figures:
            self._print(self._words(" · ".join(f"{name} {value}" for name, value in document.figures)))
        if document.overview is not None and document.overview.marks:
            self._print(terminal.body(document.overview, self._chart_width))
        if document.next_command:
            self._print(self._words(f"Next: {document.next_command}", "bold"))

    def rest(self, document: Document) -> None:
        """The findings in full, the sections, where it all comes from."""
        numbered = list(enumerate(document.findings, 1))
        explained = [(n, each) for n, each in numbered if _notes(each) or self._is_shortened(n, each)]
        if explained:
            self._print(self._heading("Findings in detail"))
        for number, finding in explained:
            self._print(self._headline(number, finding), *map(self._note, _notes(finding)))
        for section in document.sections:
            self._section(section)
        if document.unread is not None:
            self._print(self._heading("Lines that could not be read"), *self._table(document.unread))
        if document.provenance:
            self._print(self._heading("Provenance"))
            self._print(*(self._words(f"{what}: {value}") for what, value in document.provenance))

    def _section(self, section: Section) -> None:
        self._print(self._heading(section.heading), self._words(section.sentence))
        for chart in section.charts:
            # The report's own last section says where all of it comes from.
            self._print(Text(), terminal.render(replace(chart, provenance=""), self._chart_width))
        for each in section.tables:
            self._print(Text(), *self._table(each))

    def _print(self, *parts: RenderableType) -> None:
        if parts:
            self._console.print(Group(*parts), crop=False)

    def _words(self, text: str, style: str = "") -> Text:
        return wrapped(visible(text), self._width, style)

    def _note(self, text: str) -> Text:
        return wrapped(visible(text), self._width, indent=_INDENT)

    def _heading(self, text: str) -> Text:
        return Text(f"\n{text}\n{'─' * min(len(text), self._width)}", style="bold")

    def _headline(self, number: int, finding: Finding, spare: int = 0) -> Text:
        first = f"{number}. "
        label = f"{finding.label.upper()}:"
        text = wrapped(visible(f"{first}{label} {finding.headline}"), self._width - spare)
        text.stylize(_STYLES[finding.tone], len(first), len(first) + len(label))
        return text

    def _in_short(self, number: int, finding: Finding) -> Text:
        """The headline; of what needs no action its first line, the rest stands below."""
        if not self._is_shortened(number, finding):
            return self._headline(number, finding)
        text = self._headline(number, finding, spare=2)
        return text[: text.plain.index("\n")].append(" …")

    def _is_shortened(self, number: int, finding: Finding) -> bool:
        return (finding.quiet or finding.certainty == "not measured") and "\n" in self._headline(number, finding).plain

    def _table(self, table: Table) -> list[RenderableType]:
        fitted = fit(table, self._width)
        shown = Text("\n".join(lines(fitted)), no_wrap=True, overflow="ignore")
        parts: list[RenderableType] = [self._words(table.caption, "italic"), shown]
        if fitted.left_out:
            parts.append(self._words(f"(not shown at this width: {', '.join(fitted.left_out)}; see --wide)", "dim"))
        return parts


def _notes(finding: Finding) -> list[str]:
    told = [*(f"- {mark}" for mark in finding.marks), finding.detail]
    return [text for text in (*told, finding.next_step and f"Next: {finding.next_step}") if text]
