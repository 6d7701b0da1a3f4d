"""The line of a running trace."""

from analyzer.host.heartbeat import Heartbeat
from analyzer.host.tally import Tally

_BEHIND = 2.0  # seconds of delay that are worth a word


class Pace:
    """Faults a second, over the last second or more."""

    def __init__(self, now: float) -> None:
        self._at, self._faults, self._rate = now, 0, 0.0

    def __call__(self, faults: int, now: float) -> float:
        if now - self._at >= 1:
            self._rate = (faults - self._faults) / (now - self._at)
            self._at, self._faults = now, faults
        return self._rate


def status(tally: Tally, heart: Heartbeat, pace: Pace, now: float) -> str:
    """The line of a running trace."""
    faults = tally.handled or tally.count("F")
    failures = sum(map(tally.failures, "FMA"))
    parts = [f"{faults:,} faults", f"{pace(faults, now):,.0f} a second", f"{failures:,} failures"]
    parts.append(f"{sum(tally.lost.values()):,} lost")
    if heart.beats:
        parts.append(f"last T {heart.silent(now):.0f} s ago")
    if heart.behind() > _BEHIND:
        parts.append(f"dtrace {heart.behind():.0f} s behind")
    return "  ".join(parts)
