"""What a verdict is about: how much was recorded, what is missing, what is filtered."""

from analyzer.analysis.coverage import LOSSY, UNFILTERED, counts, counts_in_sections, gaps, missing_faults
from analyzer.format import count, counted, duration, share
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding

_FOLDED = {
    "execname": "process names", "stack": "stacks", "caller": "callers", "lock": "locks", "site": "places of locks",
    "key": "keys of aggregations",
}  # fmt: skip


def scope(log: LogSummary) -> str:
    """One line without a full stop: coverage, gaps, filters."""
    whole = log.whole or log
    parts = [_recorded(whole), *(lost(whole) or ["no gap"])]
    for column in sorted(whole.folded()):
        parts.append(f"more {_FOLDED[column]} than can be kept apart: the rarest are added as one")
    if "host.filter" in log.meta:
        parts.append(f"traced only {log.meta['host.filter']}")
    if log.meta.get("filter"):
        parts.append(f"filter: {log.meta['filter']}, {counted(log.faults, 'fault')}")
        parts += [UNFILTERED] if counts_in_sections(log) else []
    return "; ".join(parts)


def lost(log: LogSummary) -> list[str]:
    """What is missing from the trace, a few words each."""
    told = [str(gap).partition(":")[0] for gap in gaps(log)]
    return told + ([f"{counted(log.unread_count, 'line')} could not be read"] if log.unread_count else [])


def _recorded(log: LogSummary) -> str:
    missing = missing_faults(log)
    if missing:
        return f"{_part(missing)} of the faults recorded ({count(missing[0])} of {count(missing[1])}, {missing[2]})"
    counted_by = [row for row in counts(log) if row.measure.startswith("faults: ")]
    held = "".join(
        f", {count(row.expected)} counted ({row.measure.removeprefix('faults: ')})" for row in counted_by[:1]
    )
    return f"{counted(log.faults, 'fault')} recorded{held}" if log.faults else "no fault recorded"


def _part(missing: tuple[int, int, str]) -> str:
    return share(missing[0] / missing[1])


def _last_record(log: LogSummary) -> str:
    """When the last record came, of a log that says when it began."""
    if not log.start or log.last_ts is None:
        return ""
    return f", {duration(log.last_ts - log.start)} after its beginning"


def gap(log: LogSummary) -> list[Finding]:
    """What the trace lost, and what that puts in doubt."""
    told = [str(gap) for gap in gaps(log)]
    if log.unread_count:
        told.append(f"{counted(log.unread_count, 'line')} could not be read")
    if not told:
        return []
    missing = missing_faults(log.whole or log)
    kinds = {gap.kind for gap in gaps(log)}
    if "aborted" in kinds:
        headline = f"The kernel stopped this trace before its end{_last_record(log)}"
        headline += f": {_part(missing)} of the faults were recorded." if missing else "."
    elif kinds & LOSSY:
        headline = "This trace proves nothing: it lost records."
    else:
        headline = "The trace is not whole: what it does not show may still have happened."
    next_step = "Record again with a larger bufsize or dynvarsize, a higher switchrate, or a narrower filter."
    return [
        Finding(
            "gap",
            "not measured",
            "needs a look",
            headline,
            "; ".join(told) + ".",
            next_step if kinds & (LOSSY | {"aborted"}) else "",
        )
    ]
