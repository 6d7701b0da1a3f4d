"""What a healthy kernel can do too: fail, and handle it.

Each function finds the events of one claim (verdict/claims.py) among the rows that `keep` lets pass.
"""

from dataclasses import replace

from analyzer.analysis import failures, imbalance
from analyzer.analysis.coverage import failed_inserts as failed_insert_rows
from analyzer.analysis.coverage import growth, insert_calls, insert_functions, is_narrowed, move_function
from analyzer.format import count, counted, share
from analyzer.summary.evidence import Row
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding, Keep, every, rate, sure, sure_of_steps

_FIRST_REPLACE = 1100000  # from then on a fault moves its page by vm_page_replace, which allocates nothing


def renames_in_faults(log: LogSummary) -> bool:
    """Whether the release moves pages by vm_page_rename inside faults, or may."""
    return (log.meta.get("osreldate") or 0) < _FIRST_REPLACE


def failed_moves_in_faults(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Page moves that failed inside faults: up to 10.x their error path is the bug of D4326."""
    return _failed_moves(log, [1], keep)


def failed_moves_outside(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Page moves that failed outside of faults, or where the script does not say."""
    return _failed_moves(log, [0, -1], keep)


def _failed_moves(log: LogSummary, places: list[int], keep: Keep) -> list[Finding]:
    moves: dict[tuple[str, int], dict[bool, int]] = {}
    for (function, infault, rc), number in log.sums("moves", "moves", "fn", "infault", "rc").items():
        if infault in places and rc >= 0:
            by_outcome = moves.setdefault((function, infault), {True: 0, False: 0})
            by_outcome[rc > 0] += number
    found = []
    for (function, infault), by_outcome in moves.items():
        evidence = [row for row in log.evidence.get("failed-move", ()) if row.get("infault", -1) == infault]
        rows = tuple(row for row in evidence if keep(row))
        told = len(evidence) - len(rows)
        if by_outcome[True] > told:
            finding = _failed_move(log, function, infault, sum(by_outcome.values()), by_outcome[True], rows)
            found.append(replace(finding, events=finding.events - told, detail=_and_elsewhere(finding.detail, told)))
    return found


def _and_elsewhere(detail: str, told: int) -> str:
    """Of the failures in the headline, `told` are part of another finding."""
    return f"{detail} {count(told)} of them {'is' if told == 1 else 'are'} told in another finding." if told else detail


def _failed_move(log: LogSummary, function: str, infault: int, of: int, failed: int, rows: tuple[Row, ...]) -> Finding:
    places = {1: "inside faults", 0: "outside faults (fork's split, exit's collapse)", -1: "inside faults or outside"}
    risky = infault == 1 and renames_in_faults(log)
    certainty = sure_of_steps(log) if infault >= 0 else "suspected"
    detail = (
        "In a fault this is the copy-on-write optimisation; up to 10.x its error path is the bug of D4326."
        if infault == 1
        else "Outside of faults its callers wait for memory and try again: that is meant."
    )
    unplaced = imbalance.unplaced_moves(log, rows) if infault == 0 else 0
    if unplaced == failed:
        certainty, detail = "suspected", f"Their threads can have been in a fault since before tracing began. {detail}"
    elif unplaced:
        failed -= unplaced
        detail = f"{count(unplaced)} more can have been in faults that began before tracing. {detail}"
    return Finding(
        "failed-move-in-fault" if infault == 1 else "failed-move",
        certainty,
        "needs a look" if risky else "ordinary",
        f"{move_function(log, function)} failed {count(failed)} of {counted(of, 'time')} {places[infault]} "
        f"({rate(failed, of)}).",
        detail,
        "",
        rows,
        failed,
    )


def failed_inserts(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Radix inserts that got no node; where only the kernel's own counter tells of them, they are suspected."""
    recorded = failed_insert_rows(log)
    evidence = log.evidence.get("failed-insert", ())
    rows = tuple(row for row in evidence if keep(row))
    failed, told = sum(recorded.values()), len(evidence) - len(rows)
    if failed <= told:
        return [] if recorded else _uncounted_inserts(log)
    functions, of = insert_functions(log), insert_calls(log)
    inside = sum(number for (_, _, infault), number in recorded.items() if infault == 1)
    known = all(infault in (0, 1) for _, _, infault in recorded)
    among = f" of {counted(of, 'call')} ({rate(failed, of)})" if of and of >= failed else ""
    point, moved = failures.fail_point(log), failures.caused_moves(log)
    asked = f" The fail point {point[0]} asked for {share(point[1])} of the node allocations." if point else ""
    caused = f" {count(moved)} of them made a page move fail." if moved else ""
    return [
        Finding(
            "failed-insert",
            sure(log),
            "ordinary",
            f"{' and '.join(functions)} got no node {counted(failed, 'time')}{among}"
            + (f", {'all' if inside == failed else count(inside)} of them inside faults." if known else "."),
            _and_elsewhere(f"Not every insert needs a new node.{caused}{asked}", told),
            "",
            rows,
            failed - told,
        )
    ]


def _uncounted_inserts(log: LogSummary) -> list[Finding]:
    """What the kernel counted and no record shows.  A script that traced some processes is not told of the others."""
    fails = growth(log, "vm.uma.RADIX_NODE.stats.fails")
    if not fails or fails < 0 or is_narrowed(log):
        return []
    return [
        Finding(
            "failed-insert",
            "suspected",
            "ordinary",
            f"The kernel could not allocate {counted(fails, 'radix node')} while tracing ran; no record shows where.",
            "The counter is of the whole machine; inserts of pages are what mostly needs such nodes.",
            events=fails,
        )
    ]


def failed_faults(log: LogSummary, keep: Keep = every) -> list[Finding]:
    """Faults with a result other than KERN_SUCCESS."""
    mine = sorted((row for row in failures.failed_faults(log) if row.failed), key=lambda row: (-row.failed, row.result))
    if not mine:
        return []
    results = ", ".join(f"{count(row.failed)} × {row.result}" for row in mine)
    failed, of = sum(row.failed for row in mine), mine[0].of
    return [
        Finding(
            "failed-fault",
            sure(log),
            "ordinary",
            f"{count(failed)} of {counted(of, 'fault')} failed: {results} ({rate(failed, of)}).",
            "A process that touches what it may not gets these; alone they are no defect of the kernel.",
            events=failed,
        )
    ]
