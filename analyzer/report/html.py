"""The report as one HTML file: everything inside, no network, the same bytes for the same document."""

import base64
import hashlib
import json
from html import escape
from pathlib import Path
from typing import Any

from plotly.offline import get_plotlyjs

from analyzer.charts.inline import inline_svg
from analyzer.charts.legend import legend
from analyzer.charts.model import Chart
from analyzer.charts.palette import DARK, LIGHT
from analyzer.charts.plotly_html import figure_json
from analyzer.format import NUMERIC_KINDS, cell, counted, is_unknown, visible
from analyzer.report.document import Column, Document, Finding, Section, Table
from analyzer.version import __version__

# Inches that a drawing is laid out for; page.css shows the one that fits.
_WIDTHS = {"on-wide": 9.0, "on-narrow": 4.0}
_HERE = Path(__file__).parent


def render_html(document: Document, interactive: bool = False) -> str:
    """The whole page.  Every text of the document is escaped; scripts are allowed by their hashes alone.

    Without `interactive` the charts are still pictures and need no script; with it plotly, some megabytes, is inside
    and draws them to be zoomed and asked.
    """
    charts = [chart for chart in document.charts if chart.marks] if interactive else []
    scripts = [_read("page.js"), *([get_plotlyjs(), _read("interactive.js")] if charts else [])]
    data = [_data(f"{_plot_id(chart)}-figure", figure_json(chart)) for chart in charts]
    if charts:
        data.append(_data("page-data", json.dumps({"light": LIGHT, "dark": DARK})))
    body = "\n".join(
        [
            _header(document),
            "<main>",
            _verdict(document),
            *map(_section, document.sections),
            _unread(document),
            _provenance(document),
            "</main>",
            f"<footer>Written by vmtrace {escape(__version__)}.</footer>",
            *data,
            *(f"<script>{text}</script>" for text in scripts),
        ]
    )
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{_policy(scripts)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="vmtrace {escape(__version__)}">
<title>{_text(document.title)} – vmtrace</title>
<style>
{_colors()}{_read("page.css")}</style>
</head>
<body>
{body}
</body>
</html>
"""


def _read(name: str) -> str:
    return (_HERE / name).read_text(encoding="utf-8")


def _policy(scripts: list[str]) -> str:
    hashes = (base64.b64encode(hashlib.sha256(text.encode()).digest()).decode("ascii") for text in scripts)
    return "; ".join(
        (
            "default-src 'none'",
            "script-src " + " ".join(f"'sha256-{digest}'" for digest in hashes),
            "style-src 'unsafe-inline'",  # plotly sets styles as it draws
            "img-src data: blob:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _colors() -> str:
    def variables(theme: dict[str, str]) -> str:
        return " ".join(f"--{tone}: {color};" for tone, color in theme.items())

    return (
        f":root {{ {variables(LIGHT)} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {variables(DARK)} }} }}\n"
    )


def _text(value: str) -> str:
    """Text of the document: on one line, with nothing that HTML would understand."""
    return escape(visible(value))


def _data(name: str, text: str) -> str:
    return f'<script type="application/json" id="{name}">{text}</script>'


def _header(document: Document) -> str:
    parts = [("verdict", "Verdict"), *((section.key, section.heading) for section in document.sections)]
    if document.unread:
        parts.append(("unread", "Unread lines"))
    parts.append(("provenance", "Provenance"))
    links = "".join(f'<li><a href="#{escape(key)}">{_text(heading)}</a></li>' for key, heading in parts)
    return f"""<header>
<h1>{_text(document.title)}</h1>
<p class="subtitle">{_text(document.subtitle)}</p>
{"".join(f'<p class="scope">{_text(line)}</p>' for line in document.scope)}
<nav aria-label="Sections"><ul>{links}</ul></nav>
</header>"""


def _verdict(document: Document) -> str:
    """The first screen: what is found, the key figures, what to type next, the whole trace in one picture."""
    findings = "".join(_finding(number, finding) for number, finding in enumerate(document.findings, 1))
    parts = [f'<ol class="findings">{findings}</ol>']
    if document.figures:
        told = (f"<div><dt>{_text(name)}</dt><dd>{_text(value)}</dd></div>" for name, value in document.figures)
        parts.append(f'<dl class="figures">{"".join(told)}</dl>')
    if document.next_command:
        parts.append(f'<p class="next">Next: <code>{_text(document.next_command)}</code></p>')
    if document.overview:
        parts.append(f'<figure class="chart">{_drawing(document.overview)}</figure>')
    if document.gaps:
        items = "".join(f"<li>{_text(gap)}</li>" for gap in document.gaps)
        parts.append(f'<div class="gaps"><h3>Missing from this trace</h3><ul>{items}</ul></div>')
    return f'<section id="verdict"><h2>Verdict</h2>{"".join(parts)}</section>'


def _finding(number: int, finding: Finding) -> str:
    parts = []
    if finding.marks:
        parts.append(f"<ul>{''.join(f'<li>{_text(mark)}</li>' for mark in finding.marks)}</ul>")
    if finding.detail:
        parts.append(f"<p>{_text(finding.detail)}</p>")
    if finding.next_step:
        parts.append(f"<p><strong>Next:</strong> {_text(finding.next_step)}</p>")
    parts += [_table(table) for table in (finding.evidence, finding.stacks) if table]
    more = ""
    if parts:
        records = f" and {counted(len(finding.evidence.rows), 'record')}" if finding.evidence else ""
        more = f"<details><summary>Why{records}</summary>{''.join(parts)}</details>"
    tone, sign = (word.replace(" ", "-") for word in (finding.tone, finding.certainty))
    return f"""<li class="finding {tone} {sign}">
<div><span class="certainty">{finding.label}</span></div>
<div class="said"><h3>{number}. {_text(finding.headline)}</h3>{more}</div>
</li>
"""


def _section(section: Section) -> str:
    charts = f'<div class="charts">{"".join(map(_chart, section.charts))}</div>' if section.charts else ""
    inner = "\n".join([charts, *map(_table, section.tables)])
    return f"""<section id="{escape(section.key)}">
<h2>{_text(section.heading)}</h2>
<p>{_text(section.sentence)}</p>
{inner}
</section>"""


def _plot_id(chart: Chart) -> str:
    return f"plot-{escape(chart.key)}"


def _chart(chart: Chart) -> str:
    caption = f"<h3>{_text(chart.title)}</h3><p>{_text(chart.alt)}</p>"
    kind = "rows" if chart.rows else "values"
    return f'<figure class="chart {kind}"><figcaption>{caption}</figcaption>{_drawing(chart)}</figure>'


def _drawing(chart: Chart) -> str:
    """The legend and the drawing, which says in words what it shows."""
    plot = '<div class="frame">nothing to draw</div>'
    if chart.marks:
        drawings = "".join(
            f'<div class="{name}" aria-hidden="true">{inline_svg(chart, inches)}</div>'
            for name, inches in _WIDTHS.items()
        )
        plot = f'<div class="plot" id="{_plot_id(chart)}" role="img" aria-label="{_text(chart.alt)}">{drawings}</div>'
    return _legend(chart) + plot


def _legend(chart: Chart) -> str:
    entries = "".join(
        f'<li><span aria-hidden="true" style="color:var(--{entry.tone})">{entry.sign}</span>'
        f" {_text(entry.name)}</li>"
        for entry in legend(chart)
    )
    return f'<ul class="legend">{entries}</ul>' if entries else ""


def _table(table: Table) -> str:
    heads = "".join(f'<th scope="col" class="{_class(column)}">{_text(column.name)}</th>' for column in table.columns)
    rows = "\n".join(
        f"<tr>{''.join(_cell(column, value) for column, value in zip(table.columns, row, strict=True))}</tr>"
        for row in table.rows
    )
    helps = "".join(
        f"<dt>{_text(column.name)}</dt><dd>{_text(column.help)}</dd>" for column in table.columns if column.help
    )
    legend = f"<details><summary>What the columns mean</summary><dl>{helps}</dl></details>" if helps else ""
    caption = _text(table.caption)
    return f"""<div class="table"><div class="scroll" role="region" aria-label="{caption}" tabindex="0"><table>
<caption>{caption}</caption>
<thead><tr>{heads}</tr></thead>
<tbody>
{rows}
</tbody></table></div>{legend}</div>"""


def _class(column: Column) -> str:
    return "number" if column.kind in NUMERIC_KINDS else column.kind


def _cell(column: Column, value: Any) -> str:
    text = cell(column.kind, value)
    if is_unknown(value):
        return f'<td class="{_class(column)} unknown" title="not measured">{text}</td>'
    key = ""
    if column.kind in NUMERIC_KINDS:
        key = f' data-value="{float(value[0] if isinstance(value, tuple) else value)!r}"'
    return f'<td class="{_class(column)}"{key}>{escape(text)}</td>'


def _unread(document: Document) -> str:
    if not document.unread:
        return ""
    return f"""<section id="unread">
<h2>Unread lines</h2>
<p>Nothing of these lines is counted above.</p>
{_table(document.unread)}
</section>"""


def _provenance(document: Document) -> str:
    rows = "".join(f"<dt>{_text(what)}</dt><dd>{_text(value)}</dd>" for what, value in document.provenance)
    return f'<section id="provenance" class="provenance"><h2>Provenance</h2><dl>{rows}</dl></section>'
