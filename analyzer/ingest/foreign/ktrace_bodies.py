"""The data of ktrace's records in kdump's words, as far as the file holds what kdump says."""

from collections.abc import Callable
from struct import Struct

from analyzer.ingest.foreign.fault_pairs import PROTECTIONS
from analyzer.ingest.releases import KERN_RESULTS

FAULT = Struct("<Qi4x")
FAULT_END = Struct("<i")
_SWITCH = Struct("<ii")
_CALL = Struct("<hh4x")
_RETURN = Struct("<hhiq")
_IO = Struct("<ii")
_SIGNAL = Struct("<i4xQiI")

# struct uexterror: version, errno, category, line, flags, two numbers, a message.
_EXTENDED = Struct("<IIIIIIQQ32x128s")

# As kdump of 12 and later names them.
_PROTECTION_NAMES = ("VM_PROT_READ", "VM_PROT_WRITE", "VM_PROT_EXECUTE", "VM_PROT_COPY", "VM_PROT_PRIV_FLAG")


def text(data: bytes) -> str:
    return data.partition(b"\0")[0].decode(errors="backslashreplace")


def body(code: int, payload: bytes) -> str | None:
    """The record's data in words; None where its size is wrong."""
    needed, words = _BODIES.get(code, (0, lambda _: ""))
    return words(payload) if len(payload) >= needed else None


def _fault(payload: bytes) -> str:
    va, protection = FAULT.unpack_from(payload)
    protection &= 0xFFFFFFFF
    present = "|".join(name for name in _PROTECTION_NAMES if PROTECTIONS[name] & protection)
    unknown = protection & ~sum(PROTECTIONS[name] for name in _PROTECTION_NAMES)
    mask = f"{protection:#x}<{present}>" if protection else "0<VM_PROT_NONE>"
    return f"{va:#x} {mask}" + (f"<invalid>{unknown}" if unknown else "")


def _fault_end(payload: bytes) -> str:
    code = FAULT_END.unpack_from(payload)[0]
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
    return words + (f' "{text(payload[_SWITCH.size :])}"' if len(payload) > _SWITCH.size else "")


def _signal(payload: bytes) -> str:
    number, action, code, mask = _SIGNAL.unpack_from(payload)
    taken = f"caught handler={action:#x} mask={mask:#x}" if action else "SIG_DFL"
    return f"signal {number} {taken} code={code}"


def _extended_error(payload: bytes) -> str:
    _, error, category, line, _, _, first, second, message = _EXTENDED.unpack_from(payload)
    numbers = " ".join(
        f"{name} {number:#x}" if number else f"{name} 0" for name, number in (("p1", first), ("p2", second))
    )
    return f"{{ errno {error} category {category} (src line {line}) {numbers} {text(message)} }}"


def _strings(payload: bytes) -> str:
    """A program's arguments or environment."""
    return ", ".join(f'"{text(each)}"' for each in payload.removesuffix(b"\0").split(b"\0"))


def _path(payload: bytes) -> str:
    return f'"{text(payload)}"'


# By record type: the least size of the data, and its words.
_BODIES: dict[int, tuple[int, Callable[[bytes], str]]] = {
    1: (_CALL.size, _call),
    2: (_RETURN.size, _return),
    3: (0, _path),
    4: (_IO.size, _io),
    5: (_SIGNAL.size, _signal),
    6: (_SWITCH.size, _switch),
    7: (0, lambda payload: f"{len(payload)} {payload.hex()}"),
    8: (0, lambda payload: f"struct {text(payload)}"),
    9: (0, _path),
    13: (FAULT.size, _fault),
    14: (FAULT_END.size, _fault_end),
    15: (0, lambda payload: f"struct {text(payload)}[]"),
    16: (0, _strings),
    17: (0, _strings),
    18: (_EXTENDED.size, _extended_error),
}
