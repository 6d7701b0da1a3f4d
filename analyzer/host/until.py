"""Until it happens: what ends a trace, and what is then run on the box, once."""

from dataclasses import dataclass

from analyzer.errors import VmtraceError
from analyzer.host.box import CALLERS_PATH, Box
from analyzer.host.live import Live
from analyzer.host.provenance import escaped


@dataclass(frozen=True)
class Until:
    """What ends a trace at its first occurrence.

    Attributes:
        text: as the user wrote it.
        kind: "imbalance", "double-free", "failed-insert", "result" or "slower".
        value: the KERN_* code, or ns.
    """

    text: str
    kind: str
    value: int = 0

    def met(self, live: Live) -> bool:
        """Whether it has happened."""
        if self.kind == "imbalance":
            return live.imbalances > 0
        if self.kind == "double-free":
            return live.double_frees > 0
        if self.kind == "failed-insert":
            return live.tally.count("A") > 0
        if self.kind == "result":
            return live.results[self.value] + live.recorded[self.value] > 0
        return live.longest > self.value


def run(box: Box, command: str) -> bytes:
    """Run `command` on the box, while tracing is on; what it printed, as lines of the log."""
    told = [f"#host.then.command\t{escaped(command)}"]
    try:
        answer = box.run(f"{CALLERS_PATH}\n{command}")
    except VmtraceError as error:
        return "\n".join([*told, f"#host.then.failed\t{escaped(str(error))}\n"]).encode()
    told += [f"#host.then\t{escaped(line)}" for line in (answer.out + answer.err).splitlines()]
    return "\n".join([*told, f"#host.then.status\t{answer.status}\n"]).encode()
