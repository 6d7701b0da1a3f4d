"""A finding of the verdict as a document shows it, with the records it rests on."""

from typing import Any

from analyzer.format import counted, duration
from analyzer.ingest.releases import path_name
from analyzer.report.document import Finding, Table
from analyzer.report.tables import table
from analyzer.summary.summary import LogSummary
from analyzer.verdict import finding as judged

_EVIDENCE_COLUMNS = (
    ("when", "time", "since the trace began"),
    ("line", "id", "line of the log"),
    ("process", "text", ""),
    ("pid", "id", ""),
    ("thread", "id", ""),
    ("what", "text", "record"),
    ("address", "addr", "the lock, object or page"),
    ("before", "code", "the last records of the same thread, and how long before"),
)
_STACK_COLUMNS = (("times", "int", ""), ("first line", "id", "line of the log"), ("stack", "code", "innermost first"))


def shown_finding(
    finding: judged.Finding, prefix: str = "", evidence: Table | None = None, stacks: Table | None = None
) -> Finding:
    """The finding; `prefix` names its log where there are several."""
    return Finding(
        severity=finding.severity,
        certainty=finding.certainty,
        headline=prefix + finding.headline,
        detail=finding.detail,
        next_step=finding.next_step,
        evidence=evidence,
        stacks=stacks,
        marks=tuple(mark.headline for mark in finding.marks),
    )


def evidence_table(finding: judged.Finding, log: LogSummary, top: int) -> Table | None:
    """The records that a finding rests on, at most `top`; None where it rests on counts."""
    if not finding.rows:
        return None
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
        }
        for row in finding.rows
    ]
    return table("Evidence", rows, _EVIDENCE_COLUMNS, top)


def stacks_table(finding: judged.Finding, top: int) -> Table | None:
    """The stacks of those records, equal ones once, the most frequent first; None where none has one."""
    lines: dict[str, list[int | None]] = {}
    for row in finding.rows:
        if row.get("stack"):
            lines.setdefault(row["stack"], []).append(row.get("line"))
    if not lines:
        return None
    ordered = sorted(lines.items(), key=lambda each: -len(each[1]))
    rows = [
        {"times": len(found), "first line": min(filter(None, found), default=None), "stack": stack}
        for stack, found in ordered
    ]
    return table("Stacks", rows, _STACK_COLUMNS, top)


def describe(row: dict[str, Any]) -> str:
    """A record in a few words."""
    if "kind" in row:
        return str(row.get("text", row["kind"]))
    if "fn" in row:
        function = f"vm_page_{row['fn']}" if row["fn"] in ("rename", "replace") else row["fn"]
        return f"{function} failed ({row['rc']})" if row["rc"] else str(function)
    if "path" not in row:
        return "fault without an end"
    counts = f", {counted(row['acq'], 'acquire')}, {counted(row['rel'], 'release')}" if "acq" in row else ""
    failed = f" failed ({row['rc']})" if row["rc"] else ""
    return f"fault {path_name(row['path'])}{failed}{counts}"
