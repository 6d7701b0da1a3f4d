"""The report as Markdown, to paste into a tracker."""

import re

from analyzer.format import NUMERIC_KINDS, cell, visible
from analyzer.report.document import Document, Finding, Section, Table

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~])")


def render_markdown(document: Document) -> str:
    """The whole report; charts stand as their sentences."""
    parts = [f"# {escape(document.title)}", escape(document.subtitle), *map(escape, document.scope), "## Verdict"]
    parts += [_finding(number, finding) for number, finding in enumerate(document.findings, 1)]
    if document.figures:
        parts.append("\n".join(f"- {escape(name)}: {escape(value)}" for name, value in document.figures))
    if document.overview is not None:
        parts.append(f"*{escape(document.overview.title)}*: {escape(document.overview.alt)}")
    parts += [_section(section) for section in document.sections]
    if document.unread is not None:
        parts += ["## Lines that could not be read", _table(document.unread)]
    parts += ["## Provenance", "\n".join(f"- {escape(what)}: {escape(value)}" for what, value in document.provenance)]
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Plain text, on one line, as Markdown shows it."""
    return _SPECIAL.sub(r"\\\1", visible(text))


def _finding(number: int, finding: Finding) -> str:
    lines = [f"{number}. **{finding.label}**: {escape(finding.headline)}"]
    lines += [f"   - {escape(mark)}" for mark in finding.marks]
    lines += [f"   {escape(text)}" for text in (finding.detail, finding.next_step) if text]
    return "\n".join(lines)


def _section(section: Section) -> str:
    parts = [f"## {escape(section.heading)}", escape(section.sentence)]
    parts += [f"*{escape(chart.title)}*: {escape(chart.alt)}" for chart in section.charts]
    parts += [_table(table) for table in section.tables]
    return "\n\n".join(parts)


def _table(table: Table) -> str:
    rows = [[column.name for column in table.columns]]
    rows.append(["---:" if column.kind in NUMERIC_KINDS else "---" for column in table.columns])
    for row in table.rows:
        cells = (cell(column.kind, value) for column, value in zip(table.columns, row, strict=True))
        rows.append([escape(text.replace("\n", " < ")) for text in cells])
    return f"{escape(table.caption)}\n\n" + "\n".join(f"| {' | '.join(row)} |" for row in rows)
