"""Any file that vmtrace reads, whole, as Parsed."""

from analyzer.errors import DataError, UsageError
from analyzer.ingest.blocks import blocks
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.gears import merge_parsed, read_block
from analyzer.ingest.parsed import Parsed, damage_notice
from analyzer.ingest.sniff import HEAD_BYTES, sniff
from analyzer.ingest.sources import Source

VMTRACE = "vmtrace"
SAVED = "vmsum"  # a saved Summary; summary/saved.py reads it


def format_of(source: Source, as_format: str | None) -> str:
    """The format that the user names, or else what the first bytes tell.

    Raises UsageError for a name that is no format, DataError where the bytes tell nothing.
    """
    if as_format is not None:
        if as_format != VMTRACE and as_format not in FORMATS:
            raise UsageError(f"--as {as_format}: is no format; the formats are {', '.join([VMTRACE, *FORMATS])}")
        return as_format
    try:
        return sniff(source.peek(HEAD_BYTES))
    except DataError as error:
        raise DataError(f"{source.name}: {error}") from None


def read_foreign(source: Source, name: str) -> Parsed:
    """A file of one of FORMATS."""
    return _with_damage(FORMATS[name].read(source.chunks()), source)


def read_vmtrace(source: Source) -> Parsed:
    """A vmtrace log."""
    return _with_damage(merge_parsed([read_block(block) for block in blocks(source)]), source)


def _with_damage(parsed: Parsed, source: Source) -> Parsed:
    if source.damage:
        parsed.notices.append(damage_notice(source.damage))
    return parsed


def read_whole(path: str, as_format: str | None) -> tuple[str, str, Parsed]:
    """The file's name, its format in words, and all that it holds."""
    source = Source(path)
    name = format_of(source, as_format)
    if name == VMTRACE:
        return source.name, "a vmtrace log", read_vmtrace(source)
    if name == SAVED:
        raise DataError(f"{source.name}: is a saved Summary; vmtrace report reads it")
    return source.name, FORMATS[name].words, read_foreign(source, name)
