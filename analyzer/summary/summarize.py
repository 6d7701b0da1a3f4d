"""Logs to a Summary: each read, or taken from where its Summary was saved."""

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager

from analyzer.errors import DataError, UsageError
from analyzer.ingest.saved import is_saved
from analyzer.ingest.sources import Source
from analyzer.summary.cache import Cache, Place
from analyzer.summary.filters import Filter
from analyzer.summary.pool import Pool, thread_pool
from analyzer.summary.saved import read_summary
from analyzer.summary.summary import Summary
from analyzer.summary.waiting import beside

Progress = Callable[[Source], None]
_BEGINNING = 4096  # bytes, of which only blanks may stand before the sign
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
    if as_format is None and is_saved(source.peek(_BEGINNING)):
        return _saved(source, chosen)
    from analyzer.summary.logs import summarize_file  # the grammars, for which a saved Summary need not wait

    summary = Summary([summarize_file(source, chosen, pool, progress, as_format)])
    if place and not source.damage:  # what could not be read this time may be there the next
        place.keep(summary)
    return summary


def _saved(source: Source, chosen: Filter) -> Summary:
    if chosen:
        raise UsageError(f"{source.name}: is a summary and has no records to choose from; filter its log ({chosen})")
    data = b""
    for chunk in source.chunks():
        data += chunk
        if len(data) > _LARGEST:
            raise DataError(f"{source.name}: is a summary of more than {_LARGEST >> 20} MB: no log makes one so large")
    return read_summary(data, source.name)
