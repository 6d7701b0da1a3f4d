"""The formats that FreeBSD's own programs print, each with its parser."""

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.ingest.console import parse_console
from analyzer.ingest.counters import parse_sysctl, parse_vmstat_s, parse_vmstat_z
from analyzer.ingest.dtrace_text import parse_dtrace
from analyzer.ingest.kdump import parse_kdump
from analyzer.ingest.ktrace import parse_ktrace
from analyzer.ingest.listing import parse_listing
from analyzer.ingest.lockstat import parse_lockstat
from analyzer.ingest.oformat import parse_oformat
from analyzer.ingest.parsed import Parsed


@dataclass(frozen=True)
class Format:
    """What a format is called in words, and the parser that takes a whole file of it."""

    words: str
    parse: Callable[[bytes], Parsed]


# By the names that `sniff` gives; "vmtrace" and "vmsum" are vmtrace's own and read elsewhere, in blocks.
FORMATS = {
    "dtrace": Format("text of dtrace(1)", parse_dtrace),
    "dtrace-json": Format("structured output of dtrace(1)", lambda data: parse_oformat([data])),
    "kdump": Format("text of kdump(1)", parse_kdump),
    "ktrace": Format("a ktrace.out", parse_ktrace),
    "lockstat": Format("a report of lockstat(1)", parse_lockstat),
    "console": Format("a kernel's console or /var/log/messages", parse_console),
    "listing": Format("probes listed by dtrace -l", parse_listing),
    "sysctl": Format("settings and counters from sysctl(8)", parse_sysctl),
    "vmstat-s": Format("counters from vmstat -s", parse_vmstat_s),
    "vmstat-z": Format("zones from vmstat -z", parse_vmstat_z),
}
