"""Damage that a text can take, at the level of lines and fields; atheris does bytes."""

import re
from collections.abc import Callable, Sequence
from random import Random

from .corpus import split

_FIELD = re.compile(rb"-?[0-9a-fx]+|[A-Za-z_]+|[^A-Za-z0-9_]")
# Numbers at the edges, what ends a line or a field, what is no UTF-8, and texts that other readers look for.
_VALUES = [
    b"", b"0", b"-1", b"1", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808", b"1e9", b"nan",
    b"18446744073709551615", b"18446744073709551616", b"0xffffffffffffffff", b"0x10000000000000000", b"0x", b"9" * 30,
    b"7" * 4400, b"0" * 40 + b"7", b"\0", b"\t", b"\n", b"\r\n", b"\xff", b"\xe2\x80\xae", b"\\0", b"\\", b"\\777",
    b" " * 14, b'"', b"{", b"[", b"}", b"=", b"#", b"panic: x", b"dtrace: ", b"T", b"F", b"@", b"|", b"stack",
]  # fmt: skip
_LINES = [
    b"dtrace: 9250 drops on CPU 0\n",
    b"dtrace: 12 aggregation drops on CPU 1\n",
    b"dtrace: error on enabled probe ID 1 (ID 21928: fbt:kernel:vm_fault:entry): invalid address (0x0) in action #2\n",
    b"dtrace: processing aborted: Abort due to systemic unresponsiveness\n",
    b"dtrace: nobody knows this\n",
    b"panic: vm_page_free: freeing free page 0xfffff8007d629a68\n",
    b"#end\t74458332085\n",
    b"#fields\tQ\tts:time\ttid:int\tx:str\tstack:stack\n",
    b"#fields\tF\tts:time\tdur:ns\n",
    b"#fields\tM\trc:int\n",
    b"#select\tF\tdur > 1\n",
    b"#bits\tpath\t0x1\tpager\n",
    b"#aggregation\tlatency\tpath\trc\tllquantize\n",
    b"#aggregation\tsites\tfn\trc\tinfault\tstack\tcount\n",
    b"#aggregation\tx\tcount\n",
    b"#host.cut\tF\t1\n",
    b"\n",
    b"              kernel`vm_fault+0x2ef\n",
    b"           value  ------------- Distribution ------------- count    \n",
    b"           37000 |@@@@@@@@@@@@@@@@@@@@                     1        \n",
]


def mutated(data: bytes, most: int, seed: int, bytewise: Callable[[bytes, int], bytes]) -> bytes:
    """`data` with some damage, at most `most` bytes; `bytewise` is atheris.Mutate."""
    random = Random(seed)
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        change = random.choice(_CHANGES)
        data = b"".join(change(split(data) or [b""], random)) if change else bytewise(data, most)
    return data[:most]


def _field(lines: list[bytes], random: Random) -> Sequence[bytes]:
    """Another value in one field of one line."""
    at = random.randrange(len(lines))
    if fields := list(_FIELD.finditer(lines[at])):
        field = random.choice(fields)
        lines[at] = lines[at][: field.start()] + random.choice(_VALUES) + lines[at][field.end() :]
    return lines


def _drop(lines: list[bytes], random: Random) -> Sequence[bytes]:
    at = random.randrange(len(lines))
    return lines[:at] + lines[at + random.choice((1, 1, 2, 5)) :]


def _move(lines: list[bytes], random: Random) -> Sequence[bytes]:
    """A line somewhere else, or there too."""
    at = random.randrange(len(lines))
    lines.insert(random.randrange(len(lines)), lines[at] if random.random() < 0.5 else lines.pop(at))
    return lines


def _foreign(lines: list[bytes], random: Random) -> Sequence[bytes]:
    """A line of another hand between two, or inside one."""
    at, line = random.randrange(len(lines)), random.choice(_LINES)
    if random.random() < 0.7:
        return [*lines[:at], line, *lines[at:]]
    place = random.randrange(len(lines[at]) + 1)
    lines[at] = lines[at][:place] + line + lines[at][place:]
    return lines


def _cut(lines: list[bytes], random: Random) -> Sequence[bytes]:
    """The end is missing, or the beginning."""
    text = b"".join(lines)
    at = random.randrange(len(text) + 1)
    return [text[:at] if random.random() < 0.8 else text[at:]]


def _hole(lines: list[bytes], random: Random) -> Sequence[bytes]:
    """A piece is missing: two lines become one."""
    text = b"".join(lines)
    at = random.randrange(len(text) + 1)
    return [text[:at], text[at + random.choice((1, 2, 8, 60)) :]]


_CHANGES = (None, None, _field, _field, _field, _field, _drop, _move, _foreign, _cut, _hole)
