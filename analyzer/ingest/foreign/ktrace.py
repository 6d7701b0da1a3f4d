"""ktrace.out itself, little endian, as the kernel wrote it: no FreeBSD box and no kdump needed.

Layout of the headers: docs/freebsd-vm-tracing.md, 6.1.  The header without a version is proved on recordings from
10.1 and 13.2; the versioned one (15, late 14) is built from its documented layout, no recording of it exists.
"""

from collections.abc import Callable
from struct import Struct

import pyarrow as pa

from analyzer.ingest.foreign.fault_pairs import PROTECTIONS, TIMELINE, fault_tables
from analyzer.ingest.parsed import Notice, Parsed, Unread
from analyzer.ingest.releases import KERN_RESULTS

_LENGTH_AND_TYPE = Struct("<iH")
# len, type, pid, comm, seconds, micro- or nanoseconds, tid; the versioned one ends in the CPU.
_HEADER = Struct("<iH2xi20sqqq")
_VERSIONED = Struct("<iHhi20sqqqi4x")
_DROPPED = 0x8000
_HAS_VERSION = 0x4000
_MOST = 1 << 24  # bytes of one record: far above what the kernel writes at once
_LATEST = 9 * 10**9  # seconds: what ns in 64 bits can hold

_FAULT = Struct("<Qi4x")
_FAULT_END = Struct("<i")
_SWITCH = Struct("<ii")
_CALL = Struct("<hh4x")
_RETURN = Struct("<hhiq")
_IO = Struct("<ii")
_SIGNAL = Struct("<i4xQiI")

# As kdump of 12 and later names them.
_PROTECTION_NAMES = ("VM_PROT_READ", "VM_PROT_WRITE", "VM_PROT_EXECUTE", "VM_PROT_COPY", "VM_PROT_PRIV_FLAG")

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
}


def is_header(data: bytes) -> bool:
    """Whether `data` begins with the header of a ktrace record."""
    if len(data) < _HEADER.size:
        return False
    length, kind, pid, comm, seconds, part, _ = _HEADER.unpack_from(data)
    limit = 10**9 if kind & _HAS_VERSION else 10**6
    known = (kind & ~(_DROPPED | _HAS_VERSION)) in _TYPES
    printable = comm.partition(b"\0")[0] != b"" and comm.endswith(b"\0")
    return 0 <= length <= _MOST and known and pid >= 0 and printable and 0 <= seconds < _LATEST and 0 <= part < limit


def parse_ktrace(data: bytes) -> Parsed:
    """A ktrace.out: the tables of `parse_kdump`, ts in ns since 1970; `line` is the number of the record, from 1.

    Bodies are kdump's for PFLT, PRET, NAMI and CSW and for the head of a GIO; system calls, errors and signals stand
    as numbers (`#59 -1 errno 2`), structures as their names.  A record flagged as following lost ones gives a Notice
    "drop", a file that ends inside a record a Notice "cut"; bytes that are no record end the reading, in `unread`.
    """
    rows: dict[str, list] = {name: [] for name in TIMELINE.names}
    vas, protections, results = [], [], []
    notices, unread = [], []
    offset = number = 0
    while offset < len(data):
        number += 1
        here = data[offset : offset + _VERSIONED.size]
        if len(here) >= _HEADER.size and not is_header(here):
            text = f"{len(data) - offset} bytes: {here[:16].hex(' ')} …"
            unread.append(Unread(number, offset + 1, text, "a record of ktrace"))
            break
        versioned = len(here) >= 6 and bool(_LENGTH_AND_TYPE.unpack_from(here)[1] & _HAS_VERSION)
        header = _VERSIONED if versioned else _HEADER
        end = offset + header.size + (_LENGTH_AND_TYPE.unpack_from(here)[0] if len(here) >= header.size else 0)
        if len(here) < header.size or end > len(data):
            notices.append(Notice(number, "cut", 1, "", f"the file ends inside record {number}, at byte {offset + 1}"))
            break
        fields = header.unpack_from(here)
        flags, (pid, comm, seconds, part, tid) = fields[1], fields[3:8] if versioned else fields[2:7]
        if flags & _DROPPED:
            notices.append(Notice(number, "drop", 1, f"pid {pid}", f"records were lost before record {number}"))
        payload = data[offset + header.size : end]
        offset = end
        code = flags & ~(_DROPPED | _HAS_VERSION)
        kind = _TYPES[code]
        if kind is None:
            continue
        body = _body(code, payload)
        if body is None:
            unread.append(Unread(number, end - len(payload) + 1, payload[:16].hex(" "), f"the data of a {kind} record"))
            continue
        if kind == "PFLT":
            va, protection = _FAULT.unpack_from(payload)
            vas.append(va)
            protections.append(protection & 0xFFFFFFFF)
        elif kind == "PRET":
            results.append(_FAULT_END.unpack_from(payload)[0])
        rows["line"].append(number)
        rows["pid"].append(pid)
        rows["tid"].append(max(tid, 0))
        rows["comm"].append(_text(comm).strip(" "))
        rows["ts"].append(seconds * 10**9 + part * (1 if versioned else 1000))
        rows["type"].append(kind)
        rows["body"].append(body)
    timeline = pa.table(rows, schema=TIMELINE)
    tables, doubts = fault_tables(
        timeline, pa.array(vas, pa.uint64()), pa.array(protections, pa.uint64()), pa.array(results, pa.int64())
    )
    return Parsed(
        tables={"F": tables["F"], "K": timeline, "PFLT": tables["PFLT"], "PRET": tables["PRET"]},
        meta={"format": "ktrace", "time": "absolute", "threads": True},
        notices=sorted([*notices, *doubts], key=lambda notice: notice.line),
        unread=unread,
    )


def _text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="backslashreplace")


def _body(code: int, payload: bytes) -> str | None:
    """The record's data in words; None where its size is wrong."""
    needed, words = _BODIES.get(code, (0, lambda _: ""))
    return words(payload) if len(payload) >= needed else None


def _fault(payload: bytes) -> str:
    va, protection = _FAULT.unpack_from(payload)
    protection &= 0xFFFFFFFF
    present = "|".join(name for name in _PROTECTION_NAMES if PROTECTIONS[name] & protection)
    unknown = protection & ~sum(PROTECTIONS[name] for name in _PROTECTION_NAMES)
    mask = f"{protection:#x}<{present}>" if protection else "0<VM_PROT_NONE>"
    return f"{va:#x} {mask}" + (f"<invalid>{unknown}" if unknown else "")


def _fault_end(payload: bytes) -> str:
    code = _FAULT_END.unpack_from(payload)[0]
    return KERN_RESULTS[code] if 0 <= code < len(KERN_RESULTS) else f"<invalid={code}>"


def _call(payload: bytes) -> str:
    code, count = _CALL.unpack_from(payload)
    args = [int.from_bytes(payload[at : at + 8], "little") for at in range(_CALL.size, len(payload) - 7, 8)]
    return f"#{code}({','.join(f'{arg:#x}' for arg in args[: max(count, 0)])})"


def _return(payload: bytes) -> str:
    code, _, error, value = _RETURN.unpack_from(payload)
    if error == -2:
        return f"#{code} JUSTRETURN"
    if error == -1:
        return f"#{code} RESTART"
    if error:
        return f"#{code} -1 errno {error}"
    return f"#{code} {value}" + ("" if 0 <= value <= 9 else f"/{value & 0xFFFFFFFFFFFFFFFF:#x}")


def _io(payload: bytes) -> str:
    descriptor, wrote = _IO.unpack_from(payload)
    size = len(payload) - _IO.size
    return f"fd {descriptor} {'wrote' if wrote else 'read'} {size} byte{'' if size == 1 else 's'}"


def _switch(payload: bytes) -> str:
    out, user = _SWITCH.unpack_from(payload)
    words = f"{'stop' if out else 'resume'} {'user' if user else 'kernel'}"
    return words + (f' "{_text(payload[_SWITCH.size :])}"' if len(payload) > _SWITCH.size else "")


def _signal(payload: bytes) -> str:
    number, action, code, mask = _SIGNAL.unpack_from(payload)
    taken = f"caught handler={action:#x} mask={mask:#x}" if action else "SIG_DFL"
    return f"signal {number} {taken} code={code}"


def _path(payload: bytes) -> str:
    return f'"{_text(payload)}"'


# By record type: the least size of the data, and its words.
_BODIES: dict[int, tuple[int, Callable[[bytes], str]]] = {
    1: (_CALL.size, _call),
    2: (_RETURN.size, _return),
    3: (0, _path),
    4: (_IO.size, _io),
    5: (_SIGNAL.size, _signal),
    6: (_SWITCH.size, _switch),
    7: (0, lambda payload: f"{len(payload)} {payload.hex()}"),
    8: (0, lambda payload: f"struct {_text(payload)}"),
    9: (0, _path),
    13: (_FAULT.size, _fault),
    14: (_FAULT_END.size, _fault_end),
    15: (0, lambda payload: f"struct {_text(payload)}[]"),
}
