"""Findings that a healthy kernel can have too: what failed, and was handled."""

from analyzer.analysis import imbalance
from analyzer.analysis.coverage import failed_inserts as failed_insert_rows
from analyzer.analysis.coverage import insert_calls, insert_functions, move_function
from analyzer.analysis.failures import fail_point, failure_rates
from analyzer.format import count, counted, share
from analyzer.ingest.releases import fault_function
from analyzer.summary.summary import LogSummary
from analyzer.verdict.finding import Finding, rate, sure


def failed_moves(log: LogSummary) -> list[Finding]:
    moves = log.table("moves")
    failed = moves[moves["rc"] > 0]
    found = []
    for (function, infault), part in failed.groupby(["fn", "infault"], sort=False):
        same = moves[(moves["fn"] == function) & (moves["infault"] == infault) & (moves["rc"] >= 0)]
        number, of = int(part["moves"].sum()), int(same["moves"].sum())
        name = move_function(log, function)
        place = {1: "inside faults", 0: "outside faults (fork's split, exit's collapse)"}.get(infault, "in all")
        rows = tuple(row for row in log.evidence.get("failed-move", ()) if row.get("infault", -1) == infault)
        found.append(
            Finding(
                "failed-move-in-fault" if infault == 1 else "failed-move",
                sure(log),
                f"{name} failed {count(number)} of {counted(of, 'time')} {place} ({rate(number, of)}).",
                "In a fault this is the copy-on-write optimisation; up to 10.x its error path is the bug of D4326."
                if infault == 1
                else "Here its callers wait for memory and try again: that is meant.",
                "",
                rows,
            )
        )
    return found


def failed_inserts(log: LogSummary) -> list[Finding]:
    mine = failed_insert_rows(log)
    functions = insert_functions(log)
    failed, of = int(mine["failed"].sum()), insert_calls(log)
    if not failed:
        return []
    inside = int(mine.loc[mine["infault"] == 1, "failed"].sum())
    point = fail_point(log)
    asked = f" The fail point {point[0]} asked for {share(point[1])} of the node allocations." if point else ""
    among = f" of {counted(of, 'call')} ({rate(failed, of)})" if of else ""
    known = mine["infault"].isin([0, 1]).all()
    return [
        Finding(
            "failed-insert",
            sure(log),
            f"{' and '.join(functions)} got no node {count(failed)} times{among}"
            + (f", {count(inside)} of them inside a fault." if known else "."),
            f"Not every insert needs a new node.{asked}",
            "",
            tuple(log.evidence.get("failed-insert", ())),
        )
    ]


def freed_again(log: LogSummary) -> list[Finding]:
    rows = imbalance.freed_again(log)
    if not rows:
        return []
    number = imbalance.counted(log, "freed again")
    return [
        Finding(
            "freed-again",
            "suspected",
            f"{counted(number, 'fault')} freed one page twice, but retried or failed an insert in between.",
            "Each failed insert gives back the page that was to be inserted, and the next allocation can return the "
            "same page: this is likely to be harmless.",
            "The script vmevents shows whether an allocation stands between the two frees.",
            tuple(rows),
        )
    ]


def failed_faults(log: LogSummary) -> list[Finding]:
    function = fault_function(log.meta.get("osreldate"))
    rates = failure_rates(log)
    mine = rates[(rates["function"] == function) & (rates["failed"] > 0)]
    if mine.empty:
        return []
    results = ", ".join(f"{count(row.failed)} × {row.result}" for row in mine.itertuples())
    failed, of = int(mine["failed"].sum()), int(mine["of"].iloc[0])
    return [
        Finding(
            "failed-fault",
            sure(log),
            f"{count(failed)} of {counted(of, 'fault')} failed: {results} ({rate(failed, of)}).",
            "A process that touches what it may not gets these; alone they are no defect of the kernel.",
        )
    ]
