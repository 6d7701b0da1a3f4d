"""Numbers of many lines at once, eight digits in a word.

A word is read so that it ends where the number ends, and the bytes before the number are made zeros: each step then
works on the digits of all lines side by side.  Its first digit stands lowest.
"""

from collections.abc import Callable

import numpy as np

DIGITS = 8  # in a word
DECIMALS = 18  # so many digits fit into 64 bits with a sign, whatever they are
HEXADECIMALS = 16
_PREFIX = int.from_bytes(b"0x", "little")
_FILLED = np.array([(1 << 64) - (1 << 64 - 8 * count) for count in range(DIGITS + 1)], np.uint64)

_Eight = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def words(data: np.ndarray, size: int) -> np.ndarray:
    """The little-endian word of `size` bytes that begins at each byte of `data`, without copying."""
    return np.ndarray(max(0, len(data) - size + 1), f"<u{size}", data, strides=(1,))


def decimals(data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers of digits from `begins` up to `ends` as int64, and which of them are none, or too long to be sure.

    `ends` ascend.
    """
    lengths = ends - begins
    values, wrong = _numbers(words(data, DIGITS), ends, lengths, eight_decimals, 10**DIGITS)
    return values.view(np.int64), wrong | (lengths <= 0) | (lengths > DECIMALS)


def hexadecimals(data: np.ndarray, begins: np.ndarray, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Numbers like 0x1f from `begins` up to `ends` as uint64, and which of them are none, or too long to be sure.

    `ends` ascend.
    """
    lengths = ends - begins - 2
    values, wrong = _numbers(words(data, DIGITS), ends, lengths, _eight_hexadecimals, 16**DIGITS)
    prefixes = words(data, 2)[np.minimum(begins, ends - 2)]
    return values, wrong | (lengths <= 0) | (lengths > HEXADECIMALS) | (prefixes != _PREFIX)


def _numbers(
    text: np.ndarray, ends: np.ndarray, lengths: np.ndarray, eight: _Eight, factor: int
) -> tuple[np.ndarray, np.ndarray]:
    begins = ends - DIGITS
    outside = np.searchsorted(begins, 0)  # of words that would begin before the text
    digits = text[np.maximum(begins, 0)] if outside else text[begins]
    digits[:outside] <<= (-8 * begins[:outside]).astype(np.uint64)
    digits ^= each("0")
    digits &= _FILLED[np.clip(lengths, 0, DIGITS)]
    values, wrong = eight(digits)
    longer = lengths > DIGITS
    if longer.any():
        # Where most are, looking at the others too is cheaper than setting them apart: they have no digits left.
        chosen = slice(None) if np.count_nonzero(longer) > len(longer) // 2 else np.flatnonzero(longer)
        more, also_wrong = _numbers(text, ends[chosen] - DIGITS, lengths[chosen] - DIGITS, eight, factor)
        more *= np.uint64(factor)
        values[chosen] += more
        wrong[chosen] |= also_wrong
    return values, wrong


def eight_decimals(digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    wrong = ((digits + each("\x76")) | digits) & each("\x80") != 0  # a byte of 10 or more
    digits *= np.uint64(1 + (10 << 8))
    digits >>= np.uint64(8)
    digits &= np.uint64(0x00FF00FF00FF00FF)
    digits *= np.uint64(1 + (100 << 16))
    digits >>= np.uint64(16)
    digits &= np.uint64(0x0000FFFF0000FFFF)
    digits *= np.uint64(1 + (10_000 << 32))
    digits >>= np.uint64(32)
    return digits, wrong


def _eight_hexadecimals(digits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    letters = (digits >> np.uint64(6)) & each("\x01")  # less "0" they are 0x51 to 0x56
    digits -= letters * np.uint64(0x47)
    letters <<= np.uint64(7)
    ten_or_more = digits + each("\x76")
    wrong = ((ten_or_more ^ letters) & each("\x80")) | (digits & each("\xf0")) != 0
    for shift, mask in ((4, 0x00FF00FF00FF00FF), (8, 0x0000FFFF0000FFFF), (16, 0xFFFFFFFF)):
        digits = ((digits << np.uint64(shift)) | (digits >> np.uint64(2 * shift))) & np.uint64(mask)
    return digits, wrong


def each(character: str) -> np.uint64:
    """That byte eight times."""
    return np.uint64(ord(character) * 0x0101010101010101)
