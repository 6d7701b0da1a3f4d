"""The verdict: what the trace proves, what it suggests, what it cannot say; in order of weight."""

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import calls, coverage_counts, gaps, insert_calls, is_complete, may_have_lost_steps
from analyzer.format import count, counted
from analyzer.ingest.releases import handler, release
from analyzer.summary.summary import LogSummary
from analyzer.verdict import defects, handled
from analyzer.verdict.finding import Finding


def verdict(log: LogSummary) -> list[Finding]:
    """The findings of one log, weightiest first; a trace that lost records opens with that."""
    moves = handled.failed_moves(log)
    serious = [
        *defects.d4326(log),
        *defects.locks(log),
        *defects.double_frees(log),
        *defects.never_returned(log),
        *defects.unfinished(log),
        *defects.panics(log),
        *(finding for finding in moves if finding.kind == "failed-move-in-fault"),
    ]
    rest = [
        *(finding for finding in moves if finding.kind == "failed-move"),
        *handled.failed_inserts(log),
        *handled.freed_again(log),
        *handled.failed_faults(log),
    ]
    findings = [*serious, *_clean(log, serious + rest), *rest]
    gap = _gap(log)
    return (
        [*gap, *findings, *_not_measured(log)] if may_have_lost_steps(log) else [*findings, *gap, *_not_measured(log)]
    )


def _clean(log: LogSummary, found: list[Finding]) -> list[Finding]:
    """What was looked for, could be seen, and is not there."""
    kinds = {finding.kind for finding in found}
    looked = [
        ("lock left held", imbalance.balance_is_measured(log) and "lock-held" not in kinds),
        ("page freed twice", imbalance.frees_are_measured(log) and "double-free" not in kinds),
        ("failed page move", bool(len(log.table("moves"))) and not kinds & {"failed-move", "failed-move-in-fault"}),
        ("failed radix insert", insert_calls(log) is not None and "failed-insert" not in kinds),
    ]
    absent = [name for name, seen in looked if seen]
    if not absent or not is_complete(log):
        return []
    counts = coverage_counts(log)
    held_against = "; ".join(
        f"{count(row.recorded)} of {count(row.expected)} {row.measure}" for row in counts.itertuples()
    )
    return [
        Finding(
            "clean",
            "clean",
            f"No {_listed(absent)} in {counted(log.faults, 'fault')}.",
            "The trace has no gap" + (f"; recorded against counted: {held_against}." if held_against else "."),
        )
    ]


def _gap(log: LogSummary) -> list[Finding]:
    lost = [str(gap) for gap in gaps(log)]
    if log.unread_count:
        lost.append(f"{counted(log.unread_count, 'line')} could not be read")
    if not lost:
        return []
    headline = (
        "This trace proves nothing: it lost records."
        if may_have_lost_steps(log)
        else "The trace is not whole: what it does not show may still have happened."
    )
    return [
        Finding(
            "gap",
            "not measured",
            headline,
            "; ".join(lost) + ".",
            "Record again with a larger bufsize or dynvarsize, a higher switchrate, or a narrower filter."
            if may_have_lost_steps(log)
            else "",
        )
    ]


def _not_measured(log: LogSummary) -> list[Finding]:
    reasons = []
    script, osreldate = log.meta.get("script"), log.meta.get("osreldate")
    source = script or log.meta.get("format", "this log")
    if source == "console":
        return []
    if not imbalance.balance_is_measured(log):
        reasons.append(
            f"lock balance: on {release(osreldate)} uncontended object locks fire no probe"
            if script == "vmevents"
            else f"lock balance: {source} does not record it"
        )
    elif osreldate is not None and osreldate < 1100000:
        reasons.append(
            f"locks other than the top object's: on {release(osreldate)} acquires and releases cannot be counted"
        )
    if not imbalance.frees_are_measured(log):
        reasons.append(f"double frees: {source} does not record them")
    if calls(log, handler(osreldate)) is None and script != "vmlocks":
        reasons.append(f"faults that never returned: {source} does not count calls")
    replaced, recorded = calls(log, "vm_page_replace"), log.table("moves")
    if replaced and not (recorded["fn"] == "replace").any():
        reasons.append(f"what vm_page_replace costs: {counted(replaced, 'call')}, but its return probe never fired")
    if not reasons:
        return []
    return [Finding("not-measured", "not measured", f"Not measured: {'; '.join(reasons)}.")]


def _listed(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', no '.join(names[:-1])} and no {names[-1]}"
