"""Loops over the bytes of a block, compiled by numba: what bulk.py does elsewhere with a chain of numpy's calls.

A word is eight bytes of which the first stands lowest, as in digits.py; the same arithmetic is on one word here.
All integers of the arithmetic are numpy's uint64: numba makes doubles of a mixture.
"""

import numpy as np
from numba import njit

from analyzer.ingest.digits import DECIMALS, HEXADECIMALS, each

TEXT, DECIMAL, HEXADECIMAL = range(3)  # what a piece of a line is
_ONES, _SIGNS, _OTHERS = each("\x01"), each("\x80"), each("\x7f")
_ZEROS, _TABS = each("0"), each("\t")
_UP_TO_TEN = each("\x76")  # added to ten or more it gives a byte its highest bit
_NEWLINE = np.uint8(ord("\n"))
_TAB = np.uint8(ord("\t"))
_ONE, _EIGHT = np.uint64(1), np.uint64(8)
_SIXTEENS, _LETTERS = each("\x70"), np.uint64(0x47)  # "a" is 0x51 less "0", and ten
_PREFIX = np.uint64(int.from_bytes(b"0x", "little"))
_PRIME = np.uint64(0x9E3779B97F4A7C15)
_TENS = np.array([10**digits for digits in range(9)], np.uint64)

_compiled = njit(nogil=True, cache=True)


@_compiled
def split(data, words, begins, ends, kinds, widths, seed, numbers, codes, spans, counts, sure):  # type: ignore[no-untyped-def]
    """Lines split into pieces: numbers, and texts told apart.

    Args:
        data, words: the block, and its words that begin at each byte, up to the end of the last line at least.
        begins, ends: of each line the offset of the TAB before its first piece, and of its newline.
        kinds, widths: of each piece what it is, and how many columns it has.
        seed: of the hashes, uint64; what the author of a log cannot know.
        numbers: int64, by piece that is a number, then by line: what it says.
        codes: int32, by piece that is a text, then by line: which of the different texts.
        spans: int64, by piece that is a text, then by text: offset of the TAB before it, and where it ends.
        counts: int64, by piece that is a text: how many different ones; 0 when called.
        sure: bool, by line: whether it has all of its pieces, and its numbers fit into 64 bits.

    The last five are written to; of lines that `sure` denies not all of it.
    """
    size = 1
    while size < 2 * len(begins):
        size *= 2
    slots = np.zeros((len(codes), size), np.int32)  # code + 1, where the hash says; untouched memory costs nothing
    before = np.zeros(len(codes), np.int64)  # the code that the line before has
    last = len(kinds) - 1
    for line in range(len(begins)):
        place, end = begins[line], ends[line]
        number = text = 0
        good = True
        for piece in range(len(kinds)):
            begin = place
            if kinds[piece] == TEXT:
                code = before[text]  # most have what the line before had
                length = spans[text, code, 1] - spans[text, code, 0]
                place = begin + length
                if not (
                    counts[text]
                    and place <= end
                    and data[place] == (_NEWLINE if piece == last else _TAB)
                    and _same(words, spans[text, code, 0], begin, length)
                ):
                    place, mixed = _text(words, begin + 1, end, 0 if piece == last else widths[piece], seed)
                    code = _code(words, text, begin, place, mixed, slots, spans, counts)
                    before[text] = code
                codes[text, line] = code
                text += 1
            else:
                if kinds[piece] == DECIMAL:
                    place, value, good = _decimal(words, begin + 1)
                else:
                    place, value, good = _hexadecimal(words, begin + 1)
                numbers[number, line] = np.int64(value)
                number += 1
            if place != end if piece == last else data[place] != _TAB:
                good = False
            if not good:
                break
        sure[line] = good


@_compiled
def _text(words, place, end, width, mixed):  # type: ignore[no-untyped-def]
    """Where a text of `width` columns ends that begins at `place`, or the rest of the line if it is 0; its hash."""
    while True:
        word = _word(words, place)
        inside = min(end - place, 8)
        if inside < 8:
            word &= _first(inside)
        if width > 0:
            # Exact in every byte: no sum of seven bits runs over into the next.
            differ = word ^ _TABS
            tabs = ~(((differ & _OTHERS) + _OTHERS) | differ | _OTHERS)
            while tabs and width > 1:
                tabs &= tabs - _ONE
                width -= 1
            if tabs:
                inside = _below(tabs)
                word &= _first(inside)
        mixed = (mixed ^ word) * _PRIME
        mixed ^= mixed >> np.uint64(32)
        place += inside
        if inside < 8:
            return place, mixed


@_compiled
def _code(words, text, begin, end, mixed, slots, spans, counts):  # type: ignore[no-untyped-def]
    """Which of the different texts that one is; a new one is added to them."""
    most = slots.shape[1] - 1
    slot = np.int64(mixed) & most
    while True:
        code = slots[text, slot] - 1
        if code < 0:
            code = counts[text]
            counts[text] += 1
            slots[text, slot] = code + 1
            spans[text, code, 0], spans[text, code, 1] = begin, end
            return code
        first = spans[text, code, 0]
        if spans[text, code, 1] - first == end - begin and _same(words, first, begin, end - begin):
            return code
        slot = (slot + 1) & most


@_compiled
def _same(words, one, other, length):  # type: ignore[no-untyped-def]
    """Whether so many bytes are the same at two places."""
    for at in range(0, length, 8):
        differ = _word(words, one + at) ^ _word(words, other + at)
        if length - at < 8:
            differ &= _first(length - at)
        if differ:
            return False
    return True


@_compiled
def _decimal(words, place):  # type: ignore[no-untyped-def]
    """Where a number of decimal digits ends that begins at `place`, what it says, and whether it is sure."""
    value, digits, count = np.uint64(0), 0, 8
    while count == 8 and digits <= DECIMALS:
        word = _word(words, place) ^ _ZEROS
        others = ((word + _UP_TO_TEN) | word) & _SIGNS  # above the lowest a carry may have marked more
        count = _below(others) if others else 8
        if count:
            word <<= _EIGHT * np.uint64(8 - count)
            word = (word * np.uint64(1 + (10 << 8))) >> np.uint64(8) & np.uint64(0x00FF00FF00FF00FF)
            word = (word * np.uint64(1 + (100 << 16))) >> np.uint64(16) & np.uint64(0x0000FFFF0000FFFF)
            word = (word * np.uint64(1 + (10_000 << 32))) >> np.uint64(32)
            value = value * _TENS[count] + word
        place += count
        digits += count
    return place, value, 0 < digits <= DECIMALS


@_compiled
def _hexadecimal(words, place):  # type: ignore[no-untyped-def]
    """Where a number like 0x1f ends that begins at `place`, what it says, and whether it is sure."""
    if _word(words, place) & np.uint64(0xFFFF) != _PREFIX:
        return place, np.uint64(0), False
    place += 2
    value, digits, count = np.uint64(0), 0, 8
    while count == 8 and digits <= HEXADECIMALS:
        word = _word(words, place) ^ _ZEROS
        letters = (word >> np.uint64(6)) & _ONES
        word -= letters * _LETTERS
        others = ((word + _UP_TO_TEN) ^ (letters << np.uint64(7))) & _SIGNS
        others |= (((word & _SIXTEENS) + _SIXTEENS) | word) & _SIGNS
        count = _below(others) if others else 8
        if count:
            word <<= _EIGHT * np.uint64(8 - count)
            word = (word << np.uint64(4) | word >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
            word = (word << np.uint64(8) | word >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
            word = (word << np.uint64(16) | word >> np.uint64(32)) & np.uint64(0xFFFFFFFF)
            value = (value << np.uint64(4 * count)) | word
        place += count
        digits += count
    return place, value, 0 < digits <= HEXADECIMALS


@_compiled
def _word(words, place):  # type: ignore[no-untyped-def]
    return words[np.uintp(place)]  # of a number with a sign numba asks first whether it counts from the end


@_compiled
def _below(marks):  # type: ignore[no-untyped-def]
    """How many bytes stand below the lowest one whose highest bit is set."""
    return np.int64((((marks - _ONE) & ~marks & _ONES) * _ONES) >> np.uint64(56)) - 1


@_compiled
def _first(count):  # type: ignore[no-untyped-def]
    """The mask of so many bytes, fewer than eight."""
    return (_ONE << (_EIGHT * np.uint64(count))) - _ONE
