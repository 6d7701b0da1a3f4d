"""Any file that vmtrace reads, whole, as Parsed."""

from collections.abc import Iterator
from typing import Any

from analyzer.errors import DataError, UsageError
from analyzer.ingest.blocks import blocks
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.gears import merge_parsed, read_block
from analyzer.ingest.own_pages import keep_own_pages
from analyzer.ingest.parsed import Parsed, damage_notice
from analyzer.ingest.saved import SAVED
from analyzer.ingest.sniff import HEAD_BYTES, Told, sniff
from analyzer.ingest.sources import Source

VMTRACE = "vmtrace"
_BINARY = ("ktrace",)


def format_of(source: Source, as_format: str | None) -> Told:
    """The format that the user names, or else what the first bytes tell.

    Raises UsageError for a name that is no format, DataError where the bytes tell nothing.
    """
    if not source.peek(HEAD_BYTES) and source.damage:
        raise DataError(f"{source.name}: {source.damage}")
    told = _told(source, as_format)
    if told.format not in _BINARY and b"\r\n" in source.peek(HEAD_BYTES):
        source.unix_ends()
    return told


def _told(source: Source, as_format: str | None) -> Told:
    if as_format is not None:
        if as_format != VMTRACE and as_format not in FORMATS:
            raise UsageError(f"--as {as_format}: is no format; the formats are {', '.join([VMTRACE, *FORMATS])}")
        return Told(as_format, "--as, whatever it looks like")
    try:
        return sniff(source.peek(HEAD_BYTES))
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from None


def parts(source: Source, name: str) -> Iterator[Parsed]:
    """A file of the format `name`, in its order, as many parts as its reader makes of it."""
    if name == SAVED:
        raise DataError(f"{source.name}: is a saved Summary; vmtrace report reads it")
    found = map(read_block, blocks(source)) if name == VMTRACE else FORMATS[name].parts(source.chunks())
    head: dict[str, Any] | None = None
    for parsed in found:
        head = parsed.meta if head is None else head
        yield keep_own_pages(parsed, head)
    if source.damage:
        yield Parsed(notices=[damage_notice(source.damage)])


def read_whole(source: Source, name: str) -> Parsed:
    """All that a file of the format `name` holds."""
    return merge_parsed(list(parts(source, name)))


def words_of(name: str) -> str:
    """What a format is called."""
    return "a vmtrace log" if name == VMTRACE else FORMATS[name].words
