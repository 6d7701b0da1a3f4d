"""The formats that FreeBSD's own programs print, each with its parser."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from analyzer.ingest.foreign.console_trace import parse_console_log
from analyzer.ingest.foreign.counters import parse_sysctl, parse_vmstat_s, parse_vmstat_z
from analyzer.ingest.foreign.dtrace_json import parse_oformat
from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.foreign.kdump import parse_kdump
from analyzer.ingest.foreign.ktrace import parse_ktrace
from analyzer.ingest.foreign.listing import parse_listing
from analyzer.ingest.foreign.lockstat import parse_lockstat
from analyzer.ingest.foreign.waiting import parse_procstat, parse_ps
from analyzer.ingest.gears import merge_parsed
from analyzer.ingest.parsed import Parsed


@dataclass(frozen=True)
class Format:
    """What a format is called in words, and its reader: the pieces of a file as one Parsed, or as several in its order.

    A reader that gives several holds no more than one of them: it reads files that are larger than memory.
    """

    words: str
    parts: Callable[[Iterable[bytes]], Iterator[Parsed]]

    def parse(self, data: bytes) -> Parsed:
        """A file that is in memory."""
        return merge_parsed(list(self.parts([data])))


def _whole(parse: Callable[[bytes], Parsed]) -> Callable[[Iterable[bytes]], Iterator[Parsed]]:
    """The reader of a format that is never large: `parse` reads all of a file at once."""
    return lambda chunks: iter([parse(b"".join(chunks))])


# By the names that `sniff` gives; "vmtrace" and "vmsum" are vmtrace's own and read elsewhere, in blocks.
FORMATS = {
    "dtrace": Format("text of dtrace(1)", _whole(parse_dtrace)),
    "dtrace-json": Format("structured output of dtrace(1)", parse_oformat),
    "kdump": Format("text of kdump(1)", parse_kdump),
    "ktrace": Format("a ktrace.out", parse_ktrace),
    "lockstat": Format("a report of lockstat(1)", _whole(parse_lockstat)),
    "console": Format("a kernel's console or /var/log/messages", parse_console_log),
    "procstat": Format("stacks of threads from procstat -kk", _whole(parse_procstat)),
    "ps": Format("threads from ps(1) with what they wait for", _whole(parse_ps)),
    "listing": Format("probes listed by dtrace -l", _whole(parse_listing)),
    "sysctl": Format("settings and counters from sysctl(8)", _whole(parse_sysctl)),
    "vmstat-s": Format("counters from vmstat -s", _whole(parse_vmstat_s)),
    "vmstat-z": Format("zones from vmstat -z", _whole(parse_vmstat_z)),
}
