"""Logs to a Summary: blocks in parallel, merged in their order."""

import os
from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace

import pyarrow.compute as pc

from analyzer.analysis.filters import Filter
from analyzer.analysis.foreign import summarize_foreign
from analyzer.analysis.reduce import WANTED
from analyzer.analysis.summary import LogSummary, Summary, finish, merge, summarize_block
from analyzer.errors import DataError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block
from analyzer.ingest.parsed import Notice, Parsed
from analyzer.ingest.sources import Source
from analyzer.ingest.whole import VMTRACE, format_of, read_foreign

Progress = Callable[[Source], None]
_MERGE_EVERY = 32


def summarize(
    paths: Iterable[str],
    wanted: Filter | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    as_format: str | None = None,
) -> Summary:
    """The Summary of logs; a log that is given twice counts once.

    Args:
        paths: of logs, "-" for standard input.
        wanted: keep only matching records.
        jobs: how many blocks are read at once; as many as there are cores where it is None.
        progress: called with the source after each of its blocks.
        as_format: what the files are (ingest/formats.py, or "vmtrace"); told from their first bytes where it is None.

    Raises NoInputError, or DataError where a file is no log.
    """
    summary = Summary()
    for path in paths:
        source = Source(path)
        name = format_of(source, as_format)
        if name == VMTRACE:
            log = summarize_log(source, wanted or Filter(), jobs, progress)
        else:
            log = _foreign(source, name, wanted or Filter())
        summary = summary.merge(Summary([log]))
    return summary


def _foreign(source: Source, name: str, wanted: Filter) -> LogSummary:
    """What another program printed."""
    parsed = read_foreign(source, name)
    if wanted:
        parsed = wanted.apply(parsed, _first_ts(parsed), None)
    log = summarize_foreign(parsed)
    return replace(log, meta=log.meta | _about(source, wanted))


def summarize_log(source: Source, wanted: Filter, jobs: int | None, progress: Progress | None) -> LogSummary:
    """The finished LogSummary of one vmtrace log."""
    jobs = jobs or os.cpu_count() or 1
    parts: list[LogSummary] = []
    waiting: deque[Future[LogSummary]] = deque()
    head: dict[str, object] = {}

    def take() -> None:
        parts.append(waiting.popleft().result())
        if len(parts) == _MERGE_EVERY:
            parts[:] = [merge(parts)]
        if progress is not None:
            progress(source)

    with ThreadPoolExecutor(jobs) as pool:
        for number, block in enumerate(blocks(source)):
            if number == 0:
                # What the first block says of the whole log is needed to read the others.
                parsed = read_block(block, WANTED)
                _check(source, parsed.meta)
                head = parsed.meta
            waiting.append(pool.submit(_summarize, block, wanted, head))
            if len(waiting) > jobs:
                take()
        while waiting:
            take()
    if not parts:
        raise DataError(f"{source.name}: is empty; nothing was recorded")
    return _whole(source, finish(merge(parts)), wanted)


def _summarize(block: Block, wanted: Filter, head: dict[str, object]) -> LogSummary:
    parsed = read_block(block, WANTED)
    if wanted:
        parsed = wanted.apply(parsed, head.get("timestamp", 0), head.get("bits", {}).get("path"))
    return summarize_block(parsed, head.get("script"))


def _check(source: Source, meta: dict[str, object]) -> None:
    version = meta.get("version")
    if version is None:
        raise DataError(f"{source.name}: is no vmtrace log: no '#vmtrace' line in its beginning")
    if version != 1:
        raise DataError(f"{source.name}: is a vmtrace log of version {version}; this vmtrace reads version 1")


def _whole(source: Source, log: LogSummary, wanted: Filter) -> LogSummary:
    """The log with what only its end tells: its name and hash, and notices of a missing trailer or a cut stream."""
    notices = list(log.notices)
    if "end" not in log.meta:
        notices.append(Notice(0, "no-trailer", 1, "", "the log has no #end line: it was cut off", log.last_ts))
    if source.damage:
        notices.append(
            Notice(0, "cut", 1, source.name, f"the compressed file is damaged: {source.damage}", log.last_ts)
        )
    return replace(log, meta=log.meta | _about(source, wanted), notices=notices)


def _about(source: Source, wanted: Filter) -> dict[str, object]:
    filtered = {"filter": str(wanted)} if wanted else {}
    return {"name": source.name, "sha256": source.sha256, "size": source.size} | filtered


def _first_ts(parsed: Parsed) -> int:
    """When a file begins that has no #timestamp."""
    times = [pc.min(table["ts"]).as_py() for table in parsed.tables.values() if "ts" in table.column_names]
    return min((time for time in times if time is not None), default=0)
