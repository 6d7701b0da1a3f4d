"""What a report says before anybody scrolls: the key figures, and what to type next."""

import shlex

from analyzer.analysis.paths import slowest_faults
from analyzer.format import NOT_MEASURED, count, duration
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.finding import Finding
from analyzer.verdict.verdict import Answer, Verdict, together

_PRESSING = ("kernel bug", "needs a look")


def key_figures(log: LogSummary, verdicts: list[Verdict]) -> tuple[tuple[str, str], ...]:
    """Six figures of all logs together, as (name, value)."""
    answers = together(verdicts)
    longest = max((row["longest"] for row in log.entries("faults")), default=0) if log.faults else 0
    return (
        ("faults", count(log.faults)),
        ("failed faults", _count(answers["failed-fault"])),
        ("locks left held", _count(answers["lock-held"])),
        ("pages freed twice", _count(answers["double-free"])),
        ("failed page moves", _count(answers["failed-move-in-fault"], answers["failed-move"])),
        ("longest fault", duration(longest) if longest else NOT_MEASURED),
    )


def _count(*answers: Answer) -> str:
    """How many events in all; where one of the answers is not measured, what the others have is the least."""
    counts = [answer.count for answer in answers if answer.count is not None]
    least = "at least " if len(counts) < len(answers) else ""
    if least and not sum(counts):
        return "not measured"
    suspected = any(answer.certainty == "suspected" for answer in answers)
    return f"{least}{count(sum(counts))}{' suspected' if suspected else ''}"


def next_command(summary: Summary, findings: list[tuple[LogSummary, Finding]]) -> str:
    """What to type next; empty where the log cannot be read again."""
    for number, (log, finding) in enumerate(findings, 1):
        if finding.severity in _PRESSING and any(row.get("line") for row in finding.rows) and _is_file(log):
            name = shlex.quote(str(log.meta["name"]))
            if len(summary.logs) == 1 and "script" in log.meta:
                return f"vmtrace show {name} --finding {number}"
            return f"vmtrace report {name}" if len(summary.logs) > 1 else ""
    if len(summary.logs) == 1 and "script" in summary.logs[0].meta and _is_file(summary.logs[0]):
        faults = slowest_faults(summary.logs[0])
        if faults:
            slowest = f"vmtrace show {shlex.quote(str(summary.logs[0].meta['name']))} --fault {faults[0].line}"
            return f"{slowest}  # the slowest fault"
    names = [shlex.quote(str(log.meta["name"])) for log in summary.logs if _is_file(log)]
    return f"vmtrace report {' '.join(names)} -o report.html" if names and len(names) == len(summary.logs) else ""


def _is_file(log: LogSummary) -> bool:
    return not str(log.meta["name"]).startswith(("<stdin>", "/dev/fd/"))  # <(zcat …) is gone when it was read
