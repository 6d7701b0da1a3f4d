"""What is started before tracing, so that nothing is forked while it is on."""

from analyzer.host import counters
from analyzer.host.box import Box
from analyzer.host.command import HeldCommand
from analyzer.host.facts import Facts
from analyzer.host.failpoint import FailPoint, Guard


class Helpers:
    """COMMAND, the fail point's guard and the two readings of the counters, all held.

    Attributes:
        command, guard: None where none is asked for.
    """

    def __init__(
        self, box: Box, facts: Facts, command: list[str], point: FailPoint | None, *, output_to_stderr: bool
    ) -> None:
        self.command: HeldCommand | None = None
        self.guard: Guard | None = None
        self._readings: list[counters.Reading] = []
        try:
            if command:
                self.command = HeldCommand(box, command, output_to_stderr=output_to_stderr)
            if point:
                self.guard = Guard(box, point, self.command.group if self.command else 0)
            for _ in ("before", "after"):
                self._readings.append(counters.Reading(box, facts))
        except BaseException:
            self.cancel()
            raise

    @property
    def before(self) -> counters.Reading:
        return self._readings[0]

    @property
    def after(self) -> counters.Reading:
        return self._readings[1]

    @property
    def pids(self) -> list[int]:
        """Their processes on the box."""
        found = [self.command.group] if self.command else []
        found += self.guard.pids if self.guard else []
        for reading in self._readings:
            found += reading.pids
        return found

    def cancel(self) -> None:
        """Tracing never began: end them all."""
        if self.command:
            self.command.cancel()
        if self.guard:
            self.guard.disarm()
        for reading in self._readings:
            reading.cancel()
