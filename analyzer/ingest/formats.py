"""The formats that FreeBSD's own programs print, each with its parser."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from analyzer.ingest.foreign.console import parse_console
from analyzer.ingest.foreign.counters import parse_sysctl, parse_vmstat_s, parse_vmstat_z
from analyzer.ingest.foreign.dtrace_json import parse_oformat
from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.foreign.kdump import parse_kdump
from analyzer.ingest.foreign.ktrace import parse_ktrace
from analyzer.ingest.foreign.listing import parse_listing
from analyzer.ingest.foreign.lockstat import parse_lockstat
from analyzer.ingest.parsed import Parsed


@dataclass(frozen=True)
class Format:
    """What a format is called in words, and the parser of a whole file; `stream` where one reads it as it comes."""

    words: str
    parse: Callable[[bytes], Parsed]
    stream: Callable[[Iterable[bytes]], Parsed] | None = None

    def read(self, chunks: Iterable[bytes]) -> Parsed:
        """A file piece by piece; whole in memory only where its parser needs it so."""
        return self.stream(chunks) if self.stream else self.parse(b"".join(chunks))


# By the names that `sniff` gives; "vmtrace" and "vmsum" are vmtrace's own and read elsewhere, in blocks.
FORMATS = {
    "dtrace": Format("text of dtrace(1)", parse_dtrace),
    "dtrace-json": Format("structured output of dtrace(1)", lambda data: parse_oformat([data]), parse_oformat),
    "kdump": Format("text of kdump(1)", parse_kdump),
    "ktrace": Format("a ktrace.out", parse_ktrace),
    "lockstat": Format("a report of lockstat(1)", parse_lockstat),
    "console": Format("a kernel's console or /var/log/messages", parse_console),
    "listing": Format("probes listed by dtrace -l", parse_listing),
    "sysctl": Format("settings and counters from sysctl(8)", parse_sysctl),
    "vmstat-s": Format("counters from vmstat -s", parse_vmstat_s),
    "vmstat-z": Format("zones from vmstat -z", parse_vmstat_z),
}
