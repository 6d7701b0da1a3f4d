"""A Summary as a Document: the verdict, one section an analysis, where it all comes from."""

from analyzer.analysis.coverage import gaps, require_records
from analyzer.format import counted
from analyzer.report.document import Column, Document, Table
from analyzer.report.findings import evidence_table, shown_finding, stacks_table
from analyzer.report.first_screen import key_figures, next_command
from analyzer.report.origin import host, maker, proof
from analyzer.report.pictures import overview, stories
from analyzer.report.sections import sections
from analyzer.report.time_spent import SHOWN, slowest_section, steps_section
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict import finding as judged
from analyzer.verdict.verdict import Verdict, judge
from analyzer.version import __version__


def build_document(summary: Summary, top: int, slowest: int = SHOWN) -> Document:
    """The report of one or several logs.

    Args:
        top: how many rows a table shows at the most.
        slowest: how many of the slowest faults are shown.

    Raises DataError where a log has nothing to judge.
    """
    for part in summary.logs:
        require_records(part)
    log = summary.total()
    several = len(summary.logs) > 1
    verdicts = [judge(part) for part in summary.logs]
    ordered, chart = _ordered(summary, verdicts), chart_provenance(summary)
    return Document(
        title=counted(len(summary.logs), "log") if several else str(log.meta["name"]),
        subtitle=_subtitle(log, summary),
        scope=scopes(summary, verdicts),
        findings=tuple(
            shown_finding(found, _prefix(part, several), evidence_table(found, part, top), stacks_table(found, top))
            for part, found in ordered
        ),
        sections=tuple(
            section
            for section in (
                stories(ordered, chart),
                *sections(summary, log, [found.findings[0].headline for found in verdicts], chart, top),
                steps_section(log, chart, top),
                slowest_section(summary, log, slowest, top),
            )
            if section is not None
        ),
        provenance=tuple(row for part in summary.logs for row in provenance(part, several)),
        gaps=tuple(_prefix(part, several) + str(gap) for part in summary.logs for gap in gaps(part)),
        unread=unread(summary, top),
        overview=overview(summary, chart),
        figures=key_figures(log, verdicts),
        next_command=next_command(summary, ordered),
    )


def ordered_findings(summary: Summary) -> list[tuple[LogSummary, judged.Finding]]:
    """The findings of all logs as a report numbers them, each with its log; weightiest first."""
    return _ordered(summary, [judge(part) for part in summary.logs])


def _ordered(summary: Summary, verdicts: list[Verdict]) -> list[tuple[LogSummary, judged.Finding]]:
    pairs = [(part, each) for part, found in zip(summary.logs, verdicts, strict=True) for each in found.findings]
    return sorted(pairs, key=lambda pair: judged.weight(pair[1]))


def scopes(summary: Summary, verdicts: list[Verdict]) -> tuple[str, ...]:
    """What each log's verdict is about."""
    several = len(summary.logs) > 1
    return tuple(_prefix(log, several) + found.scope for log, found in zip(summary.logs, verdicts, strict=True))


def chart_provenance(summary: Summary) -> str:
    """One line for every picture: host, kernel, script, hash."""
    if len(summary.logs) > 1:
        hashes = ", ".join(str(log.meta["sha256"])[:12] for log in summary.logs[:4])
        more = f" and {len(summary.logs) - 4} more" if len(summary.logs) > 4 else ""
        return f"{counted(len(summary.logs), 'log')}, sha256 {hashes}{more} · vmtrace {__version__}"
    meta = summary.logs[0].meta
    parts = [*maker(meta), str(meta["name"])]
    filtered = [f"filter: {meta['filter']}"] if meta.get("filter") else []
    return " · ".join([*parts, f"sha256 {str(meta['sha256'])[:16]}", *filtered, f"vmtrace {__version__}"])


def _subtitle(log: LogSummary, summary: Summary) -> str:
    if len(summary.logs) > 1:
        hosts = len({host(part.meta) for part in summary.logs if "host.uname" in part.meta})
        return f"{counted(hosts, 'host')}, {counted(log.faults, 'fault')}"
    meta = log.meta
    parts = [*maker(meta), *proof(meta), counted(log.faults, "fault")]
    if log.first_ts is not None and log.last_ts is not None:
        parts.append(f"{(log.last_ts - log.first_ts) / SECOND:.1f} s")
    return ", ".join(parts)


def _prefix(log: LogSummary, several: bool) -> str:
    return f"{log.meta['name']}: " if several else ""


def provenance(log: LogSummary, several: bool) -> list[tuple[str, str]]:
    meta = log.meta
    shown = [("file", meta["name"]), ("sha256", meta["sha256"]), ("size", f"{meta['size']:,} bytes")]
    for key in ("script", "osreldate", "filter"):
        if key in meta:
            shown.append((key, meta[key]))
    shown += [(key, value) for key, value in meta.items() if key.startswith("host.")]
    for name, before in meta.get("counter.before", {}).items():
        after = meta.get("counter.after", {}).get(name, "not read")
        shown.append((name, f"{before} before, {after} after"))
    return [(_prefix(log, several) + what, str(value)) for what, value in shown]


def unread(summary: Summary, top: int) -> Table | None:
    lines = [(log.meta["name"], line) for log in summary.logs for line in log.unread]
    total = sum(log.unread_count for log in summary.logs)
    if not total:
        return None
    columns = (
        Column("log", "text"),
        Column("line", "id"),
        Column("column", "id", "where the reader stopped"),
        Column("text", "text"),
        Column("expected", "text", "what would have been understood there"),
    )
    rows = tuple((name, line.line, line.column, line.text, line.expected) for name, line in lines[:top])
    left = f", the first {len(rows)} shown" if len(rows) < total else ""
    return Table(f"{counted(total, 'line')} could not be read{left}", columns, rows)
