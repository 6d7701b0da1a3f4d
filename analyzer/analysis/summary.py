"""The Summary: what all analysis works on.  Counts, sums and histograms that add; findings keep their rows.

One block of a log makes one LogSummary; those of one log merge into one, in the log's order; a Summary holds one
LogSummary a log.  Saved as JSON it stands for the log in every command.
"""

from dataclasses import dataclass, field, replace

import pandas as pd
import pyarrow.compute as pc

from analyzer.analysis.evidence import Evidence, cap, collect_evidence, merge_thread_ends, settle, thread_ends
from analyzer.analysis.reduce import reduce_block, reduce_faults
from analyzer.analysis.reduce_aggregations import reduce_aggregations
from analyzer.analysis.steps import Settled, count_steps, join, open_steps, settle_steps
from analyzer.analysis.tables import TABLES, merge_tables
from analyzer.ingest.parsed import Notice, Parsed, Unread

UNREAD_KEPT = 100
NOTICES_KEPT = 1000


@dataclass
class LogSummary:
    """One log, or one block of it, or several logs added.

    Attributes:
        meta: the log's directives, and of a whole log `name`, `sha256`, `size`, `filter`.
        tables: the adding tables (analysis/tables.py).
        evidence: rows by kind (analysis/evidence.py).
        notices, unread: the first of them; `unread_count` counts all.
        first_ts, last_ts: of its records, ns; None without records.
        threads: first and last fault of each thread, until the log is finished.
        steps: records of vmevents that no fault has been made of yet, until the log is finished.
    """

    meta: dict[str, object] = field(default_factory=dict)
    tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    evidence: Evidence = field(default_factory=dict)
    notices: list[Notice] = field(default_factory=list)
    unread: list[Unread] = field(default_factory=list)
    unread_count: int = 0
    first_ts: int | None = None
    last_ts: int | None = None
    threads: pd.DataFrame | None = None
    steps: pd.DataFrame | None = None

    def table(self, name: str) -> pd.DataFrame:
        """One of TABLES; empty, with its columns, where the log gave none."""
        if name in self.tables:
            return self.tables[name]
        kind = TABLES[name]
        return pd.DataFrame({column: [] for column in (*kind.keys, *kind.sums, *kind.largest)})

    def count(self, tag: str) -> int:
        """How many records of that tag."""
        records = self.table("records")
        return int(records.loc[records["tag"] == tag, "records"].sum())

    def has(self, tag: str, *columns: str) -> bool:
        """Whether the log's #fields gave that record these columns."""
        fields = {name for name, _ in self.meta.get("fields", {}).get(tag, ())}
        return tag in self.meta.get("fields", {}) and fields.issuperset(columns)


def summarize_block(parsed: Parsed, script: str | None = None) -> LogSummary:
    """One block's tables as a LogSummary; `script` is the log's, which names what its aggregations mean."""
    ranges = [
        pc.min_max(table["ts"]).as_py() for table in parsed.tables.values() if "ts" in table.column_names and len(table)
    ]
    summary = LogSummary(
        meta=parsed.meta,
        tables=merge_tables(
            [reduce_block(parsed), count_steps(parsed.tables), reduce_aggregations(parsed.tables, script)]
        ),
        evidence=collect_evidence(parsed.tables),
        notices=parsed.notices[:NOTICES_KEPT],
        unread=parsed.unread[:UNREAD_KEPT],
        unread_count=len(parsed.unread),
        first_ts=min((r["min"] for r in ranges), default=None),
        last_ts=max((r["max"] for r in ranges), default=None),
        threads=thread_ends(parsed.tables.get("F")),
        steps=open_steps(parsed.tables),
    )
    return summary if summary.steps is None else _settled(summary, finished=False)


def merge(parts: list[LogSummary]) -> LogSummary:
    """Neighbouring blocks of one log, in its order, as one."""
    if len(parts) == 1:
        return parts[0]
    for place, part in enumerate(parts):
        for other in parts[:place] + parts[place + 1 :]:
            settle(part.evidence, other.threads)
    together = replace(
        add(parts),
        threads=merge_thread_ends(part.threads for part in parts),
        steps=join([part.steps for part in parts]),
    )
    return together if together.steps is None else _settled(together, finished=False)


def finish(summary: LogSummary) -> LogSummary:
    """The log has no more blocks: what was open is settled, and lines that only a whole log can want are noted."""
    if summary.steps is not None:
        summary = _settled(summary, finished=True)
    return replace(summary, threads=None, steps=None)


def add(parts: list[LogSummary]) -> LogSummary:
    """Counts, evidence and notices of all parts together; of directives the first stays."""
    kinds = sorted({kind for part in parts for kind in part.evidence})
    return LogSummary(
        meta=_merged_meta([part.meta for part in parts]),
        tables=merge_tables(part.tables for part in parts),
        evidence={kind: cap([row for part in parts for row in part.evidence.get(kind, ())]) for kind in kinds},
        notices=[notice for part in parts for notice in part.notices][:NOTICES_KEPT],
        unread=[line for part in parts for line in part.unread][:UNREAD_KEPT],
        unread_count=sum(part.unread_count for part in parts),
        first_ts=min((part.first_ts for part in parts if part.first_ts is not None), default=None),
        last_ts=max((part.last_ts for part in parts if part.last_ts is not None), default=None),
    )


def _merged_meta(metas: list[dict[str, object]]) -> dict[str, object]:
    merged: dict[str, object] = {}
    for meta in metas:
        for key, value in meta.items():
            if isinstance(value, dict):
                merged[key] = {**value, **merged.get(key, {})}
            else:
                merged.setdefault(key, value)
    return merged


def _settled(summary: LogSummary, finished: bool) -> LogSummary:
    """The summary with faults made of its open steps."""
    made = settle_steps(summary.steps, finished)
    tables = [summary.tables, _step_tables(made)]
    evidence = collect_evidence({"F": made.faults}) if len(made.faults) else {}
    for row in evidence.get("imbalance", ()):
        same = (made.unpaired["fault_ts"] == row["ts"]) & (made.unpaired["tid"] == row["tid"])
        row["unpaired"] = made.unpaired.loc[same, ["lock", "name", "site", "reader"]].to_dict("records")
    with_new = add([summary, LogSummary(tables=merge_tables([_step_tables(made)]), evidence=evidence)])
    return replace(with_new, tables=merge_tables(tables), threads=summary.threads, steps=made.rest)


def _step_tables(made: Settled) -> dict[str, pd.DataFrame]:
    tables = reduce_faults(made.faults) if len(made.faults) else {}
    cut = pd.DataFrame({"measure": ["cut faults"], "faults": [made.incomplete]})
    tables["balance"] = pd.concat([tables["balance"], cut]) if "balance" in tables else cut
    if len(made.moves):
        rows = made.moves.assign(moves=1, infault=1, busy=-1, dirty=-1, has_object=-1).fillna({"dur": 0})
        tables["moves"] = rows.assign(longest=rows["dur"])
    if len(made.radix):
        tables["radix"] = made.radix
    return tables


@dataclass
class Summary:
    """One or several logs, each once, in the order they were given."""

    logs: list[LogSummary] = field(default_factory=list)

    def merge(self, other: "Summary") -> "Summary":
        """Both; a log that is in both stays once, told apart by its hash and filter."""
        known = {_identity(log) for log in self.logs}
        return Summary(self.logs + [log for log in other.logs if _identity(log) not in known])

    def total(self) -> LogSummary:
        """All logs added, their seconds on the clock of the wall."""
        if len(self.logs) == 1:
            return self.logs[0]
        return add([_on_wall_clock(log) for log in self.logs])


def _identity(log: LogSummary) -> tuple[object, object]:
    return log.meta.get("sha256"), log.meta.get("filter")


def _on_wall_clock(log: LogSummary) -> LogSummary:
    offset = log.meta.get("walltime", 0) - log.meta.get("timestamp", 0)
    shifted = {
        name: frame.assign(second=frame["second"] + round(offset / 1e9)) if "second" in frame else frame
        for name, frame in log.tables.items()
    }
    return replace(log, tables=shifted)
