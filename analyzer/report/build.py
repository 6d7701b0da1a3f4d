"""A Summary as a Document: the verdict, one section an analysis, where it all comes from."""

import pandas as pd

from analyzer.analysis.coverage import gaps, require_records
from analyzer.format import counted, duration
from analyzer.ingest.releases import path_name
from analyzer.report.document import Column, Document, Finding, Table
from analyzer.report.origin import host, maker, proof
from analyzer.report.pictures import overview
from analyzer.report.sections import sections
from analyzer.report.tables import table
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict import finding as judged
from analyzer.verdict.verdict import verdict
from analyzer.version import __version__

_EVIDENCE_COLUMNS = (
    ("when", "time", "since the trace began"),
    ("line", "id", "line of the log"),
    ("process", "text", ""),
    ("pid", "id", ""),
    ("thread", "id", ""),
    ("what", "text", "record"),
    ("address", "addr", "the lock, object or page"),
    ("before", "code", "the last records of the same thread, and how long before"),
    ("stack", "code", ""),
)


def build_document(summary: Summary, top: int) -> Document:
    """The report of one or several logs.

    Args:
        top: how many rows a table shows at the most.

    Raises DataError where a log has nothing to judge.
    """
    for part in summary.logs:
        require_records(part)
    log = summary.total()
    several = len(summary.logs) > 1
    verdicts = [verdict(part) for part in summary.logs]
    return Document(
        title=counted(len(summary.logs), "log") if several else str(log.meta["name"]),
        subtitle=_subtitle(log, summary),
        findings=tuple(shown_finding(finding, part, several, top) for part, finding in _ordered(summary, verdicts)),
        sections=sections(summary, log, [found[0].headline for found in verdicts], chart_provenance(summary), top),
        provenance=tuple(row for part in summary.logs for row in provenance(part, several)),
        gaps=tuple(_prefix(part, several) + str(gap) for part in summary.logs for gap in gaps(part)),
        unread=unread(summary, top),
        overview=overview(summary, chart_provenance(summary)),
    )


def ordered_findings(summary: Summary) -> list[tuple[LogSummary, judged.Finding]]:
    """The findings of all logs as a report numbers them, each with its log; weightiest first."""
    return _ordered(summary, [verdict(part) for part in summary.logs])


def _ordered(summary: Summary, verdicts: list[list[judged.Finding]]) -> list[tuple[LogSummary, judged.Finding]]:
    findings = [(part, finding) for part, found in zip(summary.logs, verdicts, strict=True) for finding in found]
    return findings if len(summary.logs) == 1 else sorted(findings, key=lambda pair: _WEIGHT.index(pair[1].kind))


_WEIGHT = (
    "d4326", "lock-held", "double-free", "panic", "never-returned", "failed-move-in-fault", "gap", "clean",
    "failed-move", "failed-insert", "freed-again", "failed-fault", "not-measured",
)  # fmt: skip


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


def shown_finding(finding: judged.Finding, log: LogSummary, several: bool, top: int) -> Finding:
    return Finding(
        certainty=finding.certainty,
        headline=_prefix(log, several) + finding.headline,
        detail=finding.detail,
        next_step=finding.next_step,
        evidence=_evidence(finding, log, top) if finding.rows else None,
        ordinary=finding.kind in judged.ORDINARY,
    )


def _prefix(log: LogSummary, several: bool) -> str:
    return f"{log.meta['name']}: " if several else ""


def _evidence(finding: judged.Finding, log: LogSummary, top: int) -> Table:
    start = log.start
    rows = [
        {
            "when": row["ts"] - start if row["ts"] else None,
            "line": row.get("line"),
            "process": row["execname"],
            "pid": row.get("pid"),
            "thread": row.get("tid"),
            "what": describe(row),
            "address": row.get("address")
            or row.get("page")
            or row.get("object")
            or row.get("lock")
            or None,
            "before": "\n".join(f"−{duration(row['ts'] - near['ts'])} {describe(near)}" for near in row["before"]),
            "stack": row.get("stack"),
        }
        for row in finding.rows
    ]
    return table("Evidence", pd.DataFrame(rows, dtype=object), _EVIDENCE_COLUMNS, top)


def describe(row: dict[str, object]) -> str:
    """A record in a few words."""
    if "kind" in row:
        return str(row.get("text", row["kind"]))
    if "fn" in row:
        function = f"vm_page_{row['fn']}" if row["fn"] in ("rename", "replace") else row["fn"]
        return f"{function} failed ({row['rc']})" if row["rc"] else str(function)
    if "path" not in row:
        return "fault without an end"
    counts = f", {row['acq']} acquires, {row['rel']} releases" if "acq" in row else ""
    failed = f" failed ({row['rc']})" if row["rc"] else ""
    return f"fault {path_name(row['path'])}{failed}{counts}"


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
