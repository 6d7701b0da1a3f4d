"""The readers: what each is fed with, and the laws that it is held to."""

import gzip
import lzma
import re
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa

from analyzer.cli.check import _read, _rules
from analyzer.errors import DataError, VmtraceError
from analyzer.ingest import fast
from analyzer.ingest.blocks import Block
from analyzer.ingest.compiled import kernels
from analyzer.ingest.foreign.dtrace_json import parse_oformat
from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.foreign.kdump import parse_kdump
from analyzer.ingest.foreign.ktrace import parse_ktrace
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.gears import merge_parsed, read_block
from analyzer.ingest.parsed import Parsed
from analyzer.ingest.sniff import sniff
from analyzer.ingest.sources import Source
from analyzer.summary.cache import Cache
from analyzer.summary.filters import Filter
from analyzer.summary.foreign import Gathered
from analyzer.summary.saved import read_summary, write_summary
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import finish, summarize_block
from analyzer.verdict.verdict import judge

from .corpus import SAMPLES, beginnings, excerpts, text
from .laws import Broken, same, says_it_is_cut, speaks_of_every_line

# Lines that say nothing by themselves.
_HEADINGS = re.compile(
    rb"#| *value  -+ Distribution| +[a-z]+ -+ Time Distribution|CPU +ID +FUNCTION|CPU FUNCTION|Count +(indv|genr)"
    rb"|-{20,}|KDB: |--- |== |ITEM +SIZE| *(PID|LWP) |[ A-Z%]+\n| *ID +PROVIDER|\t{1,2}[A-Z]"
    rb"|[ 0-9]+[A-Z]+ +\(threaded\) "  # of a process whose threads follow
)
_EACH = 8  # one input of so many is held to the law of a place: that reads it twice more


@dataclass(frozen=True)
class Placed:
    """A law about one place in an input: there are so many of them."""

    law: Callable[[bytes, int], None]
    places: Callable[[bytes], int]


@dataclass(frozen=True)
class Target:
    """One reader.

    Attributes:
        seeds: the pieces that its corpus begins with.
        read: what is done with an input; raises where a law is broken.
        placed: a law that holds at every place: it is asked at one of them, and not for each input.
        lines: whether mutations work on lines.
    """

    seeds: Callable[[], list[bytes]]
    read: Callable[[bytes], object]
    placed: Placed | None = None
    lines: bool = True

    def __call__(self, data: bytes) -> None:
        """Hold one input to the laws."""
        self._asked(self.read, data)
        place = zlib.crc32(data)
        if self.placed is not None and place % _EACH == 0 and (places := self.placed.places(data)):
            self._asked(self.placed.law, data, place // _EACH % places)

    def everywhere(self, data: bytes) -> None:
        """Hold one input to the laws at every place."""
        self._asked(self.read, data)
        for place in range(self.placed.places(data) if self.placed is not None else 0):
            self._asked(self.placed.law, data, place)

    @staticmethod
    def _asked(law: Callable[..., object], *about: object) -> None:
        """An error of vmtrace is an answer, of one line."""
        try:
            law(*about)
        except VmtraceError as error:
            if "\n" in str(error) or not str(error):
                raise Broken(f"an error is one line, not {str(error)!r}") from error


def _log(data: bytes) -> None:
    """A vmtrace log by lark, and by the fast gear in each way that it has for few lines and for many."""
    found = read_log(data, lark_alone=True)
    same(read_log(data), found, "gears")
    with patch.object(fast, "_MANY", 1), patch.object(fast, "_SHARE", 1 << 30):
        same(read_log(data), found, "gears, in bulk")
        if kernels():
            same(read_block(Block(memoryview(data), 1, {}, memoryview(data + bytes(8)))), found, "gears, compiled")
    says_it_is_cut(found, data)


def read_log(data: bytes, lark_alone: bool = False) -> Parsed:
    """A vmtrace log that is one block."""
    return read_block(Block(memoryview(data), 1, {}), lark_alone=lark_alone)


def _lines(read: Callable[[bytes], Parsed]) -> Placed:
    return Placed(partial(speaks_of_every_line, read, _HEADINGS), lambda data: data.count(b"\n"))


def _geared(parse: Callable[..., Parsed], data: bytes) -> None:
    """What has a fast gear and one by lark alone."""
    fast = parse(data)
    same(fast, parse(data, bulk=False), "gears")
    says_it_is_cut(fast, data)


def _kdump(data: bytes, bulk: bool = True) -> Parsed:
    return merge_parsed(list(parse_kdump([data], bulk)))


def _simple(name: str) -> Target:
    """What is read whole, by lark."""
    parse = FORMATS[name].parse
    kinds = ("dtrace-l", "probe-args") if name == "listing" else (name,)
    return Target(_text(*kinds, each=1), lambda data: says_it_is_cut(parse(data), data), _lines(parse))


def _streamed(parse: Callable[..., Iterator[Parsed]], seeds: Callable[[], list[bytes]], lines: bool) -> Target:
    """What is read as it comes: where the pieces end changes nothing."""

    def parted(data: bytes, cut: int) -> None:
        whole, pieces = (merge_parsed(list(parse(chunks))) for chunks in ([data], [data[:cut], data[cut:]]))
        same(whole, pieces, f"cut at {cut}")

    return Target(seeds, lambda data: list(parse([data])), Placed(parted, len), lines)


def _sniff(data: bytes) -> None:
    """A format that is told has a reader."""
    told = sniff(data).format
    if told not in FORMATS and told not in ("vmtrace", "vmsum"):
        raise Broken(f"{told} is no format")


def _summary(data: bytes) -> None:
    """What is read becomes a Summary with a verdict, and the same when it comes back from its file."""
    told = sniff(data).format
    if told == "vmsum":
        raise DataError("is a saved Summary")
    if told == "vmtrace":
        parsed = read_log(data)
        log = finish(summarize_block(parsed, parsed.meta.get("script"), parsed.meta.get("timestamp", 0)))
    else:
        gathered = Gathered()
        for part in FORMATS[told].parts([data]):
            gathered.add(part)
        log = gathered.summary()
    judge(log)


_FOLDER = tempfile.TemporaryDirectory(prefix="vmtrace-fuzz-")


def _file(name: str, data: bytes) -> str:
    path = Path(_FOLDER.name, name)
    path.write_bytes(data)
    return str(path)


def _saved(data: bytes) -> None:
    """A .vmsum file: what is accepted can be judged, and written again."""
    summary = read_summary(data, "x.vmsum")
    again = write_summary(summary)
    if write_summary(read_summary(again, "x.vmsum")) != again:
        raise Broken("what was written is read as another Summary")
    for log in summary.logs:
        judge(log)


@cache
def _cached() -> tuple[Cache, str]:
    cache, log = Cache(Path(_FOLDER.name, "cache")), _file("cached.log", text(SAMPLES / "13.2/leak.log.xz", 20_000))
    summarize([log], jobs=1, cache=cache)
    return cache, log


def _entry(data: bytes) -> None:
    """An entry of the cache, and what points to it, are anything."""
    cache, log = _cached()
    for name in cache.folder.iterdir():
        name.write_bytes(data)
    found = cache.place(log, Filter()).find()
    if found is not None:
        write_summary(found)


def _toml(data: bytes) -> None:
    path = Path(_file("rules.toml", data))
    _rules(_read(path), path)


def _stream(data: bytes) -> None:
    """A compressed file: its text as far as it goes, and a word where that is not its end."""
    source = Source(_file("x.log", data))
    found = b"".join(source.chunks(1 << 16))
    whole, ended = _unpacked(data)
    if whole is None:
        return
    parted = not whole.startswith(found) and not found.startswith(whole)
    if parted or (ended and found != whole) or (not ended and not source.damage):
        raise Broken(f"{len(found)} bytes with damage {source.damage!r}, of {len(whole)}, ended: {ended}")


def _unpacked(data: bytes) -> tuple[bytes | None, bool]:
    """The text of a gzip or xz file of one stream, and whether it has its end; None of what is neither."""
    unpack = zlib.decompressobj(31) if data.startswith(b"\x1f\x8b") else None
    unpack = lzma.LZMADecompressor() if data.startswith(b"\xfd7zXZ\0") else unpack
    if unpack is None:
        return None, True
    text = b""
    for place in range(len(data)):
        try:
            text += unpack.decompress(data[place : place + 1])
        except (zlib.error, lzma.LZMAError):
            return text, False
        if unpack.eof:
            return (text, True) if place + 1 == len(data) else (None, True)
    return text, False


def _packed() -> list[bytes]:
    log = excerpts("13.2/leak.log.xz")[0]
    zstd = pa.compress(log, codec="zstd", asbytes=True)
    return [gzip.compress(log, mtime=0), lzma.compress(log), zstd, gzip.compress(log, mtime=0) * 2]


def _summaries() -> list[bytes]:
    logs = excerpts(
        "*/leak.log.xz", "*/events-5pct.log.xz", "*/watch-clean.log.xz", "*/raw/console-panic-d*.xz", each=1
    )
    return [write_summary(summarize([_file("seed.log", log)], jobs=1)) for log in logs]


def _logs() -> list[bytes]:
    """A log of each script, edition and release, and the odd ones."""
    names = ("d4326-ssh", "badfault", "events*", "failpoint-5pct", "drops", "hostile-names", "killed", "leak")
    return excerpts(*(f"*/{name}.log.xz" for name in names), each=2)


def _watched() -> list[bytes]:
    return excerpts("*/watch*.log.xz", each=1)


def _crashed() -> list[bytes]:
    return excerpts("*/raw/console*.xz", each=1)


def _text(*kinds: str, each: int = 3) -> Callable[[], list[bytes]]:
    return partial(excerpts, *(f"*/raw/{kind}*.txt.xz" for kind in kinds), each=each)


RULES = b'max-imbalance = 0\nmin-coverage = "99%"\n[max-failure-rate]\nvm_fault = "1%"\n[max-p99]\ncopy = "+20%"\n'
_DTRACE = ("default", "droptags", "errors", "flow", "nomatch", "quantize", "stacks")

TARGETS = {
    "vmtrace": Target(_logs, _log, _lines(read_log)),
    "vmagg": Target(partial(excerpts, "*/agg*.log.xz", "*/locks.log.xz", each=1), _log, _lines(read_log)),
    "vmwatch": Target(_watched, _log, _lines(read_log)),
    "dtrace": Target(_text(*_DTRACE), partial(_geared, parse_dtrace), _lines(parse_dtrace)),
    "dtrace-json": _streamed(parse_oformat, partial(beginnings, "15.0/json/*.json.xz"), True),
    "kdump": Target(_text("kdump", each=1), partial(_geared, _kdump), _lines(_kdump)),
    "ktrace": _streamed(parse_ktrace, partial(beginnings, "*/raw/ktrace*.xz", size=1500), False),
    # It may end in a prompt, which is kept.
    "console": Target(_crashed, FORMATS["console"].parse, _lines(FORMATS["console"].parse)),
    **{name: _simple(name) for name in ("lockstat", "procstat", "ps", "listing", "sysctl", "vmstat-s", "vmstat-z")},
    "sniff": Target(lambda: [*_logs(), *_text("[!k]", each=1)()], _sniff),
    "summary": Target(lambda: [*_logs()[::3], *_watched()[::3], *_crashed()[::3], *_text("lockstat")()[:1]], _summary),
    "vmsum": Target(_summaries, _saved, lines=False),
    "cache": Target(_summaries, _entry, lines=False),
    "rules": Target(lambda: [RULES], _toml),
    "streams": Target(_packed, _stream, lines=False),
}
