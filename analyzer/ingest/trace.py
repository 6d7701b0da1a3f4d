"""A whole log for a person at a prompt: its tables as pandas DataFrames."""

from dataclasses import dataclass, field
from os import PathLike
from typing import Any

import pandas as pd

from analyzer.ingest.parsed import Notice, Unread
from analyzer.ingest.read import format_of, read_whole
from analyzer.ingest.releases import BITS, path_name, result_name
from analyzer.ingest.sources import Source


@dataclass(frozen=True)
class Trace:
    """One log, whole.

    Attributes:
        meta: the directives: "script", "osreldate", "host.uname", "counter.before" (dict), "fields", "bits", ….
        tables: a DataFrame for each record tag and, as "@name", each aggregation; what tables the other formats have
            the readers in ingest/foreign say.  The columns of #fields in the log's
            order, after `line`, the line of the log.  time, ns, int are int64; addr and bits uint64; str and stack
            (frames joined by newlines) are categories.  Times and durations are ns; `ts` is on the clock of
            meta["timestamp"].
        notices: what dtrace said of itself.
        unread: lines that could not be read.
    """

    meta: dict[str, Any]
    tables: dict[str, pd.DataFrame] = field(repr=False)
    notices: list[Notice] = field(repr=False)
    unread: list[Unread] = field(repr=False)

    @property
    def faults(self) -> pd.DataFrame:
        """F records by ts, with `result` (KERN_* name) and `path_name` (`copy+alloc`) beside rc and path."""
        faults = self._by_time("F")
        if "rc" in faults:
            names = {rc: result_name(rc, self.meta.get("osreldate")) for rc in faults["rc"].unique()}
            faults["result"] = faults["rc"].map(names)
        if "path" in faults:
            bits = self.meta.get("bits", {}).get("path", BITS)
            faults["path_name"] = faults["path"].map({path: path_name(path, bits) for path in faults["path"].unique()})
        return faults

    @property
    def moves(self) -> pd.DataFrame:
        """M records (page moves) by ts."""
        return self._by_time("M")

    @property
    def alloc_failures(self) -> pd.DataFrame:
        """A records (failed radix inserts) by ts."""
        return self._by_time("A")

    @property
    def alarms(self) -> pd.DataFrame:
        """X records (what must not happen) by ts."""
        return self._by_time("X")

    @property
    def locks(self) -> pd.DataFrame:
        """L records (lock operations of vmevents) by ts."""
        return self._by_time("L")

    @property
    def steps(self) -> pd.DataFrame:
        """E and R records (entries and returns of vmevents) by ts, told apart by the column `tag`.

        What only one of them has is missing (<NA>) in the other, so numbers are of pandas' types that can be missing.
        """
        parts = [_with_missing(self.tables[tag]).assign(tag=tag) for tag in ("E", "R") if tag in self.tables]
        return _sorted(pd.concat(parts, ignore_index=True)) if parts else pd.DataFrame()

    def _by_time(self, tag: str) -> pd.DataFrame:
        return _sorted(self.tables[tag]) if tag in self.tables else pd.DataFrame()


def load(path: str | PathLike[str], as_format: str | None = None) -> Trace:
    """Read one file whole, a vmtrace log or what another program printed; "-" is standard input.

    Args:
        as_format: what the file is ("vmtrace", or one of ingest/formats.py); its first bytes tell where it is None.

    Raises NoInputError (an OSError), or DataError where the file is nothing that vmtrace reads.  For a log that is
    larger than memory, `summarize` gives what can be known of it.
    """
    source = Source(str(path))
    parsed = read_whole(source, format_of(source, as_format).format)
    tables = {tag: table.to_pandas() for tag, table in parsed.tables.items()}
    return Trace(parsed.meta, tables, parsed.notices, parsed.unread)


def _sorted(frame: pd.DataFrame) -> pd.DataFrame:
    order = [name for name in ("ts", "line") if name in frame]  # kdump without times has no ts
    return frame.sort_values(order, kind="stable", ignore_index=True) if order else frame


def _with_missing(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with number types that can be missing: an address would lose digits as a float."""
    numbers = {name: {"i": "Int64", "u": "UInt64"}.get(kind.kind) for name, kind in frame.dtypes.items()}
    return frame.astype({name: kind for name, kind in numbers.items() if kind})
