"""What the user sees while it runs: one line on a terminal, messages everywhere; all on stderr."""

import contextlib
import os
import sys
import time

from analyzer.host.tally import Tally

_EVERY = 0.5  # seconds


class Progress:
    """Messages, and a line that is drawn over itself when stderr is a terminal."""

    def __init__(self) -> None:
        self._terminal = sys.stderr.isatty()
        self._drawn_at = 0.0
        self._width = 0
        self._advised: set[str] = set()

    def say(self, message: str) -> None:
        """One message on a line of its own."""
        self._wipe()
        _print(f"vmtrace: {message}\n")

    def lost(self, kind: str, count: int, advice: str) -> None:
        """dtrace lost something: what, and, the first time, what to do."""
        if kind not in self._advised or self._terminal:
            self.say(f"dtrace lost {count} {kind}" + ("" if kind in self._advised else f": {advice}"))
        self._advised.add(kind)

    def draw(self, seconds: float, tally: Tally) -> None:
        """The line of a running trace."""
        now = time.monotonic()
        if not self._terminal or now - self._drawn_at < _EVERY:
            return
        self._drawn_at = now
        line = (
            f"{seconds:.0f} s  {sum(tally.records.values()):,} records  {sum(tally.failures.values()):,} failures  "
            f"{tally.lost['records']:,} drops"
        )
        self._width, width = len(line), self._width
        _print(f"\r{line}{' ' * (width - len(line))}")

    def _wipe(self) -> None:
        if self._width:
            _print(f"\r{' ' * self._width}\r")
            self._width = 0


def _print(text: str) -> None:
    # After a hang-up the terminal is gone; the log must be ended all the same.  Unbuffered, so that nothing is left to
    # fail when Python ends.
    with contextlib.suppress(OSError):
        os.write(sys.stderr.fileno(), text.encode())
