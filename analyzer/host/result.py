"""What came of a recording."""

from dataclasses import dataclass, field

from analyzer.errors import TemporaryError, VmtraceError
from analyzer.host.tally import Tally


class EndedEarlyError(TemporaryError):
    """The user ended the recording before it had begun."""


@dataclass
class Result:
    """What came of it.

    Attributes:
        tally: of what was written.
        seconds: from the first line to the end.
        growth: growth of the kernel's counters; empty where they could not be read.
        window: seconds between the two readings.
        hit: whether what `until` asks for has happened.
        late: whether the second reading came after the trace had ended by itself.
        stopped: whether the kernel ended tracing before it was told to.
        status: exit status of COMMAND, None without one.
        signalled: whether a signal asked for the end.
        stopped_by: the signal that ended the trace at once, or None.
        failure: what went wrong, None if nothing.
    """

    tally: Tally
    seconds: float
    growth: dict[str, int] = field(default_factory=dict)
    window: float = 0.0
    hit: bool = False
    late: bool = False
    stopped: bool = False
    status: int | None = None
    signalled: bool = False
    stopped_by: int | None = None
    failure: VmtraceError | None = None
