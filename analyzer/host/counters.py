"""The kernel's own counters: the ground truth that a trace is held against."""

from analyzer.errors import UnavailableError
from analyzer.host.box import Box
from analyzer.host.facts import Facts
from analyzer.host.held import Held

FAULTS = "vm.stats.vm.v_vm_faults"
COPIED_ON_WRITE = "vm.stats.vm.v_cow_faults"  # those that moved the page among them
MOVED_ON_WRITE = "vm.stats.vm.v_cow_optim"
ZERO_FILLED = "vm.stats.vm.v_zfod"  # those whose page was zero already among them
ZERO_ALREADY = "vm.stats.vm.v_ozfod"
WITH_INPUT = "vm.stats.vm.v_io_faults"
NODES_FAILED = "vm.uma.RADIX_NODE.stats.fails"
NODES_ASKED = "vm.uma.RADIX_NODE.stats.allocs"

NAMES = (
    FAULTS, COPIED_ON_WRITE, MOVED_ON_WRITE, ZERO_FILLED, ZERO_ALREADY, WITH_INPUT, NODES_FAILED, NODES_ASKED,
)  # fmt: skip

_ZONE_IN_SYSCTL = 1300000
_ZONE = "RADIX NODE:"  # of vmstat -z: SIZE LIMIT USED FREE REQ FAIL …


def command(facts: Facts) -> str:
    """The sh(1) that prints them, all by one sysctl(8); before 13.0 the zone's stand in vmstat(8) only."""
    names = " ".join(NAMES)
    if 0 < facts.osreldate < _ZONE_IN_SYSCTL:
        return f"sysctl {names}; exec vmstat -z"
    return f"exec sysctl {names}"


class Reading:
    """One reading of them, held until `take()`."""

    def __init__(self, box: Box, facts: Facts) -> None:
        self._box = box
        self._held = Held(box, command(facts))
        self.pids = self._held.pids

    def take(self) -> dict[str, int]:
        """The counters of this moment; those that the release has not are left out."""
        self._held.release()
        answer = self._held.answer()
        values = {}
        for line in answer.out.splitlines():
            name, _, value = line.partition(": ")
            if name in NAMES and value.strip().isdigit():
                values[name] = int(value)
            elif line.startswith(_ZONE):
                columns = line.removeprefix(_ZONE).split(",")
                values[NODES_FAILED], values[NODES_ASKED] = int(columns[5]), int(columns[4])
        if FAULTS not in values:
            raise UnavailableError(f"sysctl {FAULTS} cannot be read on {self._box.name}: {answer.complaint}")
        return values

    def cancel(self) -> None:
        """Never taken."""
        self._held.cancel()


def lines(when: str, values: dict[str, int]) -> bytes:
    """Directives of the log; `when` is "before" or "after", or "late": after the trace had ended by itself."""
    return "".join(f"#counter.{when}\t{name}\t{value}\n" for name, value in values.items()).encode()
