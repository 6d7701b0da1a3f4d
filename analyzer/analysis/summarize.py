"""Logs to a Summary: blocks in parallel, merged in their order."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from dataclasses import replace

from analyzer.analysis.cache import Cache
from analyzer.analysis.filters import Filter
from analyzer.analysis.reduce import WANTED
from analyzer.analysis.saved import is_saved, read_summary
from analyzer.analysis.spread import Pool, threads
from analyzer.analysis.summary import LogSummary, Summary, finish, merge, summarize_block
from analyzer.errors import DataError, UsageError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block, read_directives
from analyzer.ingest.parsed import Notice
from analyzer.ingest.sources import Source

Progress = Callable[[Source], None]
_MERGE_EVERY = 32


def summarize(
    paths: Iterable[str],
    wanted: Filter | None = None,
    jobs: int | None = None,
    progress: Progress | None = None,
    cache: Cache | None = None,
    workers: AbstractContextManager[Pool] | None = None,
) -> Summary:
    """The Summary of logs; a log that is given twice counts once.

    Args:
        paths: of logs or saved Summaries, "-" for standard input.
        wanted: keep only matching records.
        jobs: how many blocks are read at once; as many as there are cores where it is None.
        progress: called with the source after each of its blocks.
        cache: where Summaries of logs are kept between calls; nowhere where it is None.
        workers: what reads the blocks in place of `jobs` threads of this process.

    Raises NoInputError, DataError where a file is no log, or UsageError where a saved Summary is to be filtered.
    """
    summary = Summary()
    with workers or threads(jobs) as pool:
        for path in paths:
            summary = summary.merge(_summary_of(path, wanted or Filter(), pool, progress, cache))
    return summary


def _summary_of(
    path: str, wanted: Filter, pool: Pool, progress: Progress | None, cache: Cache | None
) -> Summary:
    place = cache and cache.place(path, wanted)
    if place and (kept := place.find()):
        return kept
    source = Source(path)
    if is_saved(source.peek()):
        return _saved(source, wanted)
    summary = Summary([summarize_log(source, wanted, pool, progress)])
    if place:
        place.keep(summary)
    return summary


def _saved(source: Source, wanted: Filter) -> Summary:
    if wanted:
        raise UsageError(f"{source.name}: is a summary and has no records to choose from; filter its log ({wanted})")
    return read_summary(b"".join(source.chunks()), source.name)


def summarize_log(
    source: Source, wanted: Filter, pool: Pool, progress: Progress | None = None
) -> LogSummary:
    """The finished LogSummary of one vmtrace log."""
    parts: list[LogSummary] = []
    for part in _log_parts(source, wanted, pool):
        parts.append(part)
        if len(parts) == _MERGE_EVERY:
            parts[:] = [merge(parts)]
        if progress is not None:
            progress(source)
    if not parts:
        raise DataError(f"{source.name}: is empty; nothing was recorded")
    return _whole(source, finish(merge(parts)), wanted)


def _log_parts(source: Source, wanted: Filter, pool: Pool) -> Iterator[LogSummary]:
    """The blocks of a vmtrace log, each reduced, in the log's order."""
    waiting = deque()
    head: dict[str, object] = {}
    for number, block in enumerate(blocks(source)):
        if number == 0:
            # What the first block says of the whole log is needed to read the others.
            head = read_directives(block)
            _check(source, head)
        waiting.append(pool.submit(_summarize, block, wanted, head))
        if len(waiting) > pool.ahead:
            yield waiting.popleft().result()
    while waiting:
        yield waiting.popleft().result()


def _summarize(block: Block, wanted: Filter, head: dict[str, object]) -> LogSummary:
    """One block as a LogSummary: it depends on nothing else, wherever it runs."""
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
        notices.append(Notice(0, "cut", 1, "", f"the compressed file is damaged: {source.damage}", log.last_ts))
    about = {"name": source.name, "sha256": source.sha256, "size": source.size}
    if wanted:
        about["filter"] = str(wanted)
    return replace(log, meta=log.meta | about, notices=notices)
