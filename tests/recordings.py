"""The recordings in samples/: where they are, what is known of them, their text and their Summaries."""

import json
import lzma
from functools import cache
from pathlib import Path

from analyzer.summary.summarize import summarize
from analyzer.summary.summary import Summary

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"
LOGS = sorted(SAMPLES.glob("*/*.log.xz"))


def recordings() -> list[tuple[str, dict]]:
    """Every recorded log, as "13.2/clean", with what known.json says of it."""
    found = []
    for known in sorted(SAMPLES.glob("*/known.json")):
        for name, facts in json.loads(known.read_text()).items():
            found.append((f"{known.parent.name}/{name.removesuffix('.xz').removesuffix('.log')}", facts))
    return found


def log(name: str) -> str:
    """The path of a recording, "13.2/clean"."""
    return str(SAMPLES / f"{name}.log.xz")


def ends(path: Path, size: int) -> bytes:
    """The first and the last whole lines of a recording, about `size` bytes."""
    data, half = text(path), size // 2
    if len(data) <= size:
        return data
    return data[: data.rfind(b"\n", 0, half) + 1] + data[data.find(b"\n", len(data) - half) + 1 :]


@cache
def summarized(name: str) -> Summary:
    """The Summary of a recording, made once for all tests of a process."""
    return summarize([log(name)])


def name(path: Path) -> str:
    """The name of a recording's path."""
    return f"{path.parent.name}/{path.name.removesuffix('.log.xz')}"


@cache
def text(path: Path) -> bytes:
    return lzma.decompress(path.read_bytes())


@cache
def beginning(path: Path, size: int = 400_000) -> bytes:
    """The first whole lines of a recording, about `size` bytes; what follows is not unpacked."""
    with lzma.open(path) as file:
        data = file.read(size + 1)
    return data if len(data) <= size else data[: data.rfind(b"\n", 0, size) + 1]
