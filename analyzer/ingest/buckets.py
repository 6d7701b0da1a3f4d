"""Lines of distributions, many at once: the label of a bucket, its bar, and what was counted in it."""

import re
from dataclasses import dataclass

import numpy as np

from analyzer.ingest.block_lines import Lines
from analyzer.ingest.digits import DIGITS, decimals, each, eight_decimals

# A line of libdtrace, and so many bytes before it that all are whole words: label, bar, count of up to eight digits,
# and what must be a blank.
_ROW = "..." + "l" * 16 + "_|" + "b" * 40 + "_" + "c" * 8 + "_\n"
_LINE, _LABEL = _ROW.index("l"), _ROW.count("l")
_WIDE, _MIDDLE = len(_ROW) - _LINE, _ROW.index("|") - _LINE
_SLAB = 1 << 14  # lines that are read at once: what is made of them stays near the processor
_OPEN_ENDED = re.compile(r" *(<|>=) ([0-9]+)")


def _bytes_of(parts: str, byte: int) -> np.ndarray:
    """The words of _ROW with that byte where it is of the parts."""
    return np.frombuffer(bytes(byte * (part in parts) for part in _ROW), "<u8")[:, None]


_DRAWN, _THIRD = _bytes_of("b_", 0xFF), _bytes_of("b", 0x20)
_ZERO = each("0") ^ each(" ")


@dataclass(frozen=True)
class Buckets:
    """Lines that may be buckets.

    Attributes:
        sound: which are.
        value, count: of the label, and what was counted.
        below, above: which labels have a "<" or a ">=" before the value.
    """

    sound: np.ndarray
    value: np.ndarray
    count: np.ndarray
    below: np.ndarray
    above: np.ndarray

    def bounds(self, first: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The limits of the buckets: from the label to the next one, as aggregations.bounds has them.

        Args:
            first: the places of the first bucket of each distribution, ascending from 0.
        """
        value, last = self.value, np.append(first[1:], len(self.value))[: len(first)] - 1
        following = np.append(value[1:], 0)[: len(value)]
        following[last] = value[last] + np.where(last > first, value[last] - value[last - 1], 1)
        low, high = value.astype(np.float64), following.astype(np.float64)
        low[self.below], high[self.below], high[self.above] = -np.inf, value[self.below], np.inf
        return low, high


def read_buckets(lines: Lines, numbers: np.ndarray) -> tuple[np.ndarray, Buckets]:
    """Which of those lines, not the first of the block, are as wide as buckets and parted as these; and those."""
    may_be = lines.lengths(numbers) == _WIDE
    starts = lines.starts[numbers[may_be]]
    parted = lines.bytes[starts + _MIDDLE] == ord("|")
    may_be[may_be], starts = parted, starts[parted]
    sound, odd, below, above = np.zeros((4, len(starts)), bool)
    value, count = np.empty((2, len(starts)), np.int64)
    for at in range(0, len(starts), _SLAB):
        slab = slice(at, at + _SLAB)
        rows = _rows(lines.bytes, starts[slab])
        value[slab], odd[slab] = _labels(rows)
        count[slab], wrong = _counts(rows)
        sound[slab] = _drawn(rows) & ~wrong
    found = Buckets(sound, value, count, below, above)
    _read_odd(lines.bytes, starts, np.flatnonzero(odd), found)
    return may_be, found


def _rows(data: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """The words of _ROW, those of all lines side by side, with zeros in place of blanks."""
    rows = np.ndarray(max(0, len(data) - len(_ROW) + 1), f"V{len(_ROW)}", data, strides=(1,))[starts - _LINE]
    found = rows.view("<u8").reshape(len(starts), -1).T.copy()
    found ^= each(" ")
    return found


def _drawn(rows: np.ndarray) -> np.ndarray:
    """Which rows have a bar of blanks and @ alone, and blanks around it."""
    bars = rows & _DRAWN
    some = np.flatnonzero(np.bitwise_or.reduce(bars))
    sound = np.ones(rows.shape[1], bool)
    # "@" differs from a blank by 0x60.
    sound[some] = (bars[:, some] == (bars[:, some] & _THIRD) * np.uint64(3)).all(axis=0)
    return sound


def _labels(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The labels of up to eight digits, at their right end, and which are others."""
    eight = _eight(rows, _LINE + DIGITS)
    blanks = _blanks(eight)
    values, wrong = eight_decimals(((eight ^ _ZERO) >> blanks) << blanks)
    return values.view(np.int64), wrong | (blanks == 8 * DIGITS) | (_eight(rows, _LINE) != 0)


def _counts(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The counts, at the left end, and which are none."""
    eight = _eight(rows, _ROW.index("c"))
    blanks = _blanks(eight)
    values, wrong = eight_decimals((eight ^ _ZERO) << blanks)
    return values.view(np.int64), wrong | (blanks == 8 * DIGITS)


def _eight(rows: np.ndarray, place: int) -> np.ndarray:
    """The eight bytes from that place of _ROW on, of two words."""
    first, shift = place // 8, 8 * (place % 8)
    return (rows[first] >> np.uint64(shift)) | (rows[first + 1] << np.uint64(64 - shift))


def _blanks(eight: np.ndarray) -> np.ndarray:
    """How many bits of each word are in bytes of zero."""
    filled = ((eight & each("\x7f")) + each("\x7f") | eight) >> np.uint64(7) & each("\x01")
    return np.uint64(64) - (filled * each("\x08") >> np.uint64(56))


def _read_odd(data: np.ndarray, starts: np.ndarray, places: np.ndarray, buckets: Buckets) -> None:
    """Read the labels at some places that have more digits, or a sign before them."""
    begins, ends = starts[places], starts[places] + _LABEL
    blanks = (data[begins[:, None] + np.arange(_LABEL)] == ord(" ")).sum(axis=1)
    buckets.value[places], wrong = decimals(data, begins + blanks, ends)
    for place, end in zip(places[wrong].tolist(), ends[wrong].tolist(), strict=True):
        match = _OPEN_ENDED.fullmatch(bytes(data[end - _LABEL : end]).decode(errors="replace"))
        buckets.sound[place] &= match is not None
        if match:
            buckets.below[place], buckets.above[place] = match[1] == "<", match[1] == ">="
            buckets.value[place] = int(match[2])
