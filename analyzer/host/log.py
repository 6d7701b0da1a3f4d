"""What goes into the log, counted as it is written: nothing is told of a record that the log does not hold."""

from analyzer.errors import IoError
from analyzer.host.output import Output
from analyzer.host.tally import Tally


class Log:
    """The log of one recording; what comes before `begin()` waits for it.

    Attributes:
        failure: why nothing more can be written, None while it can.
        early: lines that wait.
    """

    def __init__(self, output: Output) -> None:
        self.tally = Tally()
        self.failure: IoError | None = None
        self.early: list[bytes] = []
        self._output = output
        self._begun = False

    def begin(self, header: bytes) -> None:
        """From now on lines are written; `header` goes before those that waited."""
        self._begun = True
        for data in (header, *self.early):
            self.lines(data)
        self.early.clear()

    def lines(self, data: bytes) -> None:
        """Whole lines; after a failure they are dropped, and not counted."""
        if not self._begun:
            self.early.append(data)
        elif self.failure is None:
            before = self._output.written
            try:
                self._output.write(data)
            except IoError as error:
                self.failure = error
            taken = data[: self._output.written - before]
            self.tally.lines(taken[: taken.rfind(b"\n") + 1])

    def host(self, key: str, *values: object) -> None:
        """A `#host.KEY` directive."""
        self.lines(("\t".join([f"#host.{key}", *map(str, values)]) + "\n").encode())
