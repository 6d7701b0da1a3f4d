"""What a log says so far, read as it grows: the standard library only, so that a box can watch itself."""

import re
from collections import Counter, defaultdict
from contextlib import suppress

from analyzer import measures
from analyzer.host.sections import Row, Sections
from analyzer.host.tally import Tally

_BITS = re.compile(rb"^#bits\tpath\t(.*)$", re.MULTILINE)
_SCRIPT = re.compile(rb"^#script\t(\w+)$", re.MULTILINE)
_OSRELDATE = re.compile(rb"^#osreldate\t(\d+)$", re.MULTILINE)
_FIELDS = re.compile(rb"^#fields\t([FX])\t(.*)$", re.MULTILINE)
_NAMES, _OTHERS = 10_000, "(others)"  # who makes up names must not fill the memory of the box
_RECORD = re.compile(rb"^([FX])\t(.*)$", re.MULTILINE)


class Live:
    """Counts since the trace began; those of aggregations come every 10 or 30 seconds (docs/log-format.md).

    Attributes:
        tally: what any log has.
        osreldate, bits: the release, and the names of the path bits; None and {} until they have come.
        results: faults by KERN_* code; `recorded` has those that have a record, which come at once.
        processes: faults by process name.
        latency: by path, faults by the lower bound of their duration in ns, two digits of it.
        replaced: pages replaced, by the old page's busy_lock.
        retries: map lookups beyond the first of each fault; None where the script does not count them.
        imbalances, double_frees: records of what must not be.
        longest: ns, of the faults that have a record.
    """

    def __init__(self) -> None:
        self.tally = Tally()
        self.osreldate: int | None = None
        self.bits: dict[int, str] = {}
        self.results: Counter[int] = Counter()
        self.recorded: Counter[int] = Counter()
        self.processes: Counter[str] = Counter()
        self.latency: defaultdict[int, Counter[int]] = defaultdict(Counter)
        self.replaced: Counter[str] = Counter()
        self.retries: int | None = None
        self.imbalances = self.double_frees = self.longest = 0
        self._script: str | None = None
        self._own_pages = False  # whether the log says which faults allocated a page
        self._columns: dict[bytes, list[str]] = {}
        self._sections = Sections()

    def lines(self, data: bytes) -> None:
        """Whole lines of the log."""
        self.tally.lines(data)
        if b"#" in data:
            self._directives(data)
        for match in _RECORD.finditer(data):
            columns = self._columns.get(match[1])
            if columns is not None:
                values = dict(zip(columns, match[2].decode("ascii", "replace").split("\t"), strict=False))
                with suppress(KeyError, ValueError):  # a damaged line is the report's to tell of
                    (self._fault if match[1] == b"F" else self._alarm)(values)
        for row in self._sections.rows(data):
            with suppress(KeyError, ValueError):
                self._row(row)

    def _directives(self, data: bytes) -> None:
        for tag, columns in _FIELDS.findall(data):
            self._columns[tag] = [column.partition(b":")[0].decode() for column in columns.split(b"\t")]
            if tag == b"F" and "lookups" in self._columns[tag]:
                self.retries = 0
        for osreldate in _OSRELDATE.findall(data):
            self.osreldate = int(osreldate)
        for script in _SCRIPT.findall(data):
            self._script = script.decode()
        fields = {tag.decode(): columns for tag, columns in self._columns.items()}
        self._own_pages = measures.tells_own_pages(self._script, fields, self.osreldate)
        for bits in _BITS.findall(data):
            words = bits.decode("ascii", "replace").split("\t")
            with suppress(ValueError):
                self.bits = {int(mask, 16): name for mask, name in zip(words[::2], words[1::2], strict=False)}

    def _fault(self, values: dict[str, str]) -> None:
        duration, rc = int(values["dur"]), int(values["rc"])
        self.longest = max(self.longest, duration)
        self.imbalances += _unbalanced(values)
        self.recorded[rc] += 1
        if "F" in self.tally.selected:  # evidence: the counts are in the sections
            return
        self.results[rc] += 1
        self._process(values["execname"].removesuffix("\\0"), 1)
        self.latency[self._path(int(values["path"], 16))][_low(duration)] += 1
        if self.retries is not None:
            self.retries += int(values["lookups"]) - 1

    def _path(self, bits: int) -> int:
        return measures.own_path(bits) if self._own_pages else bits

    def _alarm(self, values: dict[str, str]) -> None:
        self.double_frees += values["kind"] == "double-free"
        self.imbalances += values["kind"] == "lock-held"

    def _process(self, name: str, faults: int) -> None:
        self.processes[name if name in self.processes or len(self.processes) < _NAMES else _OTHERS] += faults

    def _row(self, row: Row) -> None:
        keys = row.keys
        if row.section == "process":
            self.results[int(keys["rc"])] += row.value
            self._process(keys["execname"], row.value)
        elif row.section == "latency" and row.low is not None and "path" in keys:
            self.latency[self._path(int(keys["path"]))][row.low] += row.value
        elif row.section == "moldbusy":
            self.replaced[keys["busy"]] += row.value


def percentile(bounds: Counter[int], share: float) -> int | None:
    """The bound below which `share` of a histogram's values begin; None of none."""
    wanted = share * sum(bounds.values())
    seen = 0
    for low in sorted(bounds):
        seen += bounds[low]
        if seen >= wanted:
            return low
    return None


def _unbalanced(values: dict[str, str]) -> bool:
    """Whether a fault left a lock held, by whatever its script has to say of it (docs/log-format.md)."""
    if "locksum" in values:
        return int(values["locksum"], 16) != 0
    if "held" in values:
        return int(values["held"], 16) != 0
    return "acq" in values and (values["acq"] != values["rel"] or int(values["lockxor"], 16) != 0)


def _low(duration: int) -> int:
    """Two digits of it, as llquantize(…, 10, …, 100) keeps them."""
    step = 10 ** max(0, len(str(duration)) - 2)
    return duration // step * step
