"""The Summary: what all analysis works on.  Counts, sums and histograms that add; findings keep their rows.

One block of a log makes one LogSummary; those of one log merge into one, in the log's order; a Summary holds one
LogSummary a log.  Saved as JSON it stands for the log in every command.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import EXPLAINED, Notice, Parsed, Unread, count_unread, merged_meta
from analyzer.summary.evidence import Evidence, cap, collect_evidence, conclude, settle
from analyzer.summary.last_records import first_of_each, in_order, last_of_each, thread_ends
from analyzer.summary.reduce import reduce_block, reduce_faults, second_of
from analyzer.summary.reduce_aggregations import reduce_aggregations
from analyzer.summary.required import with_required
from analyzer.summary.steps import Settled, count_steps, join, open_steps, settle_steps
from analyzer.summary.tables import TABLES, as_table, concatenate, fold, folded_in, group, merge_tables, sums

if TYPE_CHECKING:
    import pandas as pd

UNREAD_KEPT = EXPLAINED  # no more, or what a line says would depend on the blocks
NOTICES_KEPT = 1000
Answered = TypeVar("Answered")


@dataclass
class LogSummary:
    """One log, or one block of it, or several logs added.

    Attributes:
        meta: the log's directives, and of a whole log `name`, `sha256`, `size`, `filter`, `filtered_by`.
        tables: the adding tables (summary/tables.py).
        evidence: rows by kind (summary/evidence.py).
        notices: the first of them; the others folded into one of each kind and place.
        unread: the first of them; `unread_count` counts all.
        start: when second 0 of the tables begins, ns on the clock of `ts`: the log's #timestamp.
        first_ts, last_ts: of its records, ns; None without records.
        end_ts: of the record that stands last, until the log is finished.
        threads, returns: the last records and the first fault record of each thread, until the log is finished.
        steps: records of vmevents that no fault has been made of yet, until the log is finished.
        whole: of a filtered log the same without the filter: what is left out is still true.
    """

    meta: dict[str, Any] = field(default_factory=dict)
    tables: dict[str, pa.Table] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0
    start: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    end_ts: int | None = None
    threads: pa.Table | None = None
    returns: pa.Table | None = None
    steps: pa.Table | None = None
    whole: LogSummary | None = None
    _entries: dict[str, list[dict[str, Any]]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _sums: dict[tuple[str, ...], dict[Any, int]] = field(default_factory=dict, init=False, repr=False, compare=False)
    _answers: dict[Callable[..., Any], Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def table(self, name: str) -> pd.DataFrame:
        """One of TABLES for a person; empty, with its columns, where the log gave none."""
        rows = self.tables[name] if name in self.tables else TABLES[name].schema.empty_table()
        return rows.to_pandas()

    def entries(self, name: str) -> list[dict[str, Any]]:
        """The rows of one of TABLES, not to be changed."""
        if name not in self._entries:
            self._entries[name] = self.tables[name].to_pylist() if name in self.tables else []
        return self._entries[name]

    def once(self, question: Callable[[LogSummary], Answered]) -> Answered:
        """The answer to a question that many ask, worked out for the first of them; not to be changed."""
        if question not in self._answers:
            self._answers[question] = question(self)
        return self._answers[question]

    def rows(self, name: str) -> int:
        """How many rows one of TABLES has."""
        return len(self.tables.get(name, ()))

    def sums(self, name: str, column: str, *by: str) -> dict[Any, int]:
        """What a column of one of TABLES adds up to by others (tables.sums), not to be changed."""
        asked = (name, column, *by)
        if asked not in self._sums:
            self._sums[asked] = sums(self.tables[name], column, by) if name in self.tables else {}
        return self._sums[asked]

    def sum(self, name: str, column: str) -> int:
        """What a column of one of TABLES adds up to."""
        return pc.sum(self.tables[name][column]).as_py() or 0 if name in self.tables else 0

    def count(self, tag: str) -> int:
        """How many records of that tag."""
        return self.sums("records", "records", "tag").get(tag, 0)

    @property
    def faults(self) -> int:
        """How many faults were recorded, one by one or in aggregations."""
        return self.once(_faults)

    def folded(self) -> set[str]:
        """The keys of tables of which there were too many to keep apart (summary/tables.py)."""
        return {column for name, table in self.tables.items() for column in folded_in(name, table)}

    @property
    def ended(self) -> bool:
        """Whether the trace came to its end, and the log was not cut behind it: dtrace can say last what it lost."""
        return "end" in self.meta and all(notice.kind != "no-trailer" for notice in self.notices)

    def has(self, tag: str, *columns: str) -> bool:
        """Whether the log's #fields gave that record these columns."""
        fields = {name for name, _ in self.meta.get("fields", {}).get(tag, ())}
        return tag in self.meta.get("fields", {}) and fields.issuperset(columns)


def _faults(log: LogSummary) -> int:
    return log.sum("faults", "faults")


def summarize_block(
    parsed: Parsed, script: str | None = None, start: int = 0, selected: Collection[str] = ()
) -> LogSummary:
    """One block's tables as a LogSummary.

    Args:
        script: the log's; it names what aggregations mean.
        start: the log's #timestamp.
        selected: tags of which the log has a selection only (#select).
    """
    parsed = with_required(parsed, script)
    ranges = [
        pc.min_max(table["ts"]).as_py() for table in parsed.tables.values() if "ts" in table.column_names and len(table)
    ]
    threads, returns = thread_ends(parsed.tables)
    summary = LogSummary(
        meta=parsed.meta,
        tables=fold(
            concatenate(
                [
                    reduce_block(parsed, start, selected),
                    count_steps(parsed.tables),
                    reduce_aggregations(parsed.tables, script, start),
                ]
            )
        ),
        evidence=collect_evidence(parsed.tables, selected),
        notices=_folded(parsed.notices),
        unread=parsed.unread[:UNREAD_KEPT],
        unread_count=count_unread(parsed.unread),
        start=start,
        first_ts=min((r["min"] for r in ranges), default=None),
        last_ts=max((r["max"] for r in ranges), default=None),
        end_ts=parsed.last_ts,
        threads=threads,
        returns=returns,
        steps=open_steps(parsed.tables),
    )
    return summary if summary.steps is None else _settled(summary, finished=False)


def merge(parts: list[LogSummary]) -> LogSummary:
    """Neighbouring blocks of one log, in its order, as one; how they are grouped changes nothing."""
    if len(parts) == 1:
        return parts[0]
    merged = _added(_after_each_other(parts))
    records = in_order([part.threads for part in parts])
    returns = in_order([part.returns for part in parts])
    settle(merged.evidence, records, returns)
    merged = replace(
        merged,
        end_ts=next((part.end_ts for part in reversed(parts) if part.end_ts is not None), None),
        threads=last_of_each(records),
        returns=first_of_each(returns),
        steps=join([part.steps for part in parts]),
        whole=merge(_wholes(parts)) if _filtered(parts) else None,
    )
    return merged if merged.steps is None else _settled(merged, finished=False)


def finish(summary: LogSummary) -> LogSummary:
    """The log has no more blocks: what was open is settled, and lines that only a whole log can want are noted."""
    if summary.steps is not None:
        summary = _settled(summary, finished=True)
    return replace(
        summary,
        tables=merge_tables([summary.tables]),
        evidence=conclude(summary.evidence),
        end_ts=None,
        threads=None,
        returns=None,
        steps=None,
        whole=finish(summary.whole) if summary.whole is not None else None,
    )


def add(parts: list[LogSummary]) -> LogSummary:
    """Counts, evidence and notices of all parts together; of directives the first stays."""
    return replace(_added(parts), whole=add(_wholes(parts)) if _filtered(parts) else None)


def _filtered(parts: list[LogSummary]) -> bool:
    return any(part.whole is not None for part in parts)


def _wholes(parts: list[LogSummary]) -> list[LogSummary]:
    return [part if part.whole is None else part.whole for part in parts]


def _added(parts: list[LogSummary]) -> LogSummary:
    kinds = sorted({kind for part in parts for kind in part.evidence})
    return LogSummary(
        meta=merged_meta(part.meta for part in parts),
        tables=merge_tables(part.tables for part in parts),
        evidence={kind: cap([row for part in parts for row in part.evidence.get(kind, ())]) for kind in kinds},
        notices=_folded([notice for part in parts for notice in part.notices]),
        unread=[line for part in parts for line in part.unread][:UNREAD_KEPT],
        unread_count=sum(part.unread_count for part in parts),
        start=parts[0].start,
        first_ts=min((part.first_ts for part in parts if part.first_ts is not None), default=None),
        last_ts=max((part.last_ts for part in parts if part.last_ts is not None), default=None),
    )


def _after_each_other(parts: list[LogSummary]) -> list[LogSummary]:
    """The parts, the notices of which know the record before them, be it in the part before."""
    end: int | None = None
    known = []
    for part in parts:
        notices = [notice if notice.after_ts is not None else replace(notice, after_ts=end) for notice in part.notices]
        known.append(replace(part, notices=notices))
        end = end if part.end_ts is None else part.end_ts
    return known


def _folded(notices: list[Notice]) -> list[Notice]:
    """The first NOTICES_KEPT; of the others one of each kind and place that counts them all."""
    folded: dict[tuple[str, str], Notice] = {}
    for notice in notices[NOTICES_KEPT:]:
        key = (notice.kind, notice.where)
        first = folded.get(key)
        folded[key] = notice if first is None else replace(first, count=first.count + notice.count)
    return notices[:NOTICES_KEPT] + list(folded.values())


def _settled(summary: LogSummary, finished: bool) -> LogSummary:
    """The summary with faults made of its open steps."""
    made = settle_steps(summary.steps, finished)
    evidence = collect_evidence({"F": made.faults}) if len(made.faults) else {}
    for row in evidence.get("imbalance", ()):
        row["unpaired"] = made.unpaired[row["ts"], row["tid"]]
    return replace(
        _added([summary, LogSummary(tables=_step_tables(made, summary.start), evidence=evidence)]),
        end_ts=summary.end_ts,
        threads=summary.threads,
        returns=summary.returns,
        steps=made.rest,
        whole=summary.whole,
    )


def _step_tables(made: Settled, start: int) -> dict[str, pa.Table]:
    tables = reduce_faults(made.faults, start) if len(made.faults) else {}
    found = {"balance": as_table("balance", {"measure": ["cut faults"], "faults": [made.incomplete]})}
    if len(made.failures):
        failed = made.failures.append_column("second", second_of(made.failures["ts"], start))
        found["failures"] = group("failures", failed, count="failed")
    made_of_them = {"moves": made.moves, "step_times": made.times, "radix": made.radix}
    found |= {name: table for name, table in made_of_them.items() if len(table)}
    return concatenate([tables, found])


@dataclass
class Summary:
    """One or several logs, each once, in the order they were given."""

    logs: list[LogSummary] = field(default_factory=list)

    def merge(self, *others: Summary) -> Summary:
        """All of them; a log that is in several stays once, told apart by its hash and filter."""
        logs: dict[tuple[object, object], LogSummary] = {}
        for log in (log for each in (self, *others) for log in each.logs):
            logs.setdefault(_identity(log), log)
        return Summary(list(logs.values()))

    def total(self) -> LogSummary:
        """All logs added, their seconds on the clock of the wall."""
        if len(self.logs) == 1:
            return self.logs[0]
        added, counters = add([_on_wall_clock(log) for log in self.logs]), _counters(self.logs)
        whole = None if added.whole is None else replace(added.whole, meta=added.whole.meta | counters)
        return replace(added, meta=added.meta | counters, whole=whole)


def _counters(logs: list[LogSummary]) -> dict[str, dict[str, int]]:
    """The kernel's counters of all logs: their readings add, of those that every log has from before and after it."""
    read = {when: [log.meta.get(when, {}) for log in logs] for when in ("counter.before", "counter.after")}
    names = sorted(set.intersection(*(set(of) for side in read.values() for of in side)))
    return {when: {name: sum(of[name] for of in side) for name in names} for when, side in read.items() if any(side)}


def _identity(log: LogSummary) -> tuple[object, object]:
    return log.meta.get("sha256"), log.meta.get("filter")


def _on_wall_clock(log: LogSummary) -> LogSummary:
    """The log with its seconds and evidence on the clock of the wall, ns since 1970, which all logs share."""
    began = log.meta.get("walltime", log.start)
    tables = {name: _seconds_moved(table, began // 10**9) for name, table in log.tables.items()}
    evidence = {
        kind: [row | {"ts": row["ts"] - log.start + began} for row in rows] for kind, rows in log.evidence.items()
    }
    whole = _on_wall_clock(log.whole) if log.whole is not None else None
    return replace(log, tables=tables, evidence=evidence, start=0, whole=whole)


def _seconds_moved(table: pa.Table, by: int) -> pa.Table:
    """The table with its seconds `by` later; where none was recorded it stays so."""
    if "second" not in table.column_names:
        return table
    seconds = table["second"]
    moved = pc.if_else(pc.less(seconds, 0), seconds, pc.add(seconds, by))
    return table.set_column(table.column_names.index("second"), "second", moved)
