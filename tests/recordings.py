"""The recordings in samples/, for tests: whole, or so much of them that a test stays quick."""

import lzma
from functools import cache
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "samples"
LOGS = sorted(SAMPLES.glob("*/*.log.xz"))


def name(path: Path) -> str:
    return f"{path.parent.name}/{path.name.removesuffix('.log.xz')}"


@cache
def text(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes())


@cache
def beginning(path: Path, size: int = 400_000) -> bytes:
    """The first whole lines of a recording, about `size` bytes."""
    data = text(path)
    return data if len(data) <= size else data[: data.rfind(b"\n", 0, size) + 1]
