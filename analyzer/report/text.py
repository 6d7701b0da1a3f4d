"""The report for a terminal."""

from dataclasses import replace

from rich.console import Console, Group
from rich.padding import Padding
from rich.table import Table as RichTable
from rich.text import Text

from analyzer.charts import terminal
from analyzer.format import NUMERIC_KINDS, cell, visible
from analyzer.report.document import Document, Finding, Section, Table

_STYLES = {"proved": "bold red", "suspected": "bold yellow", "not measured": "bold blue", "clean": "bold green"}
_NARROWEST = 72


def print_text(document: Document, console: Console) -> None:
    """Print the report on `console`: the verdict, then section by section."""
    lines = [Text(visible(line)) for line in document.scope]
    console.print(
        Text(visible(document.title), style="bold"), Text(visible(document.subtitle), style="dim"), *lines, sep="\n"
    )
    console.print()
    if document.findings:
        console.print(*(_finding(number, finding) for number, finding in enumerate(document.findings, 1)), sep="\n")
    if document.overview is not None:
        chart = replace(document.overview, provenance="")
        console.print(Text(), terminal.render(chart, max(console.width, _NARROWEST)))
    for section in document.sections:
        console.print(_section(section, max(console.width, _NARROWEST)))
    if document.unread is not None:
        console.print(_heading("Lines that could not be read"), _table(document.unread), sep="\n")
    if document.provenance:
        console.print(_heading("Provenance"))
    for what, value in document.provenance:
        console.print(Text(f"{visible(what)}: {visible(value)}"), soft_wrap=True)


def _heading(text: str) -> Text:
    return Text(f"\n{text}\n{'─' * len(text)}", style="bold")


def _finding(number: int, finding: Finding) -> Group:
    style = "bold" if finding.severity == "ordinary" and finding.certainty != "clean" else _STYLES[finding.certainty]
    head = Text.assemble(f"{number}. ", (f"{finding.label.upper()}  ", style), visible(finding.headline))
    notes = [Text(f"- {visible(mark)}") for mark in finding.marks]
    notes += [Text(visible(finding.detail), style="dim")] if finding.detail else []
    if finding.next_step:
        notes.append(Text(f"Next: {visible(finding.next_step)}"))
    return Group(head, *(Padding(note, (0, 0, 0, 4)) for note in notes))


def _section(section: Section, width: int) -> Group:
    parts = [_heading(section.heading), Text(visible(section.sentence))]
    for chart in section.charts:
        # The report's own last section says where all of it comes from.
        parts += [Text(), terminal.render(replace(chart, provenance=""), width)]
    for each in section.tables:
        parts += [Text(), _table(each)]
    return Group(*parts)


def _table(table: Table) -> RichTable:
    shown = RichTable(title=table.caption, title_justify="left", title_style="italic", box=None, pad_edge=False)
    for column in table.columns:
        right = column.kind in NUMERIC_KINDS
        shown.add_column(column.name, justify="right" if right else "left", no_wrap=right, overflow="fold")
    for row in table.rows:
        shown.add_row(*(Text(cell(column.kind, value)) for column, value in zip(table.columns, row, strict=True)))
    return shown
