"""Pieces of the recordings, small enough that a reader takes a few milliseconds: of each shape of line a few."""

import lzma
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

SAMPLES = Path(__file__).parent.parent.parent / "samples"
_BEGINNING = 200_000  # bytes of a recording that are looked at
_LINE = re.compile(rb"[^\n]*\n|[^\n]+")
_WORD = re.compile(rb"[A-Za-z0-9_]+")


def text(path: Path, size: int = _BEGINNING) -> bytes:
    """The first bytes of a recording."""
    with lzma.open(path) as file:
        return file.read(size)


def split(data: bytes) -> list[bytes]:
    """The lines with their newlines."""
    return _LINE.findall(data)


def paths(*patterns: str) -> Iterator[Path]:
    """The recordings whose names fit one of `patterns`."""
    for pattern in patterns:
        yield from sorted(SAMPLES.glob(pattern))


def excerpt(data: bytes, each: int = 3) -> bytes:
    """The first lines of each shape, and the last line."""
    seen: Counter[tuple[bytes, bytes]] = Counter()
    lines = split(data)
    kept = []
    for line in lines:
        # Records and directives of different names have the same shape.
        name = line.partition(b"\t")[0] if line.startswith(b"#fields") or not line.startswith((b"#", b" ")) else b""
        shape = name if len(name) < 5 else b"", _WORD.sub(b"x", line)
        seen[shape] += 1
        if seen[shape] <= each:
            kept.append(line)
    if kept and kept[-1] != lines[-1]:
        kept.append(lines[-1])
    return b"".join(kept)


def excerpts(*patterns: str, each: int = 3) -> list[bytes]:
    """An excerpt of each recording whose name fits."""
    return [excerpt(text(path), each) for path in paths(*patterns)]


def beginnings(*patterns: str, size: int = 3000) -> list[bytes]:
    """The first bytes of each recording whose name fits: of what has no lines."""
    return [text(path, size) for path in paths(*patterns)]
