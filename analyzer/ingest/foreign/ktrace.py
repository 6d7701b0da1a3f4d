"""ktrace.out itself, little endian, as the kernel wrote it: no FreeBSD box and no kdump needed.

Layout of the headers: docs/freebsd-vm-tracing.md, 6.1; both are proved on recordings, from 10.1 and 13.2 the one
without a version, from 15.0 the one with it.
"""

from collections.abc import Iterable, Iterator
from itertools import chain
from struct import Struct

import pyarrow as pa

from analyzer.ingest.foreign.fault_pairs import TIMELINE, FaultPairs
from analyzer.ingest.foreign.ktrace_bodies import FAULT, FAULT_END, body, text
from analyzer.ingest.parsed import Notice, Parsed, Unread

_PART = 100_000  # records that are held at once
_LENGTH_AND_TYPE = Struct("<iH")
# len, type, pid, comm, seconds, micro- or nanoseconds, tid; the versioned one ends in the CPU.
_HEADER = Struct("<iH2xi20sqqq")
_VERSIONED = Struct("<iHhi20sqqqi4x")
_DROPPED = 0x8000
_HAS_VERSION = 0x4000
_MOST = 1 << 24  # bytes of one record: far above what the kernel writes at once
_MOST_TYPES = 64  # types of records that there may be one day: what is above is no header
_LATEST = 9 * 10**9  # seconds: what ns in 64 bits can hold

# Records without a name are bookkeeping for kdump: it prints nothing for them.
_TYPES = {
    1: "CALL",
    2: "RET",
    3: "NAMI",
    4: "GIO",
    5: "PSIG",
    6: "CSW",
    7: "USER",
    8: "STRU",
    9: "SCTL",
    10: None,
    11: None,
    12: "CAP",
    13: "PFLT",
    14: "PRET",
    15: "STRU",
    16: "ARGS",
    17: "ENVS",
    18: "EERR",
}


def is_header(data: bytes) -> bool:
    """Whether `data` begins with the header of a ktrace record."""
    if len(data) < _HEADER.size:
        return False
    length, kind, pid, comm, seconds, part, _ = _HEADER.unpack_from(data)
    limit = 10**9 if kind & _HAS_VERSION else 10**6
    possible = 0 < (kind & ~(_DROPPED | _HAS_VERSION)) < _MOST_TYPES
    printable = comm.partition(b"\0")[0] != b"" and comm.endswith(b"\0")
    return 0 <= length <= _MOST and possible and pid >= 0 and printable and 0 <= seconds < _LATEST and 0 <= part < limit


def parse_ktrace(chunks: Iterable[bytes]) -> Iterator[Parsed]:
    """A ktrace.out: the tables of `parse_kdump`, ts in ns since 1970; `line` is the number of the record, from 1.

    Bodies are kdump's for PFLT, PRET, NAMI, CSW, EERR, ARGS and ENVS and for the head of a GIO; system calls, errors
    and signals stand as numbers (`#59 -1 errno 2`), structures as their names.  A record of a type that is not known
    is skipped by its length and stands in `unread`.  A record flagged as following lost ones gives a Notice "drop", a
    file that ends inside a record a Notice "cut"; bytes that are no record end the reading: they are in `unread`, with
    a Notice "cut".
    """
    reader = _Reader()
    for chunk in chain(chunks, [None]):
        reader.feed(chunk)
        while reader.step():
            if reader.held == _PART:
                yield reader.part(last=False)
    yield reader.part(last=True)


class _Reader:
    """The bytes that are not yet read, and the rows since the last part."""

    def __init__(self) -> None:
        self._data = b""
        self._place = 0  # where in _data the next record begins
        self._before = 0  # bytes that stood before _data
        self._final = self._lost = False
        self._number = 0
        self._lost_at = self._lost_bytes = 0
        self._lost_text = ""
        self._pairs = FaultPairs()
        self._clear()

    def _clear(self) -> None:
        self._rows: dict[str, list] = {name: [] for name in TIMELINE.names}
        self._vas: list[int] = []
        self._protections: list[int] = []
        self._results: list[int] = []
        self._notices: list[Notice] = []
        self._unread: list[Unread] = []

    @property
    def held(self) -> int:
        """Records since the last part."""
        return len(self._rows["line"])

    def feed(self, chunk: bytes | None) -> None:
        """More of the file; None: there is no more."""
        self._final = chunk is None
        if self._lost:
            self._lost_bytes += len(chunk or b"")
            return
        self._before += self._place
        self._data = self._data[self._place :] + (chunk or b"")
        self._place = 0

    def step(self) -> bool:
        """Read one record; whether there was one."""
        here = self._data[self._place : self._place + _VERSIONED.size]
        if self._lost or not here:
            return False
        if len(here) >= _HEADER.size and not is_header(here):
            self._lose()
            return False
        versioned = len(here) >= 6 and bool(_LENGTH_AND_TYPE.unpack_from(here)[1] & _HAS_VERSION)
        header = _VERSIONED if versioned else _HEADER
        begin = self._place + header.size
        end = begin + (_LENGTH_AND_TYPE.unpack_from(here)[0] if len(here) >= header.size else 0)
        if len(here) < header.size or end > len(self._data):
            if self._final:
                where = f"record {self._number + 1}, at byte {self._before + self._place + 1}"
                self._notices.append(Notice(self._number + 1, "cut", 1, "", f"the file ends inside {where}"))
                self._lost = True
            return False
        self._number += 1
        fields = header.unpack_from(here)
        self._record(fields[1], fields[3:8] if versioned else fields[2:7], versioned, self._data[begin:end])
        self._place = end
        return True

    def _lose(self) -> None:
        """What follows is no record: nothing says where the next one begins."""
        self._lost_at = self._before + self._place + 1
        self._lost_text = self._data[self._place :][:16].hex(" ")
        self._lost_bytes = len(self._data) - self._place
        self._lost = True

    def _record(self, flags: int, about: tuple, versioned: bool, payload: bytes) -> None:
        pid, comm, seconds, part, tid = about
        if flags & _DROPPED:
            words = f"records were lost before record {self._number}"
            self._notices.append(Notice(self._number, "drop", 1, f"pid {pid}", words))
        code = flags & ~(_DROPPED | _HAS_VERSION)
        kind = _TYPES.get(code, "")
        if kind is None:
            return
        said = body(code, payload) if kind else None
        if said is None:
            expected = f"the data of a {kind} record" if kind else f"a type of record that is known, not {code}"
            self._unread.append(
                Unread(self._number, self._before + self._place + 1, payload[:16].hex(" "), expected, len(payload))
            )
            return
        if kind == "PFLT":
            va, protection = FAULT.unpack_from(payload)
            self._vas.append(va)
            self._protections.append(protection & 0xFFFFFFFF)
        elif kind == "PRET":
            self._results.append(FAULT_END.unpack_from(payload)[0])
        ns = seconds * 10**9 + part * (1 if versioned else 1000)
        row = (self._number, pid, max(tid, 0), text(comm).strip(" "), ns, kind, said)
        for column, value in zip(self._rows.values(), row, strict=True):
            column.append(value)

    def part(self, last: bool) -> Parsed:
        """What was read since the last part."""
        if last and self._lost_bytes:
            line = self._number + 1
            self._unread.append(Unread(line, self._lost_at, self._lost_text, "a record of ktrace", self._lost_bytes))
            words = f"{self._lost_bytes} bytes after record {self._number} are no records: what they hold is not known"
            self._notices.append(Notice(line, "cut", 1, "", words))
        timeline = pa.table(self._rows, schema=TIMELINE)
        tables, doubts = self._pairs.take(
            timeline,
            pa.array(self._vas, pa.uint64()),
            pa.array(self._protections, pa.uint64()),
            pa.array(self._results, pa.int64()),
            last,
        )
        parsed = Parsed(
            tables={"F": tables["F"], "K": timeline, "PFLT": tables["PFLT"], "PRET": tables["PRET"]},
            meta={"format": "ktrace", "time": "absolute", "threads": True},
            notices=sorted([*self._notices, *doubts], key=lambda notice: notice.line),
            unread=self._unread,
        )
        self._clear()
        return parsed
