"""The shortest piece of a log that shows a finding: a log itself, which every command reads."""

from collections.abc import Iterable

from analyzer.analysis.coverage import GAPS
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding

MOST_ROWS = 5  # of a finding that has many; the first by time show it
_HEAD = ("#vmtrace", "#script", "#osreldate", "#walltime", "#timestamp", "#bits")
_STACK = " " * 14


class Excerpts:
    """Collects the lines of several findings of one log while it goes by once."""

    def __init__(self, findings: list[Finding], log: LogSummary) -> None:
        self._wanted = [_lines(finding, log) for finding in findings]
        self._faults = [_faults(finding, log) for finding in findings]

    def read(self, lines: Iterable[str]) -> list[str]:
        """For each finding its excerpt, of the log's lines; empty where no line shows it."""
        head: list[str] = []
        fields: dict[str, str] = {}
        found: list[list[str]] = [[] for _ in self._wanted]
        stack_of: list[int] = []  # the findings that the record before belongs to
        for number, line in enumerate(lines, 1):
            if line.startswith("#fields\t"):
                fields[line.split("\t", 2)[1]] = line
            elif line.startswith(_HEAD):
                head.append(line)
            elif line.startswith(_STACK):
                for place in stack_of:
                    found[place].append(line)
            else:
                stack_of = self._of(number, line)
                for place in stack_of:
                    found[place].append(line)
        return [_log(head, fields, body) for body in found]

    def _of(self, number: int, line: str) -> list[int]:
        """The findings that want this line."""
        places = [place for place, wanted in enumerate(self._wanted) if number in wanted]
        if any(self._faults) and line[:2] in ("E\t", "R\t", "L\t"):
            _, ts, _, _, tid, *_ = line.split("\t", 5)  # every record of vmevents begins so
            for place, faults in enumerate(self._faults):
                if any(tid == thread and first <= int(ts) <= last for thread, first, last in faults):
                    places.append(place)
        return sorted(set(places))


def _lines(finding: Finding, log: LogSummary) -> set[int]:
    if finding.kind == "gap":
        gaps = [notice.line for notice in log.notices if notice.kind in GAPS and notice.line]
        return set([*gaps, *(line.line for line in log.unread)][:MOST_ROWS])
    return {int(row["line"]) for row in finding.rows[:MOST_ROWS] if row.get("line")}


def _faults(finding: Finding, log: LogSummary) -> list[tuple[str, int, int]]:
    """Thread, first and last moment of the faults that vmevents recorded step by step."""
    if not log.count("E"):
        return []
    return [(str(row["tid"]), row["ts"], row["ts"] + row["dur"]) for row in finding.rows[:MOST_ROWS] if "dur" in row]


def _log(head: list[str], fields: dict[str, str], body: list[str]) -> str:
    if not body:
        return ""
    tags = {line.split("\t", 1)[0] for line in body}
    return "\n".join([*head, *(line for tag, line in fields.items() if tag in tags), *body]) + "\n"
