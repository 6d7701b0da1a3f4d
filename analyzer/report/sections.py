"""The sections of a report, one an analysis: a sentence, charts, tables."""

from typing import Any

from analyzer.analysis import aggregations, coverage, failures, imbalance, locks, moves, paths
from analyzer.analysis.failures import FailureRate
from analyzer.analysis.seen import why_unseen
from analyzer.analysis.statistics import wilson
from analyzer.charts import distributions, over_time, shares
from analyzer.charts import sites as site_charts
from analyzer.charts import stacks as stack_charts
from analyzer.format import count, counted, share
from analyzer.ingest.releases import path_steps, release
from analyzer.report.document import Section
from analyzer.report.origin import host, tracer
from analyzer.report.pictures import gap_bands
from analyzer.report.tables import Columns, dicts, table
from analyzer.summary.balance import INSERTS_IN_RANGE
from analyzer.summary.summary import LogSummary, Summary

_NODES = "radix node allocations (the kernel's count)"
_FINE = 0.05  # percentiles nearer than that are given as one number
_PLACES = {1: "in a fault", 0: "outside faults"}
_COUNTED = 5  # columns of page moves, the first of them, that counts fill
_RATES = (
    ("failed", "int", "how many failed"),
    ("of", "int", "of how many"),
    ("rate", "share", ""),
    ("interval", "interval", "95 % Wilson interval of the rate"),
)


def sections(
    summary: Summary, log: LogSummary, headlines: list[str], provenance: str, top: int
) -> tuple[Section, ...]:
    """All sections that the logs have something for; `headlines` says of each log what weighs most in its verdict."""
    built = [
        _logs(summary, headlines, top) if len(summary.logs) > 1 else None,
        _failures(log, len(summary.logs) == 1, provenance, top),
        _imbalance(log),
        _costs(log, provenance, top),
        _moves(log, provenance, top),
        _locks(log, provenance, top),
        _aggregations(log, top),
        _coverage(log, len(summary.logs) == 1, provenance, top) if log.rows("faults") else None,
    ]
    return tuple(section for section in built if section is not None)


def _logs(summary: Summary, headlines: list[str], top: int) -> Section:
    rows = [
        {
            "log": part.meta["name"],
            "host": host(part.meta),
            "release": release(part.meta.get("osreldate")),
            "script": part.meta.get("script"),
            "faults": part.faults,
            "verdict": headline,
        }
        for part, headline in zip(summary.logs, headlines, strict=True)
    ]
    columns = (
        ("log", "text", ""), ("host", "text", ""), ("release", "text", ""), ("script", "text", ""),
        ("faults", "int", ""), ("verdict", "text", "the weightiest finding"),
    )  # fmt: skip
    text = f"{counted(len(rows), 'log')} in one report; what follows is over all of them."
    return Section("logs", "Logs", text, tables=(table("Logs", rows, columns, top),))


def _failures(log: LogSummary, one: bool, provenance: str, top: int) -> Section | None:
    rates = failures.failure_rates(log)
    if not rates:
        return None
    point, nodes = failures.fail_point(log), failures.node_allocation_failures(log)
    counted_too = [failures.failure_rate(_NODES, "", *nodes)] if nodes and nodes[1] else []
    tables = [table("By function and result", _shown([*rates, *counted_too], "function"), _rates("function"), top)]
    for key in ("path", "process"):
        by = failures.failures_by(log, key)
        if by:
            tables.append(table(f"Failed faults by {key}", _shown(by, key), _rates(key), top))
    stacks = failures.insert_stacks(log)
    if stacks:
        columns: Columns = (("failed", "int", ""), ("result", "text", ""), ("where", "text", ""), ("stack", "code", ""))
        tables.append(table("Failed radix inserts by stack", _with_place(stacks), columns, top))
    chosen = failures.selected_faults(log)
    if chosen:
        columns = (
            ("when", "time", "since the trace began"), ("process", "text", ""), ("pid", "id", ""),
            ("thread", "id", ""), ("result", "text", ""), ("path", "text", ""),
            ("duration", "ns", ""),
        )  # fmt: skip
        tables.append(table("Faults recorded one by one: failed unusually, or slow", dicts(chosen), columns, top))
    asked = (_NODES, point[1]) if point else None
    charts = [shares.failure_frequency([*rates, *counted_too], asked, provenance)]
    if one and log.first_ts is not None:
        by_second = failures.failures_by_second(log)
        charts.append(over_time.failures_over_time(by_second, _seconds(log), provenance, coverage.step(log)))
    if stacks:
        charts.append(stack_charts.failed_insert_stacks(failures.stack_tree(log), provenance))
    return Section("failures", "Failure frequency", _failure_sentence(log, rates), tuple(charts), tuple(tables))


def _failure_sentence(log: LogSummary, rates: list[FailureRate]) -> str:
    caused = failures.caused_moves(log)
    failed = sum(rate.failed for rate in rates) - caused
    sentences = [f"{counted(failed, 'failure')} in all." if failed else "Nothing failed that was recorded."]
    if caused:
        again = "is not counted again" if caused == 1 else "are not counted again"
        sentences.append(f"{counted(caused, 'move')} failed because an insert did, and {again}.")
    point, nodes = failures.fail_point(log), failures.node_allocation_failures(log)
    if point:
        sentences.append(f"The fail point {point[0]} was to fail {share(point[1])} of what passes it.")
    if nodes and nodes[1]:
        low, high = wilson(*nodes)
        sentences.append(
            f"The kernel itself counted {counted(nodes[0], 'failure')} in {count(nodes[1])} allocations of radix nodes "
            f"({share(nodes[0] / nodes[1])}, 95 % interval {share(low)} to {share(high)})."
        )
    return " ".join(sentences)


def _imbalance(log: LogSummary) -> Section | None:
    if not log.rows("seconds"):
        return None
    asked, bad = (imbalance.counted(log, name) for name in ("balance asked", "unbalanced"))
    if not imbalance.balance_is_measured(log):
        sentence = "This log cannot show whether acquires and releases balance."
    elif log.has("F", "held"):
        sentence = (
            f"The top object's lock word was read at the return of {counted(asked, 'fault')}: {count(bad)} held it."
        )
    else:
        sentence = f"Acquires and releases were counted in {counted(asked, 'fault')}: {count(bad)} did not balance."
    held, freed = (len(imbalance.alarms(log, kind)) for kind in ("lock-held", "double-free"))
    if held or freed:
        sentence += f" Records of the moment: {counted(held, 'lock')} left held, {counted(freed, 'page')} freed twice."
    if not coverage.is_complete(log):
        sentence += " The trace has gaps, so this is not all."
    return Section("imbalance", "Locks and pages", sentence)


def _costs(log: LogSummary, provenance: str, top: int) -> Section | None:
    costs = paths.path_costs(log)
    if not costs:
        return None
    columns = (
        ("path", "text", "the steps that the fault took"),
        ("faults", "int", ""),
        ("share_of_faults", "share", ""),
        ("time", "ns", "from entry to return, all faults of the path"),
        ("share_of_time", "share", ""),
        ("mean", "ns", ""),
        ("p50", "ns", ""),
        ("p90", "ns", ""),
        ("p99", "ns", ""),
        ("p999", "ns", "99.9 % took no longer; as all percentiles not said of too few faults"),
        ("longest", "ns", ""),
        ("oncpu", "ns", "time on a CPU, all faults of the path"),
        ("waiting", "ns", "time not on a CPU"),
        ("retries", "int", "map lookups after the first: the fault began again"),
    )
    tables = [table("Cost by path", dicts(costs), columns, top)]
    processes = paths.process_costs(log)
    if processes:
        by = (("process", "text", ""), ("faults", "int", ""), ("failed", "int", ""), ("time", "ns", ""))
        tables.append(table("Cost by process", dicts(processes), by, top))
    if all(cost.time is None for cost in costs):
        return Section("paths", "Cost by path", "This log does not record how long faults took.", tables=tuple(tables))
    off = paths.latency_resolution(log)
    sentence = f"{costs[0].path} takes most of the time. " + (
        f"Percentiles are within {share(off)} of the true value."
        if off < _FINE
        else "The log has durations in buckets only: a percentile is somewhere in the range that is given."
    )
    sentence += _page_ins(log)
    own = paths.faults_of_tracing(log)
    if own:
        sentence += f" {counted(own, 'fault')} of tracing itself are left out."
    charts = (
        distributions.path_latency(paths.latency_bins(log), provenance),
        shares.time_by_path(costs, provenance),
    )
    return Section("paths", "Cost by path", sentence, charts, tuple(tables))


def _page_ins(log: LogSummary) -> str:
    """What `page-in` is worth where the script saw the pager asked, and not whether a page came."""
    bits = log.meta.get("bits", {}).get("path")
    by_path = log.sums("faults", "faults", "path")
    asked = sum(number for path, number in by_path.items() if "page-in" in path_steps(path, bits))
    if not asked or not why_unseen(log, "page-in"):
        return ""
    grown = coverage.growth(log, coverage.PAGE_INS)
    told = "" if grown is None else f"; the kernel counted {counted(grown, 'page-in')} (v_io_faults)"
    return f" page-in says here that the pager was asked, in {counted(asked, 'fault')}, not that a page came{told}."


def _moves(log: LogSummary, provenance: str, top: int) -> Section | None:
    costs = moves.move_costs(log)
    if not costs:
        return None
    columns: Columns = (
        ("function", "text", ""),
        ("where", "text", "in a fault: the copy-on-write optimisation; outside: fork's split, exit's collapse"),
        ("moves", "int", "records"),
        ("failed", "int", ""),
        ("calls", "int", "entries that the script counted"),
        ("mean", "ns", ""),
        ("longest", "ns", ""),
        ("exclusively_busy", "share", "page exclusively busy at the return"),
        ("dirty", "share", "page dirty at the return"),
        ("had_object", "share", "page was in an object before"),
        ("lookups", "int", "radix operations of one move"),
        ("inserts", "int", "radix operations of one move"),
        ("removes", "int", "radix operations of one move"),
        ("replaces", "int", "radix operations of one move"),
    )
    if not log.rows("moves"):  # only counted
        columns = columns[:_COUNTED]
    tables = [table("Page moves", _with_place(costs), columns, top)]
    quantiles = moves.move_percentiles(log)
    if quantiles:
        by: Columns = (("function", "text", ""), ("p50", "ns", ""), ("p90", "ns", ""), ("p99", "ns", ""))
        tables.append(table("Durations of page moves", dicts(quantiles), by, top))
    callers = moves.moves_by_caller(log)
    if callers:
        by = (
            ("mover", "text", "a collapse is exit's, exec's or fork's"), ("function", "text", ""),
            ("caller", "text", ""), ("where", "text", ""), ("moves", "int", ""), ("failed", "int", ""),
        )  # fmt: skip
        tables.append(table("Page moves by caller", _with_place(callers), by, top))
    total, failed = (sum(numbers) for numbers in zip(*((cost.moves, cost.failed) for cost in costs), strict=True))
    sentence = f"{counted(total, 'page')} moved to another object, {count(failed)} of them failed to."
    exclusively, replaced = moves.replaced_busy(log)
    if replaced:
        sentence += f" The old page was exclusively busy in {count(exclusively)} of {counted(replaced, 'replace')}."
    chart = distributions.move_costs(moves.move_bins(log), provenance)
    return Section("moves", "Page moves: rename against replace", sentence, (chart,), tuple(tables))


def _locks(log: LogSummary, provenance: str, top: int) -> Section | None:
    if not (log.rows("aggregations") or log.rows("lock_sites")):
        return None
    held, waited, sites = locks.hold_times(log), locks.wait_times(log), locks.lock_sites(log)
    times = (
        ("mode", "text", ""), ("site", "text", "code that took the lock"), ("times", "int", ""), ("total", "ns", ""),
        ("p50", "ns", "the bucket that it lies in"), ("p99", "ns", "the bucket that it lies in"),
    )  # fmt: skip
    tables, charts = [], []
    if held:
        tables.append(table("VM object locks held, by code site", dicts(held), times, top))
    if waited:
        by = (("kind", "text", ""), *times)
        tables.append(table("VM object locks waited for, by code site", dicts(waited), by, top))
    if sites:
        columns = (
            ("operation", "text", ""), ("mode", "text", ""), ("lock", "text", ""), ("site", "text", ""),
            ("operations", "int", ""),
        )  # fmt: skip
        tables.append(table("Lock operations inside faults", dicts(sites), columns, top))
        charts.append(site_charts.lock_sites(sites, provenance))
    if not tables:
        return None
    return Section("locks", "Locks by code site", locks.sentence(log), tuple(charts), tuple(tables))


def _aggregations(log: LogSummary, top: int) -> Section | None:
    if log.meta.get("script") in ("vmagg", "vmlocks") or not log.rows("aggregations"):
        return None
    values, distributed = aggregations.values(log), aggregations.distributions(log)
    tables = []
    keys = (("aggregation", "text", "numbered as they stand in the file"), ("key", "text", ""))
    if values:
        tables.append(table("Values", dicts(values), (*keys, ("value", "int", "")), top))
    if distributed:
        shares = (("count", "int", ""), ("p50", "int", ""), ("p90", "int", ""), ("p99", "int", ""))
        rows = [row._asdict() | {"count": row.number} for row in distributed]
        tables.append(table("Distributions", rows, (*keys, *shares), top))
    if not tables:
        return None
    counted_by = "What lockstat counted of the most frequent" if log.count("LS") else "What a script aggregated"
    units = "the unit stands in the name" if log.count("LS") else "in units that only the script knows"
    text = f"{counted_by}, {units}. A percentile is the bucket that it lies in."
    return Section("aggregations", "Aggregations", text, tables=tuple(tables))


def _coverage(log: LogSummary, one: bool, provenance: str, top: int) -> Section:
    counts, seconds = coverage.counts(log), coverage.coverage_seconds(log)
    lost = coverage.gaps(log)
    if log.meta.get("filter"):
        sentence = "The records are filtered, so they cannot be held against the kernel's counters."
    elif not counts:
        sentence = "This log has no count to hold its records against."
    else:
        sentence = "A complete trace holds every call, and at least as many as a counter grew by while tracing ran."
    sentence += " " + (f"{counted(len(lost), 'gap')}." if lost else f"{tracer(log.meta)} reported no loss.")
    if many := imbalance.counted(log, "inserts out of range"):
        sentence += (
            f" Not measured: retries and inserts of {counted(many, 'fault')} with more than {count(INSERTS_IN_RANGE)} "
            "inserts, for which a record has no room."
        )
    charts = [shares.coverage_counts(counts, provenance)]
    if one and seconds:
        charts.append(over_time.coverage_over_time(seconds, gap_bands(log), provenance, coverage.step(log)))
    columns = (
        ("measure", "text", "what was recorded: what it is held against"),
        ("recorded", "int", ""),
        ("expected", "int", "what the script or the kernel counted"),
    )
    tables = (table("Recorded against counted", dicts(counts), columns, top),) if counts else ()
    return Section("coverage", "Coverage", sentence, tuple(charts), tables)


def _rates(key: str) -> Columns:
    """The columns of failure rates by that."""
    return ((key, "text", ""), ("result", "text", ""), *_RATES)


def _shown(rates: list[FailureRate], key: str) -> list[dict[str, Any]]:
    return [row._asdict() | {key: row.function, "interval": (row.low, row.high)} for row in rates]


def _with_place(rows: list[Any]) -> list[dict[str, Any]]:
    """The rows of something that happens in faults and outside of them."""
    return [row._asdict() | {"where": _PLACES.get(row.infault)} for row in rows]


def _seconds(log: LogSummary) -> int:
    """How long the trace is, from what was counted by the second."""
    last = max(log.sums("seconds", "faults", "second"), default=None)
    return 1 if last is None else max(1, last - coverage.first_second(log) + coverage.step(log))
