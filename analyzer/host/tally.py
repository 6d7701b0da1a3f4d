"""What has been recorded so far: counted from the log's lines as they pass."""

import re
from collections import Counter

from analyzer.host import messages

_TAG = re.compile(rb"^([A-Z]+)\t", re.MULTILINE)
_FIELDS = re.compile(rb"^#fields\t([A-Z]+)\t(.*)$", re.MULTILINE)
_CALLS = re.compile(rb"^C\t([^\t\n]+)\t(\d+)$", re.MULTILINE)
_RESULTS = b"#aggregation\tresults\t"

# Records whose rc is a KERN_* or errno value, other than 0 for a failure.
_WITH_RESULT = (b"F", b"M", b"A")


class Tally:
    """Counts of one log.

    Attributes:
        records: records by tag.
        failures: those of F, M and A whose result is not 0.
        calls: calls of a function, from the C records.
        declared: tags of which the script says what their columns are.
        lost: what dtrace says it lost, by kind.
        aggregated: faults in vmagg's table of results.
        filtered: whether the script says that it was narrowed.
        complete: whether the trailer has come.
    """

    def __init__(self) -> None:
        self.records: Counter[str] = Counter()
        self.failures: Counter[str] = Counter()
        self.calls: Counter[str] = Counter()
        self.declared: set[str] = set()
        self.lost: Counter[str] = Counter()
        self.aggregated = 0
        self.filtered = False
        self.complete = False
        self._failed: dict[bytes, re.Pattern] = {}
        self._in_results = False

    def lines(self, data: bytes) -> None:
        """Count whole lines of dtrace's stdout."""
        if b"#" in data:
            self._directives(data)
        for tag, count in Counter(_TAG.findall(data)).items():
            self.records[tag.decode()] += count
        for tag, pattern in self._failed.items():
            self.failures[tag.decode()] += len(pattern.findall(data))
        for function, calls in _CALLS.findall(data):
            self.calls[function.decode()] += int(calls)
        if self._in_results or _RESULTS in data:
            self._results(data)

    def message(self, line: bytes) -> tuple[str, int, str] | None:
        """Count a line of dtrace's stderr; gives what it says was lost, as messages.loss does."""
        loss = messages.loss(line)
        if loss is not None:
            self.lost[loss[0]] += loss[1]
        return loss

    @property
    def faults(self) -> int:
        """Fault records, or faults in aggregations."""
        return self.records["F"] or self.aggregated

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
        self.filtered = self.filtered or b"\n#host.filter\t" in b"\n" + data
        self.complete = self.complete or b"\n#end\t" in b"\n" + data

    def _results(self, data: bytes) -> None:
        for line in data.split(b"\n"):
            if line.startswith(b"#"):
                self._in_results = line.startswith(_RESULTS)
            elif self._in_results and line:
                self.aggregated += int(line.rpartition(b"\t")[2])
