"""Which records the user wants to see."""

from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.parsed import Parsed
from analyzer.ingest.releases import path_steps


@dataclass(frozen=True)
class Filter:
    """Conditions that all must hold; empty ones hold always.

    Attributes:
        processes, pids: one of them.
        paths: steps of a fault, as the glossary names them ("copy", "soft"); a fault that took one of them stays.
        since, until: seconds after the trace began, of a record's `ts`.
        with_tracer: treat faults of vmtrace's own processes as any others; it takes no records away.
    """

    processes: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None
    with_tracer: bool = False

    def __bool__(self) -> bool:
        return self != Filter(with_tracer=self.with_tracer)

    @property
    def marks_tracer(self) -> bool:
        """Whether the tracer's own faults get one name; not where processes are asked for one by one."""
        return not (self.with_tracer or self.processes or self.pids)

    def __str__(self) -> str:
        lists = (("process", self.processes), ("pid", self.pids), ("path", self.paths))
        parts = [f"{name} {' or '.join(map(str, values))}" for name, values in lists if values]
        if self.since is not None:
            parts.append(f"from second {self.since:g}")
        if self.until is not None:
            parts.append(f"up to second {self.until:g}")
        return ", ".join(parts)

    @property
    def kinds(self) -> list[str]:
        """What it goes by: "process", "pid", "path", "time"."""
        given = {"process": self.processes, "pid": self.pids, "path": self.paths}
        timed = self.since is not None or self.until is not None
        return [kind for kind, values in given.items() if values] + ["time"] * timed

    def apply(self, parsed: Parsed, start: int, bits: dict[int, str] | None) -> Parsed:
        """The records that match, of one block of a log.

        Args:
            start: the log's #timestamp, ns.
            bits: the log's #bits of the column path.

        Records without the column that is asked for go; the calls of C lines cannot be told apart and go too.
        """
        kept = {}
        for tag, table in parsed.tables.items():
            mask = self._mask(table, start, bits)
            if mask is not None:
                kept[tag] = table.filter(mask)
        return Parsed(kept, parsed.meta, parsed.notices, parsed.unread, parsed.last_ts)

    def _mask(self, table: pa.Table, start: int, bits: dict[int, str] | None) -> pa.ChunkedArray | None:
        conditions = []
        columns = set(table.column_names)
        if self.processes:
            if "execname" not in columns:
                return None
            names = table["execname"].cast(pa.string())
            conditions.append(pc.is_in(names, pa.array(self.processes)))
        if self.pids:
            if "pid" not in columns:
                return None
            conditions.append(pc.is_in(table["pid"], pa.array(self.pids, pa.int64())))
        if self.paths:
            if "path" not in columns:
                return None
            wanted = [
                path
                for path in table["path"].unique().to_pylist()
                if set(path_steps(path, bits) or ["soft"]).intersection(self.paths)
            ]
            conditions.append(pc.is_in(table["path"], pa.array(wanted, pa.uint64())))
        if self.since is not None or self.until is not None:
            if "ts" not in columns:
                return None
            low = start + int((self.since or 0) * 1e9)
            conditions.append(pc.greater_equal(table["ts"], low))
            if self.until is not None:
                conditions.append(pc.less(table["ts"], start + int(self.until * 1e9)))
        mask = conditions[0]
        for condition in conditions[1:]:
            mask = pc.and_(mask, condition)
        return mask
