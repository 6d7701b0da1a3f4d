"""Logs to a Summary: blocks in parallel, merged in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.errors import DataError, UsageError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block, read_directives
from analyzer.ingest.own_pages import keep_own_pages
from analyzer.ingest.parsed import Notice, Parsed, damage_notice
from analyzer.ingest.read import SAVED, VMTRACE, format_of, parts
from analyzer.ingest.sources import Source
from analyzer.summary.cache import Cache, Place
from analyzer.summary.filters import Filter
from analyzer.summary.own import mark
from analyzer.summary.pool import Pool, thread_pool
from analyzer.summary.reduce import COLUMNS
from analyzer.summary.saved import read_summary
from analyzer.summary.summary import LogSummary, Summary, add, finish, merge, summarize_block
from analyzer.summary.waiting import beside

Progress = Callable[[Source], None]
_MERGE_EVERY = 32
_LARGEST = 256 << 20  # bytes of a saved Summary, unpacked: it is read whole


def summarize(
    paths: Iterable[str],
    chosen: Filter | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    cache: Cache | None = None,
    workers: AbstractContextManager[Pool] | None = None,
    as_format: str | None = None,
) -> Summary:
    """The Summary of logs; a log that is given twice counts once.

    Args:
        paths: of logs or saved Summaries, "-" for standard input.
        chosen: keep only matching records.
        jobs: how many blocks are read at once; as many as there are cores where it is None.
        progress: called with the source as it is opened and after each of its blocks.
        cache: where Summaries of logs are kept between calls; nowhere where it is None.
        workers: what reads the blocks in place of `jobs` threads of this process.
        as_format: what the files are (ingest/formats.py, or "vmtrace"); told from their first bytes where it is None.

    Raises NoInputError, DataError where a file is no log, or UsageError where a saved Summary is to be filtered.
    """
    summaries, chosen = [], Filter() if chosen is None else chosen
    with workers or thread_pool(jobs) as pool:
        for path in paths:
            # What the user says a file is may be wrong; only what the file itself says is kept.
            place = cache.place(path, chosen) if cache and as_format is None else None
            summaries.append(_summary_of(path, chosen, pool, progress, place, as_format))
    return Summary(beside(Summary().merge(*summaries).logs))


def _summary_of(
    path: str, chosen: Filter, pool: Pool, progress: Progress | None, place: Place | None, as_format: str | None
) -> Summary:
    if place and (kept := place.find()):
        return kept
    source = Source(path)
    if progress is not None:
        progress(source)
    name = format_of(source, as_format).format
    if name == SAVED:
        return _saved(source, chosen)
    if name == VMTRACE:
        summary = Summary([summarize_log(source, chosen, pool, progress)])
    else:
        summary = Summary([_foreign(source, name, chosen, progress)])
    if place and not source.damage:  # what could not be read this time may be there the next
        place.keep(summary)
    return summary


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


def _saved(source: Source, chosen: Filter) -> Summary:
    if chosen:
        raise UsageError(f"{source.name}: is a summary and has no records to choose from; filter its log ({chosen})")
    data = b""
    for chunk in source.chunks():
        data += chunk
        if len(data) > _LARGEST:
            raise DataError(f"{source.name}: is a summary of more than {_LARGEST >> 20} MB: no log makes one so large")
    return read_summary(data, source.name)


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
