"""Files that end anywhere: one log of each script, one file of each foreign format, and what every prefix must give.

    make cuts       every byte; tests/test_cuts.py cuts around the ends of lines
"""

import sys
import time
from collections.abc import Callable, Iterable, Iterator

from analyzer.ingest.formats import FORMATS
from analyzer.ingest.parsed import Parsed

from .corpus import SAMPLES, excerpt, text
from .laws import Broken
from .targets import read_log

_LONGEST = 4000  # bytes
# What is read of them, by the first of these columns that a table has, is in the order of the file.
_ORDER = ("line", "element")
# A table of faults, or of what is still open, takes more than what stands before the cut.
_PAIRED = frozenset({"F", "PFLT", "PRET"})

_LOGS = {
    "vmfault": "13.2/failpoint-5pct.log.xz",
    "vmfault10": "10.1/d4326-ssh.log.xz",
    "vmevents": "13.2/events-badfault.log.xz",
    "vmagg": "13.2/agg-clean.log.xz",
    "vmlocks": "15.0/locks.log.xz",
    "vmwatch": "15.0/watch-clean.log.xz",
}
_FOREIGN = {
    "dtrace": "15.0/raw/quantize.txt.xz",
    "dtrace-json": "15.0/json/known-aggs.json.xz",
    "kdump": "15.0/raw/kdump-badfault-HT.txt.xz",
    "ktrace": "10.1/raw/ktrace-badfault.out.xz",
    "lockstat": "15.0/raw/lockstat-contention.txt.xz",
    "console": "10.1/raw/console-panic-double-free.txt.xz",
    "procstat": "10.1/raw/procstat-hang.txt.xz",
    "ps": "10.1/raw/ps-hang.txt.xz",
    "listing": "15.0/raw/probe-args.txt.xz",
    "sysctl": "13.2/raw/sysctl-vm.txt.xz",
    "vmstat-s": "15.0/raw/vmstat-s.txt.xz",
    "vmstat-z": "15.0/raw/vmstat-z.txt.xz",
}
NAMES = (*_LOGS, *_FOREIGN)
_BINARY = ("ktrace", "dtrace-json")


class Cuttable:
    """One file, and what it holds when it is whole."""

    def __init__(self, name: str) -> None:
        data = text(SAMPLES / (_LOGS | _FOREIGN)[name])
        self.name = name
        self.data = data[:_LONGEST] if name in _BINARY else excerpt(data, 1)[:_LONGEST].rpartition(b"\n")[0] + b"\n"
        self._read: Callable[[bytes], Parsed] = read_log if name in _LOGS else FORMATS[name].parse
        self._whole = dict(_by_place(self._read(self.data)))
        self._end = self.data.find(b"\n#end\t") + 1

    def around_lines(self) -> Iterator[int]:
        """The places before and behind each newline, and in the middle of each line."""
        at = 0
        for line in self.data.splitlines(keepends=True):
            yield from sorted({at + len(line) // 2, at + len(line) - 1, at + len(line)})
            at += len(line)

    def cut(self, at: int) -> None:
        """What the first `at` bytes must give; raises Broken."""
        prefix = self.data[:at]
        parsed = self._read(prefix)
        complete = prefix.count(b"\n")
        for tag, rows in _by_place(parsed):
            whole = self._whole.get(tag, [])
            # The last row of a table may still be open: a stack, a distribution, a prompt.
            if [row for _, row in rows[:-1]] != [row for _, row in whole[: max(len(rows) - 1, 0)]]:
                raise Broken(f"{self.name} cut at {at}: {tag} has {rows[:-1]}, the whole file {whole[: len(rows) - 1]}")
        found = dict(_by_place(parsed))
        for tag, whole in self._whole.items():
            before = sum(place <= complete for place, _ in whole)
            if self.name not in _BINARY and len(found.get(tag, [])) < before - 1:
                raise Broken(f"{self.name} cut at {at}: {tag} has {len(found.get(tag, []))} rows of {before}")
        told = parsed.unread or "cut" in {notice.kind for notice in parsed.notices}
        if self._end and at < self.data.find(b"\n", self._end) + 1:
            if "end" in parsed.meta:
                raise Broken(f"{self.name} cut at {at}: has an end")
        elif self.name == "dtrace-json" and at < len(self.data.rstrip(b"}\n")) and not told:
            raise Broken(f"{self.name} cut at {at}: nothing is said of it")
        # A console may end in a prompt, and of a record of ktrace.out nothing but its length says that it has an end.
        if self.name not in ("console", *_BINARY) and prefix and not prefix.endswith(b"\n") and not told:
            raise Broken(f"{self.name} cut at {at}: nothing is said of {prefix[-40:]!r}")


def _by_place(parsed: Parsed) -> Iterator[tuple[str, list[tuple[int, list[str]]]]]:
    """The tables that are in the order of the file, each row as its place and its values as texts."""
    for tag, table in parsed.tables.items():
        place = next((name for name in _ORDER if name in table.column_names), None)
        if place is not None and not (tag in _PAIRED and "format" in parsed.meta):
            rows = [(row[place], sorted(f"{name}={value}" for name, value in row.items())) for row in table.to_pylist()]
            yield tag, sorted(rows, key=lambda row: row[0])


def main(names: Iterable[str]) -> int:
    """Cut each file at every byte, and print how many cuts there were."""
    cuts = broken = 0
    for name in names or NAMES:
        file, begun = Cuttable(name), time.process_time()
        for at in range(len(file.data)):
            try:
                file.cut(at)
            except Exception as error:
                broken += 1
                print(f"{type(error).__name__}: {str(error)[:300]}")
        took = time.process_time() - begun
        cuts += len(file.data)
        print(f"{name:<12} {len(file.data):>6,} cuts {took / len(file.data) * 1e3:>6.1f} ms each", flush=True)
    print(f"{cuts:,} cuts, {broken} break a law")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
