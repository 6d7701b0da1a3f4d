"""The live view of `vmtrace watch` on a terminal, in top(1)'s manners; without one, a line an interval."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Callable

from analyzer.format import visible
from analyzer.host.heartbeat import Heartbeat
from analyzer.host.live import Live
from analyzer.host.progress import Phase, Progress
from analyzer.host.status import Pace
from analyzer.host.view import Names, State, faults, line, page

# VT100 and after: no terminfo is needed for these, here or on the box.
_ENTER, _LEAVE = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l"
_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"


class Screen(Progress):
    """Draws `live` every `interval` seconds and at each message.

    Args:
        write: writes the log so far, gives what to say of it; None where there is nothing to write.
    """

    def __init__(
        self, live: Live, names: Names, box: str, interval: float, write: Callable[[], str] | None = None
    ) -> None:
        super().__init__()
        self._live, self._names, self._interval, self._write = live, names, interval, write
        self._box, self._script, self._notice = box, "", ""
        self._pace, self._heart, self._began = Pace(0.0), Heartbeat(), 0.0
        self._shown_at = 0.0
        self._tty = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        self._keys = self._tty and sys.stdin.isatty()
        self._cooked: list | None = None
        self._entered = False

    def trace(self, heart: Heartbeat, now: float) -> None:
        """Tracing has begun."""
        self._heart, self._began, self._pace = heart, now, Pace(now)

    def phase(self, phase: Phase, text: str) -> None:
        self._enter()
        self._phase, self._text = phase, text
        if phase is Phase.COMPILING:
            self._script = text
        if phase is not Phase.TRACING or self._tty:
            self.draw()
        if phase is Phase.TRACING:
            self._shown_at = time.monotonic()

    def tick(self) -> None:
        if self._phase is None:
            return
        if self._keys:
            self._heed_keys()
        if self._phase is Phase.TRACING and time.monotonic() - self._shown_at >= self._interval:
            self.draw()

    def say(self, message: str) -> None:
        self._notice = message
        if self._entered:
            self.draw()
        else:
            super().say(message)

    def end(self) -> None:
        if self._cooked is not None:
            termios.tcsetattr(sys.stdin, termios.TCSADRAIN, self._cooked)
            self._cooked = None
        if self._entered:
            _put(_LEAVE)
            self._entered = False
        self._phase = None

    def _enter(self) -> None:
        if self._tty and not self._entered:
            self._entered = True
            _put(_ENTER)
            if self._keys:
                self._cooked = termios.tcgetattr(sys.stdin)
                tty.setcbreak(sys.stdin)

    def _heed_keys(self) -> None:
        while select.select([sys.stdin], [], [], 0)[0]:
            key = os.read(sys.stdin.fileno(), 1)
            if key in (b"q", b""):
                self.quit = True
                return
            if key == b"w" and self._write is not None:
                self.say(self._write())

    def draw(self) -> None:
        """Draw it now."""
        now = time.monotonic()
        self._shown_at = now
        seconds = now - self._began if self._began else 0.0
        rate = self._pace(faults(self._live), now) if self._began else 0.0
        silent = self._heart.silent(now)
        keys = "q ends" + (", w writes the log" if self._write is not None else "")
        state = State(self._box, self._script, str(self._phase), seconds, rate, silent, self._notice, keys)
        if not self._entered:
            if self._phase is Phase.TRACING:
                _put(line(self._live, state) + "\n")
            else:
                super().say(f"{self._phase} {self._text}")
            return
        width, height = _size()
        lines = [visible(text)[: width - 1] for text in page(self._live, state, self._names)[: height - 1]]
        _put(_HOME + "".join(f"{text}{_REST_OF_LINE}\r\n" for text in lines) + _REST_OF_SCREEN)


def _size() -> tuple[int, int]:
    try:
        size = os.get_terminal_size(sys.stdout.fileno())
    except OSError:
        return 80, 24
    return size.columns or 80, size.lines or 24


def _put(text: str) -> None:
    with contextlib.suppress(OSError):  # the terminal has gone; the trace is ended all the same
        os.write(sys.stdout.fileno(), text.encode())
