"""Faults from probes at the handler's entry and return, as scripts that are not vmtrace's trace them."""

from typing import Any

import pyarrow as pa

from analyzer.ingest.parsed import Notice

# The handler's name: up to 12.1, and from 12.2.
HANDLERS = ("vm_fault_hold", "vm_fault")
_PAGE = 4096
_FAULT = pa.schema(
    [("line", pa.int64()), ("cpu", pa.int64()), ("va", pa.uint64()), ("rc", pa.int64()), ("execname", pa.string())]
)
_READINGS = {"va": "address", "rc": "result"}

Values = list[int | str]


class HandlerFaults:
    """Pairs entries with returns, a piece of the text after the other.

    Rows carry a CPU and no thread.  A return is taken for the end of the entry before it on that CPU only where
    nothing else of the handler stands between them; every other one is left out, and a Notice counts them.  What a
    script traced is not in its output either: the first number at the entry is taken for the address where it is a
    page's (the handler gets no others), one string for the process, and one number from 0 to 10 at the return for
    the result; what all pairs of the first piece are taken for, those of the later ones are.  A Notice says so.
    """

    def __init__(self) -> None:
        self._starts: dict[int, dict] = {}
        self._seen: set[str] = set()
        self._first = 0  # line of the first event
        self._alone = 0
        self._pairs = 0
        self._misfits = 0
        self._taken: dict[str, bool] = {}

    def take(self, records: list[dict]) -> pa.Table | None:
        """F (line, cpu, va, rc, execname; null where not known) of records with line, cpu, function, name, values.

        None as long as there has been no entry with a return.
        """
        pairs = []
        for record in records:
            if record["function"] not in HANDLERS or record["name"] not in ("entry", "return"):
                continue
            self._first = self._first or record["line"]
            self._seen.add(record["name"])
            before = self._starts.pop(record["cpu"], None)
            if record["name"] == "entry":
                self._alone += before is not None
                self._starts[record["cpu"]] = record
            elif before is None or before["function"] != record["function"]:
                self._alone += 1 + (before is not None)
            else:
                pairs.append((before, record))
        if self._seen != {"entry", "return"}:
            return None
        rows = [
            {"line": start["line"], "cpu": start["cpu"], **_reading(start["values"], end["values"])}
            for start, end in pairs
        ]
        if rows and not self._taken:
            self._taken = {name: all(row[name] is not None for row in rows) for name in ("va", "rc", "execname")}
        self._pairs += len(rows)
        self._misfits += sum(any(row[name] is None for name, taken in self._taken.items() if taken) for row in rows)
        columns = {name: [row[name] if self._taken.get(name, True) else None for row in rows] for name in _FAULT.names}
        return pa.table(columns, _FAULT)

    def notices(self) -> list[Notice]:
        """What was assumed, and what has no partner, when all has been read."""
        if self._seen != {"entry", "return"}:
            return []
        found = []
        taken = [words for name, words in _READINGS.items() if self._taken.get(name)]
        if taken:
            text = "the output does not say what was traced: numbers at the handler's entry and return are taken for "
            text += " and ".join(taken)
            if self._misfits:
                text += f"; {self._misfits} of them are none"
            found.append(Notice(self._first, "assumed", self._pairs, "", text))
        alone = self._alone + len(self._starts)
        if alone:
            text = "entries and returns of the handler without a partner beside them on their CPU: rows carry no thread"
            found.append(Notice(self._first, "unpaired", alone, "", text))
        return found


def _reading(entry: Values, end: Values) -> dict[str, Any]:
    """What the values of one pair can be, by column; None where they cannot be it."""
    page = bool(entry) and isinstance(entry[0], int) and entry[0] % _PAGE == 0
    result = len(end) == 1 and isinstance(end[0], int) and 0 <= end[0] <= 10
    texts = [value for value in entry if isinstance(value, str)]
    return {
        "va": entry[0] % 2**64 if page else None,
        "rc": end[0] if result else None,
        "execname": texts[0] if len(texts) == 1 else None,
    }
