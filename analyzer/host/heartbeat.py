"""Whether the kernel still traces: a script prints a T line each second, and only their silence tells that it stopped.

On a busy box the kernel's deadman ends tracing and says nothing; dtrace goes on waiting (facts sheet 13.9).
"""

import re

from analyzer.host import limits

_BEAT = re.compile(rb"^T\t(\d+)$", re.MULTILINE)
_DECLARED = b"#fields\tT\t"
_SECOND = 1_000_000_000


class Heartbeat:
    """The T lines of a trace, as they arrive.

    Attributes:
        beats: whether the script prints them.
    """

    def __init__(self) -> None:
        self.beats = False
        self._beat = self._heard = 0.0  # when the last T line and the last line of any kind came
        self._last = 0  # ns, the last T
        self._offset: float | None = None  # the least that arrival was behind the T that arrived

    def begin(self, now: float) -> None:
        """From now (s, monotonic) on T lines are due."""
        self._beat = self._heard = now

    def lines(self, data: bytes, now: float) -> None:
        """Lines of dtrace's standard output that arrive `now` (s, monotonic)."""
        self._heard = now
        self.beats = self.beats or _DECLARED in data
        beats = _BEAT.findall(data)
        if beats:
            self._beat, self._last = now, int(beats[-1])
            behind = now - self._last / _SECOND
            self._offset = behind if self._offset is None else min(self._offset, behind)

    def silent(self, now: float) -> float:
        """Seconds since the last T line; 0 where the script prints none."""
        return now - self._beat if self.beats else 0.0

    def behind(self) -> float:
        """By how many seconds what arrives is older than what arrived soonest: dtrace has not kept up."""
        return self._beat - self._last / _SECOND - self._offset if self._offset is not None else 0.0

    def stopped(self, now: float) -> bool:
        """Whether nothing at all has come for so long that the kernel must have ended tracing."""
        return self.silent(now) > limits.STOPPED and now - self._heard > limits.STOPPED
