"""The escapes that dtrace's %S puts into strings (libdtrace, dt_printf.c: dt_string2str and the C escapes)."""

import re

_ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)
_LETTERS = {b"n": b"\n", b"t": b"\t", b"r": b"\r", b"a": b"\a", b"b": b"\b", b"f": b"\f", b"v": b"\v"}


def unescape(text: str) -> str:
    """What `text` was before %S printed it; FreeBSD's %S also prints the closing NUL as `\\0`, which goes.

    Bytes that are no UTF-8 stay visible as `\\xNN`.
    """
    if "\\" not in text:
        return text
    raw = _ESCAPE.sub(_unescape_one, text.encode()).split(b"\0", 1)[0]
    return raw.decode(errors="backslashreplace")


def _unescape_one(match: re.Match[bytes]) -> bytes:
    code = match[1]
    if code[:1] in b"01234567":
        return bytes([int(code, 8) & 0xFF])
    return _LETTERS.get(code, code)
