"""What the simulator speaks of: releases, threads, probes that fire, faults, moves, events."""

from dataclasses import dataclass, field
from typing import NamedTuple

US, MS, SECOND = 1_000, 1_000_000, 1_000_000_000

# Results of the handler (KERN_*), and what a radix insert returns without a node (ENOMEM).
SUCCESS, INVALID_ADDRESS, PROTECTION_FAILURE, FAILURE, OUT_OF_BOUNDS = 0, 1, 2, 5, 9
NO_NODE = 12
CERTAIN, DOOMED = 0.0, 1.0  # chances of an insert to fail


@dataclass(frozen=True)
class Release:
    """What a release of FreeBSD does differently; facts 1.1, 2.1, 12.6, 13.1 to 13.4."""

    name: str
    osreldate: int
    allocates: str  # the function that a fault's page comes from

    @property
    def handler(self) -> str:
        return "vm_fault_hold" if self.osreldate < 1201517 else "vm_fault"

    @property
    def renames_in_faults(self) -> bool:
        """The copy-on-write optimisation allocates a node, and its error path is the bug of D4326."""
        return self.osreldate < 1100000

    @property
    def locks_fire(self) -> bool:
        """Uncontended object locks fire lockstat probes."""
        return self.osreldate >= 1100000

    @property
    def replace_returns(self) -> bool:
        """Later it ends in a jump to the free of the old page."""
        return self.osreldate < 1300000

    @property
    def inlines_inserts(self) -> bool:
        return self.osreldate >= 1500000

    @property
    def tables_apart(self) -> bool:
        """Page-table pages come from a function of their own; before, from the one that a fault's page comes from."""
        return self.osreldate >= 1302000

    @property
    def results(self) -> tuple[int, ...]:
        """What a fault may fail with."""
        bounds = (OUT_OF_BOUNDS,) if self.osreldate >= 1201517 else ()
        return (INVALID_ADDRESS, PROTECTION_FAILURE, FAILURE, *bounds)


RELEASES = {
    release.name: release
    for release in (
        Release("10.1", 1001000, "vm_page_alloc"),
        Release("11.0", 1100122, "vm_page_alloc"),
        Release("12.1", 1201000, "vm_page_alloc_after"),
        Release("12.4", 1204000, "vm_page_alloc_after"),
        Release("13.2", 1302001, "vm_page_alloc_after"),
        Release("15.0", 1500068, "vm_page_alloc_iter"),
    )
}


@dataclass(frozen=True, eq=False)
class Process:
    pid: int
    pgid: int
    execname: str
    top: int  # the object its threads share


@dataclass(frozen=True, eq=False)
class Thread:
    process: Process
    tid: int
    struct: int  # its struct thread: what a lock's owner is


class Firing(NamedTuple):
    """A probe fires `times` times in a row, on that CPU in that thread."""

    ts: int
    cpu: int
    thread: Thread
    probe: str
    args: tuple[int, ...]
    times: int


@dataclass(eq=False)
class Fault:
    """One run of the handler.

    Attributes:
        end: when it returned; None where it has not, or never does.
        steps: what it did: "zero", "copy", "asked pager", "pager", "rename", "replace", "alloc", "busy", "wait",
            "page table".
    """

    thread: Thread
    start: int
    va: int
    end: int | None = None
    rc: int = SUCCESS
    steps: set[str] = field(default_factory=set)
    lookups: int = 0
    inserts: int = 0
    insfails: int = 0


class Move(NamedTuple):
    thread: Thread
    start: int
    end: int
    function: str  # "rename" or "replace"
    rc: int
    fault: Fault | None


class Event(NamedTuple):
    """What a claim is about, once: `claim` is its key, `ts` when it is there to be seen."""

    claim: str
    ts: int
    thread: Thread | None
    fault: Fault | None
    function: str = ""


# The code that moves a page, by where it stands.
CALLERS = {1: "kernel`vm_fault+0x8c1", 2: "kernel`vm_object_collapse+0x437", 3: "kernel`vm_object_split+0x41e"}

# What processes may be called.
NAMES = (
    "sh", "cow", "cowmove", "dtrace", "sed", "python3.11", "two words", "tab\there", 'quote"d', "<b>bold</b>", "=1+1",
    "line\nfeed", "F",
)  # fmt: skip
