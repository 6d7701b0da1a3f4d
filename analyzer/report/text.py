"""The report for a terminal, or as plain text."""

from dataclasses import replace
from typing import TYPE_CHECKING

from rich.text import Text

from analyzer.charts import terminal
from analyzer.charts.terminal import stacked, wrapped
from analyzer.format import visible
from analyzer.report.columns import fit, lines
from analyzer.report.document import Document, Finding, Section, Table

if TYPE_CHECKING:  # what writes no terminal has no need of it
    from rich.console import Console

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


def print_text(document: Document, console: "Console", brief: bool = False) -> None:
    """Print the report at the console's width: the first screen, and unless `brief` all the rest."""
    console.print(_whole(document, console.width, brief), no_wrap=True, overflow="ignore", crop=False)


def plain_text(document: Document, brief: bool = False) -> str:
    """The report for a file or another program: complete, without colours."""
    return "".join(f"{line.rstrip()}\n" for line in _whole(document, UNBOUNDED, brief).plain.splitlines())


def _whole(document: Document, width: int, brief: bool) -> Text:
    writer = _Writer(width)
    parts = writer.first_screen(document)
    return stacked(parts if brief else [*parts, *writer.rest(document)])


class _Writer:
    """Writes parts of a document, each below the one before."""

    def __init__(self, width: int) -> None:
        self._width = width
        self._chart_width = min(self._width, _CHART)

    def first_screen(self, document: Document) -> list[Text]:
        """What it is, the verdict, the key figures, one picture, what to type next: on 24 lines of 80 columns."""
        head = self._words(f"{document.title}: {document.subtitle}")
        head.stylize("bold", 0, len(document.title))
        parts = [head, *map(self._words, document.scope), Text()]
        parts += [self._in_short(number, finding) for number, finding in enumerate(document.findings, 1)]
        if document.figures:
            parts.append(self._words(" · ".join(f"{name} {value}" for name, value in document.figures)))
        if document.overview is not None and document.overview.marks:
            parts.append(terminal.body(document.overview, self._chart_width))
        if document.next_command:
            parts.append(self._words(f"Next: {document.next_command}", "bold"))
        return parts

    def rest(self, document: Document) -> list[Text]:
        """The findings in full, the sections, where it all comes from."""
        explained = []
        for number, finding in enumerate(document.findings, 1):
            whole, notes = self._headline(number, finding), _notes(finding)
            if notes or _is_shortened(finding, whole):
                explained += [whole, *map(self._note, notes)]
        parts = [*self._heading("Findings in detail"), *explained] if explained else []
        for section in document.sections:
            parts += self._section(section)
        if document.unread is not None:
            parts += [*self._heading("Lines that could not be read"), *self._table(document.unread)]
        if document.provenance:
            parts += self._heading("Provenance")
            parts += [self._words(f"{what}: {value}") for what, value in document.provenance]
        return parts

    def _section(self, section: Section) -> list[Text]:
        parts = [*self._heading(section.heading), self._words(section.sentence)]
        for chart in section.charts:
            # The report's own last section says where all of it comes from.
            parts += [Text(), terminal.render(replace(chart, provenance=""), self._chart_width)]
        for each in section.tables:
            parts += [Text(), *self._table(each)]
        return parts

    def _words(self, text: str, style: str = "") -> Text:
        return wrapped(visible(text), self._width, style)

    def _note(self, text: str) -> Text:
        return wrapped(visible(text), self._width, indent=_INDENT)

    def _heading(self, text: str) -> list[Text]:
        return [Text(), self._words(text, "bold"), Text("─" * min(len(text), self._width), style="bold")]

    def _headline(self, number: int, finding: Finding, spare: int = 0) -> Text:
        first = f"{number}. "
        label = f"{finding.label.upper()}:"
        text = wrapped(visible(f"{first}{label} {finding.headline}"), self._width - spare)
        text.stylize(_STYLES[finding.tone], len(first), len(first) + len(label))
        return text

    def _in_short(self, number: int, finding: Finding) -> Text:
        """The headline; of what needs no action its first line, the rest stands below."""
        whole = self._headline(number, finding)
        if not _is_shortened(finding, whole):
            return whole
        text = self._headline(number, finding, spare=2)
        return text[: text.plain.index("\n")].append(" …")

    def _table(self, table: Table) -> list[Text]:
        fitted = fit(table, self._width)
        parts = [self._words(table.caption, "italic"), Text("\n".join(lines(fitted)))]
        if fitted.left_out:
            parts.append(self._words(f"(not shown at this width: {', '.join(fitted.left_out)}; see --wide)", "dim"))
        return parts


def _is_shortened(finding: Finding, headline: Text) -> bool:
    return (finding.quiet or finding.certainty == "not measured") and "\n" in headline.plain


def _notes(finding: Finding) -> list[str]:
    told = [*(f"- {mark}" for mark in finding.marks), finding.detail]
    return [text for text in (*told, finding.next_step and f"Next: {finding.next_step}") if text]
