"""The report as JSON, for programs."""

import json
import math
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # `check` prints JSON too, of no document
    from analyzer.report.document import Document, Table

FORMAT = 1


def render_json(document: "Document") -> str:
    """The whole report; tables as lists of {column: value}, durations in ns, addresses as numbers."""
    whole = {
        "vmtrace_report": FORMAT,
        "title": document.title,
        "subtitle": document.subtitle,
        "scope": list(document.scope),
        "findings": [
            asdict(finding)
            | {
                name: _table(table) if table else None
                for name, table in (("evidence", finding.evidence), ("stacks", finding.stacks))
            }
            for finding in document.findings
        ],
        "figures": dict(document.figures),
        "next_command": document.next_command,
        "sections": [
            {
                "key": section.key,
                "heading": section.heading,
                "sentence": section.sentence,
                "charts": [{"key": chart.key, "title": chart.title, "alt": chart.alt} for chart in section.charts],
                "tables": [_table(table) for table in section.tables],
            }
            for section in document.sections
        ],
        "gaps": list(document.gaps),
        "unread": _table(document.unread) if document.unread else None,
        "provenance": [list(row) for row in document.provenance],
    }
    return printable_json(whole, indent=1) + "\n"


def printable_json(value: object, indent: int | None = None) -> str:
    """JSON that can be looked at: what turns text around, is not seen or steers a terminal stands as \\uXXXX."""
    text = json.dumps(value, indent=indent, ensure_ascii=False, default=_number)
    return "\n".join(line if line.isprintable() else _seen(line) for line in text.split("\n"))


def _seen(line: str) -> str:
    return "".join(sign if sign.isprintable() else json.dumps(sign)[1:-1] for sign in line)


def _table(table: "Table") -> dict[str, Any]:
    names = [column.name for column in table.columns]
    return {
        "caption": table.caption,
        "columns": [asdict(column) for column in table.columns],
        "rows": [dict(zip(names, map(_bounded, row), strict=True)) for row in table.rows],
    }


def _bounded(value: object) -> object:
    """A bucket that is open at one end has null there: JSON knows no infinity."""
    return [None if math.isinf(edge) else edge for edge in value] if isinstance(value, tuple) else value


def _number(value: Any) -> object:
    """numpy's numbers as Python's."""
    return value.item()
