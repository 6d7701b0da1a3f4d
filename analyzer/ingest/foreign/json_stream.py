r"""dtrace's JSON as it comes: the elements of its lists, and all that other hands wrote between and into them.

libxo escapes `"`, `\`, newline and return, and no other character: a string with a raw tab is dtrace's, a raw newline
in one is not.  What stands in a file that both streams went to may be broken by a message of dtrace at any byte.
"""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from itertools import chain
from typing import Any, NamedTuple

_MOST = 1 << 24  # characters that are waited for the end of one element
_WINDOW = 1 << 20  # characters of an element in which messages are looked for
_HEAD_SIZE = 200

HEAD = re.compile(r'\{(?:\s*"__version"\s*:\s*"[^"]*"\s*,)?(?:\s*"dtrace"\s*:\s*\{)?\s*"probes"\s*:\s*\[')
FIRING = re.compile(r'\{\s*"(?:timestamp"\s*:\s*\d+\s*,\s*"cpu|cpu"\s*:\s*-?\d+\s*,\s*"id)"\s*:')
# With -O the rows of aggregations are elements themselves; printa() puts rows that look the same into an element.
ELEMENT = re.compile(rf'{FIRING.pattern}|\{{\s*"keys"\s*:\s*\[')
_MESSAGE = re.compile(r"dtrace: (?:(?!dtrace: )[^\n])*\n")
_BETWEEN = re.compile(r"[\s,]*")
_CLOSING = re.compile(r"[\s}\]]*")
_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*(["\n]|$)')


class Piece(NamedTuple):
    """One thing in the stream.

    Attributes:
        kind: "element", "text" (a line of a message or of another program), "broken" (an element that is no JSON)
            or "cut" (the text ends, or begins, where it should not).
        at: how many characters stand before it.
        text: as it stands, an element without the messages in it; of "cut" what is wrong.
        element: the value of an element.
        messages: lines of dtrace that stood in an element.
    """

    kind: str
    at: int
    text: str
    element: dict | None = None
    messages: tuple[str, ...] = ()


class Twins(list):
    """The values of a name that stands several times in one object: printa(@a, @b) makes such."""


def with_twins(text: str) -> dict:
    """The value of an element, of names that come again Twins."""
    return _encodable(json.JSONDecoder(strict=False, object_pairs_hook=_paired).decode(text), text)


def _encodable(value: Any, text: str) -> Any:
    """A value of which half a surrogate pair stays as it was written: no table can hold it."""
    if "\\u" not in text:
        return value
    if isinstance(value, dict):
        return {_encodable(name, text): _encodable(each, text) for name, each in value.items()}
    if isinstance(value, list):
        return type(value)(_encodable(each, text) for each in value)
    return value.encode(errors="backslashreplace").decode() if isinstance(value, str) else value


def _paired(pairs: list[tuple[str, object]]) -> dict:
    found: dict[str, Any] = {}
    for name, value in pairs:
        if isinstance(found.get(name), Twins):
            found[name].append(value)
        else:
            found[name] = Twins([found[name], value]) if name in found else value
    return found


def pieces(chunks: Iterable[bytes]) -> Iterator[Piece]:
    """All that a file holds, in its order, each as soon as its end has come."""
    stream = _Stream()
    for chunk in chain(chunks, [None]):
        stream.feed(chunk)
        while (piece := stream.next()) is not None:
            yield piece


class _Stream:
    """The text that is not yet given back."""

    def __init__(self) -> None:
        self._decode = getincrementaldecoder("utf-8")(errors="backslashreplace").decode
        self._json = json.JSONDecoder(strict=False)
        self._text = ""
        self._place = 0  # where in _text reading goes on
        self._before = 0  # characters that stood before _text
        self._inside = False  # of a list of probes
        self._lists = 0
        self._final = False

    def feed(self, chunk: bytes | None) -> None:
        """More of the text; None: there is no more."""
        self._final = chunk is None
        self._before += self._place
        self._text = self._text[self._place :] + self._decode(chunk or b"", self._final)
        self._place = 0

    def next(self) -> Piece | None:
        """The next piece; None where more text is needed, or none is left."""
        while True:
            blank = _BETWEEN if self._inside else _CLOSING
            if found := blank.match(self._text, self._place):  # even nothing between them is a match
                self._place = found.end()
            if self._place == len(self._text):
                return self._ended() if self._final else None
            if self._inside and self._text[self._place] == "]":
                self._inside = False
                self._place += 1
                continue
            if self._inside and self._text[self._place] == "{":
                return self._element()
            start = self._start()
            if start is not None and start.start() == self._place:
                begun, self._inside = self._lists, True
                self._lists += 1
                if start.re is HEAD:
                    self._place = start.end()
                    continue
                if begun == 0:
                    return Piece("cut", self._before, "the beginning of the list of probes is missing")
                continue
            return self._line(len(self._text) if start is None else start.start(), start is None)

    def _start(self) -> re.Match | None:
        """The first list or element on this line."""
        newline = self._text.find("\n", self._place)
        limit = len(self._text) if newline < 0 else newline + _HEAD_SIZE
        found = [sign.search(self._text, self._place, limit) for sign in (HEAD, ELEMENT)]
        return min((match for match in found if match), key=lambda match: match.start(), default=None)

    def _line(self, end: int, ask: bool) -> Piece | None:
        """A line, or what stands before `end` on it, as text."""
        newline = self._text.find("\n", self._place, end)
        brace = self._text.find("{", self._place, end if newline < 0 else newline)
        if ask and not self._final:
            if newline < 0 and len(self._text) - self._place < _MOST:
                return None
            if brace >= 0 and len(self._text) - brace < _HEAD_SIZE:  # the head of a list may have come in part
                return None
        return self._taken("text", end if newline < 0 else newline + 1)

    def _element(self) -> Piece | None:
        try:
            element, end = self._json.raw_decode(self._text, self._place)
            if not _joined(self._text[self._place : end]):
                return self._taken("element", end, element)
        except (ValueError, RecursionError):
            end = 0
        # What is wrong is decided with as much of the text as ever: where a chunk ends changes nothing.
        if not self._final and len(self._text) - self._place < _WINDOW:
            return None
        if piece := self._without_messages():
            return piece
        if end:
            return self._taken("broken", end)
        sign = FIRING if FIRING.match(self._text, self._place) else ELEMENT
        following = sign.search(self._text, self._place + 1)
        if following:
            return self._taken("broken", following.start())
        if not self._final and len(self._text) - self._place < _MOST:
            return None
        return self._taken("broken", len(self._text))

    def _without_messages(self) -> Piece | None:
        """The element without the messages that stand in it; None where that makes no JSON either."""
        window = self._text[self._place : self._place + _WINDOW]
        kept, at, messages = "", 0, []
        for message in _MESSAGE.finditer(window):
            kept += window[at : message.start()]
            at = message.end()
            messages.append(message[0])
            text = kept + window[at:]
            try:
                element, end = self._json.raw_decode(text)
            except (ValueError, RecursionError):
                continue
            if not _joined(text[:end]):
                element = _encodable(element, text[:end])
                piece = Piece("element", self._before + self._place, text[:end], element, tuple(messages))
                self._place += end + sum(map(len, messages))
                return piece
        return None

    def _ended(self) -> Piece | None:
        if self._inside or not self._lists:
            self._inside, self._lists = False, self._lists + 1
            words = "the list of probes has no end" if self._lists > 1 else "no list of probes"
            return Piece("cut", self._before + self._place, words)
        return None

    def _taken(self, kind: str, end: int, element: dict | None = None) -> Piece:
        text = self._text[self._place : end]
        piece = Piece(kind, self._before + self._place, text, element and _encodable(element, text))
        self._place = end
        return piece


def _joined(text: str) -> bool:
    """Whether a string of some JSON holds a newline: what stands there is not of one hand."""
    return "\n" in text and any(string[1] == "\n" for string in _STRING.finditer(text))
