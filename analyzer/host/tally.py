"""What has been recorded so far: counted from the log's lines as they pass."""

import re
from collections import Counter

from analyzer.host import messages
from analyzer.host.sections import Row, Sections

_TAG = re.compile(rb"^([A-Z]+)\t", re.MULTILINE)
_FIELDS = re.compile(rb"^#fields\t([A-Z]+)\t(.*)$", re.MULTILINE)
_SELECT = re.compile(rb"^#select\t([A-Z]+)\t", re.MULTILINE)
_BEGAN = re.compile(rb"^#timestamp\t(\d+)$", re.MULTILINE)
_CALLS = re.compile(rb"^C\t([^\t\n]+)\t(\d+)$", re.MULTILINE)
_TIMED = re.compile(rb"^[A-Z]+\t(\d{4,})[\t\n]", re.MULTILINE)
_TAIL = 4096  # how much of a piece is looked through for its last record

# Sections of aggregations that count what elsewhere has a record each.
_COUNTING = {"process": "F", "results": "F", "moves": "M", "sites": "A"}

# Records whose rc is a KERN_* or errno value, other than 0 for a failure.
_WITH_RESULT = (b"F", b"M", b"A")


class Tally:
    """Counts of one log.

    Attributes:
        records: records by tag; of those in `selected` they are evidence, no count.
        failed: records of F, M and A whose result is not 0.
        sums: what aggregations count: "F", "M" and "A" as if they were records, "X" never.
        failed_sums: of those the failed ones.
        calls: calls of a function, from the C records.
        declared: tags of which the script says what their columns are.
        selected: tags of which only some records are printed.
        lost: what dtrace says it lost, by kind.
        filtered: whether the script says that it was narrowed.
        complete: whether the trailer has come.
        began, last: ns on the script's clock, when it began and the last record; 0 where not known.
    """

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.failed: Counter[str] = Counter()
        self.sums: Counter[str] = Counter()
        self.failed_sums: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.declared: set[str] = set()
        self.selected: set[str] = set()
        self.lost: Counter[str] = Counter()
        self.filtered = False
        self.complete = False
        self.began = self.last = 0
        self._failed: dict[bytes, re.Pattern] = {}
        self._sections = Sections()

    def lines(self, data: bytes) -> None:
        """Count whole lines of dtrace's stdout."""
        if b"#" in data:
            self._directives(data)
        for tag, count in Counter(_TAG.findall(data)).items():
            self.records[tag.decode()] += count
        for tag, pattern in self._failed.items():
            self.failed[tag.decode()] += len(pattern.findall(data))
        for function, calls in _CALLS.findall(data):
            self.calls[function.decode()] += int(calls)
        for row in self._sections.rows(data):
            self._add(row)
        timed = _TIMED.findall(data, max(0, data.rfind(b"\n", 0, -_TAIL)))
        if timed:
            self.last = max(self.last, *map(int, timed))

    def message(self, line: bytes) -> tuple[str, int] | None:
        """Count a line of dtrace's stderr; gives what it says was lost, as messages.loss does."""
        loss = messages.loss(line)
        if loss is not None:
            self.lost[loss[0]] += loss[1]
        return loss

    def count(self, tag: str) -> int:
        """Faults (F), page moves (M), failed inserts (A) or alarms (X): records, or what the kernel counted itself."""
        return self.sums[tag] or (0 if tag in self.selected else self.records[tag])

    def failures(self, tag: str) -> int:
        """Those of `count(tag)` whose result is not 0."""
        return self.failed_sums[tag] if self.sums[tag] or tag in self.selected else self.failed[tag]

    @property
    def handled(self) -> int:
        """Calls of the fault handler: vm_fault_hold where it exists, else vm_fault."""
        return self.calls["vm_fault_hold"] or self.calls["vm_fault"]

    def _directives(self, data: bytes) -> None:
        for tag, columns in _FIELDS.findall(data):
            self.declared.add(tag.decode())
            names = [column.partition(b":")[0] for column in columns.split(b"\t")]
            if tag in _WITH_RESULT and b"rc" in names:
                skip = names.index(b"rc")
                self._failed[tag] = re.compile(rb"^%b(?:\t[^\t\n]*){%d}\t(?!0[\t\n])" % (tag, skip), re.MULTILINE)
        self.selected.update(tag.decode() for tag in _SELECT.findall(data))
        self.filtered = self.filtered or b"\n#host.filter\t" in b"\n" + data
        self.complete = self.complete or b"\n#end\t" in b"\n" + data
        for began in _BEGAN.findall(data):
            self.began = self.began or int(began)

    def _add(self, row: Row) -> None:
        """vmwatch counts faults in `process`, vmagg in `results`; `sites` has failed inserts only."""
        tag = _COUNTING.get(row.section)
        if tag is not None and row.low is None:
            self.sums[tag] += row.value
            self.failed_sums[tag] += row.value if tag == "A" or row.keys.get("rc", "0") != "0" else 0
