"""^C, SIGTERM and SIGHUP as requests to end, not as interruptions."""

import signal
from typing import Any


class Signals:
    """Within it, signals are noted in `received`; the second one means: at once.

    A hang-up that was ignored before (nohup) stays so.  SIGINT is taken also where a shell started vmtrace in the
    background with it ignored: what runs under vmtrace is then not deaf to it either.
    """

    def __init__(self) -> None:
        self.received: list[signal.Signals] = []
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Signals":
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            if number == signal.SIGHUP and signal.getsignal(number) == signal.SIG_IGN:
                continue
            self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _note(self, number: int, _: object) -> None:
        self.received.append(signal.Signals(number))

    def asked(self) -> bool:
        """Whether the trace is to end."""
        return bool(self.received)

    def hurried(self) -> bool:
        """Whether it is to end at once."""
        return len(self.received) > 1
