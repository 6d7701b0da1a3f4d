"""A file that is no saved Summary to its LogSummary: the blocks of a log in parallel, merged in their order."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import DataError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block, read_directives
from analyzer.ingest.own_pages import keep_own_pages
from analyzer.ingest.parsed import Notice, Parsed, damage_notice
from analyzer.ingest.read import VMTRACE, format_of, parts
from analyzer.ingest.sources import Source
from analyzer.summary.filters import Filter
from analyzer.summary.own import mark
from analyzer.summary.pool import Pool
from analyzer.summary.reduce import COLUMNS
from analyzer.summary.summary import LogSummary, add, finish, merge, summarize_block

Progress = Callable[[Source], None]
_MERGE_EVERY = 32


def summarize_file(
    source: Source, chosen: Filter, pool: Pool, progress: Progress | None, as_format: str | None
) -> LogSummary:
    """The finished LogSummary of a vmtrace log, or of what another program printed."""
    name = format_of(source, as_format).format
    if name == VMTRACE:
        return summarize_log(source, chosen, pool, progress)
    return _foreign(source, name, chosen, progress)


def _foreign(source: Source, name: str, chosen: Filter, progress: Progress | None) -> LogSummary:
    """What another program printed."""
    from analyzer.summary.foreign import Gathered

    whole, kept = Gathered(), Gathered()
    trace: LogSummary | None = None
    start: int | None = None
    for parsed in parts(source, name):
        if progress is not None:
            progress(source)
        if "version" in parsed.meta:  # a console shows a vmtrace log
            trace = _ended(finish(merge([_reduced(parsed, chosen, parsed.meta)])))
            continue
        start = _first_ts(parsed) if start is None else start
        whole.add(parsed)
        if chosen:
            kept.add(chosen.apply(parsed, start, None))
    log = replace(kept.summary(), whole=whole.summary()) if chosen else whole.summary()
    return _named(log if trace is None else _on_console(trace, log), source, chosen)


def _on_console(trace: LogSummary, console: LogSummary) -> LogSummary:
    """A trace, and what else stands on the console that shows it."""
    log = add([trace, console])
    meta = {key: value for key, value in log.meta.items() if key != "format"}
    whole = None if trace.whole is None or console.whole is None else _on_console(trace.whole, console.whole)
    return replace(log, meta=meta, whole=whole)


def _first_ts(parsed: Parsed) -> int:
    """When a file begins that has no #timestamp; `parsed` is its first part."""
    times = [pc.min(table["ts"]).as_py() for table in parsed.tables.values() if "ts" in table.column_names]
    return min((time for time in times if time is not None), default=0)


def summarize_log(
    source: Source, chosen: Filter, pool: Pool, progress: Progress | None = None
) -> LogSummary:
    """The finished LogSummary of one vmtrace log."""
    parts: list[LogSummary] = []
    for part in _log_parts(source, chosen, pool):
        parts.append(part)
        if len(parts) == _MERGE_EVERY:
            parts[:] = [merge(parts)]
            pa.default_memory_pool().release_unused()  # what it keeps for later would grow with the log
        if progress is not None:
            progress(source)
    if not parts:
        raise DataError(f"{source.name}: is empty; nothing was recorded")
    return _whole(source, finish(merge(parts)), chosen)


def _log_parts(source: Source, chosen: Filter, pool: Pool) -> Iterator[LogSummary]:
    """The blocks of a vmtrace log, each reduced, in the log's order."""
    waiting: deque[Future[LogSummary]] = deque()
    head: dict[str, Any] = {}
    for number, block in enumerate(blocks(source)):
        if number == 0:
            # What the first block says of the whole log is needed to read the others.
            head = read_directives(block)
            _check(source, head)
        waiting.append(pool.submit(_summarize, block, chosen, head))
        if len(waiting) > pool.ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _summarize(block: Block, chosen: Filter, head: dict[str, Any]) -> LogSummary:
    """One block as a LogSummary: it depends on nothing else, wherever it runs."""
    return _reduced(keep_own_pages(read_block(block, COLUMNS), head), chosen, head)


def _reduced(parsed: Parsed, chosen: Filter, head: dict[str, Any]) -> LogSummary:
    script, start, selected = head.get("script"), head.get("timestamp", 0), head.get("select", {})
    if chosen.marks_tracer:
        parsed = mark(parsed, head)
    whole = summarize_block(parsed, script, start, selected)
    if not chosen:
        return whole
    kept = chosen.apply(parsed, start, head.get("bits", {}).get("path"))
    return replace(summarize_block(kept, script, start, selected), whole=whole)


def _check(source: Source, meta: dict[str, Any]) -> None:
    version = meta.get("version")
    if version is None:
        raise DataError(f"{source.name}: is no vmtrace log: no '#vmtrace' line in its beginning")
    if version != 1:
        raise DataError(f"{source.name}: is a vmtrace log of version {version}; this vmtrace reads version 1")


def _whole(source: Source, log: LogSummary, chosen: Filter) -> LogSummary:
    """The log with what only its end tells: its name and hash, and notices of a missing trailer or a cut stream."""
    log = _ended(log)
    if source.damage:
        log = _noticed(log, damage_notice(source.damage, log.last_ts))
    return _named(log, source, chosen)


def _ended(log: LogSummary) -> LogSummary:
    """The log with a notice where its trailer is missing."""
    if log.ended or any(notice.kind == "no-trailer" for notice in log.notices):
        return log
    return _noticed(log, Notice(0, "no-trailer", 1, "", "the log has no #end line: it was cut off", log.last_ts))


def _noticed(log: LogSummary, notice: Notice) -> LogSummary:
    notices = [*log.notices, notice]
    whole = replace(log.whole, notices=notices) if log.whole is not None else None
    return replace(log, notices=notices, whole=whole)


def _named(log: LogSummary, source: Source, chosen: Filter) -> LogSummary:
    """The log, and what it is without the filter, with the source's name and hash."""
    about = {"name": source.name, "sha256": source.sha256, "size": source.size}
    filtered = {"filter": str(chosen), "filtered_by": chosen.kinds} if chosen else {}
    whole = replace(log.whole, meta=log.whole.meta | about) if log.whole is not None else None
    return replace(log, meta=log.meta | about | filtered, whole=whole)
