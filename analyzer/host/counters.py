"""The kernel's own counters: the ground truth that a trace is held against."""

from analyzer.errors import UnavailableError
from analyzer.host.box import Box

FAULTS = "vm.stats.vm.v_vm_faults"
COPIED_ON_WRITE = "vm.stats.vm.v_cow_faults"  # those that moved the page among them
MOVED_ON_WRITE = "vm.stats.vm.v_cow_optim"
ZERO_FILLED = "vm.stats.vm.v_zfod"  # those whose page was zero already among them
ZERO_ALREADY = "vm.stats.vm.v_ozfod"
WITH_INPUT = "vm.stats.vm.v_io_faults"
NODES_FAILED = "vm.uma.RADIX_NODE.stats.fails"  # 13.0 and later
NODES_ASKED = "vm.uma.RADIX_NODE.stats.allocs"

NAMES = (
    FAULTS, COPIED_ON_WRITE, MOVED_ON_WRITE, ZERO_FILLED, ZERO_ALREADY, WITH_INPUT, NODES_FAILED, NODES_ASKED,
)  # fmt: skip


def read(box: Box) -> dict[str, int]:
    """The counters of this moment, all by one sysctl(8); those that the release has not are left out."""
    answer = box.run("sysctl " + " ".join(NAMES))
    pairs = (line.split(": ", 1) for line in answer.out.splitlines() if ": " in line)
    values = {name: int(value) for name, value in pairs if name in NAMES and value.strip().isdigit()}
    if FAULTS not in values:
        raise UnavailableError(f"sysctl {FAULTS} cannot be read on {box.name}: {answer.complaint}")
    return values


def lines(when: str, values: dict[str, int]) -> bytes:
    """Directives of the log; `when` is "before" or "after"."""
    return "".join(f"#counter.{when}\t{name}\t{value}\n" for name, value in values.items()).encode()
