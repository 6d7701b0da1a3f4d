"""What the user sees while it runs, all on stderr: on a terminal one line that is redrawn, else a line a phase."""

import contextlib
import os
import sys
import time
from enum import StrEnum

from analyzer.format import visible
from analyzer.host.heartbeat import Heartbeat

_EVERY = 0.5  # seconds between two drawings


class Phase(StrEnum):
    """Where a recording stands."""

    COMPILING = "compiling"
    TRACING = "tracing"
    ENDING = "ending"


class Progress:
    """The one place that draws.

    Attributes:
        quit: whether the user has asked here for the end.
    """

    def __init__(self) -> None:
        self.quit = False
        self._terminal = sys.stderr.isatty()
        self._phase: Phase | None = None
        self._since = self._drawn_at = 0.0
        self._text = ""
        self._width = 0
        self._advised: set[str] = set()

    def phase(self, phase: Phase, text: str) -> None:
        """A phase begins; `text` says what of."""
        self._phase, self._since, self._drawn_at = phase, time.monotonic(), 0.0
        if self._terminal:
            self.show(text)
        else:
            self.say(f"{phase} {text}".rstrip())

    def trace(self, heart: Heartbeat, now: float) -> None:
        """Tracing has begun; this line is told what to show."""

    def show(self, text: str) -> None:
        """What the line says from now on."""
        self._text = text
        self.tick()

    def tick(self) -> None:
        """Draw the line again where it is time to."""
        now = time.monotonic()
        if not self._terminal or self._phase is None or now - self._drawn_at < _EVERY:
            return
        self._drawn_at = now
        line = f"{self._phase}  {now - self._since:.0f} s  {visible(self._text)}"[: _columns() - 1]
        self._width, width = len(line), self._width
        _print(f"\r{line}{' ' * (width - len(line))}")

    def end(self) -> None:
        """The last phase is over: nothing is drawn any more."""
        self._wipe()
        self._phase = None

    def say(self, message: str) -> None:
        """One message on a line of its own."""
        self._wipe()
        _print(f"vmtrace: {visible(message)}\n")
        self._drawn_at = 0.0
        self.tick()

    def lost(self, kind: str, count: int, advice: str) -> None:
        """dtrace lost something: what, and, the first time, what to do."""
        if kind not in self._advised or self._terminal:
            self.say(f"dtrace lost {count} {kind}" + ("" if kind in self._advised else f": {advice}"))
        self._advised.add(kind)

    def _wipe(self) -> None:
        if self._width:
            _print(f"\r{' ' * self._width}\r")
            self._width = 0


def _columns() -> int:
    try:
        return os.get_terminal_size(sys.stderr.fileno()).columns or 80
    except OSError:
        return 80


def _print(text: str) -> None:
    # After a hang-up the terminal is gone; the log must be ended all the same.  Unbuffered, so that nothing is left to
    # fail when Python ends.
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), text.encode())
