"""What dtrace and the machine do to a trace: each loss is one setting, and they compose."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from .dtrace import SWITCH, Abandoned, Program, Record
from .kernel import Kernel
from .world import MS, SECOND, Firing

STATUS = SECOND  # how often dtrace says what was lost
_ENDS = {
    "deadman": "dtrace: couldn't stop tracing: Invalid argument",
    "aborted": "dtrace: processing aborted: Abort due to systemic unresponsiveness",
}


@dataclass(frozen=True)
class Losses:
    """What is lost; the default loses nothing.

    Attributes:
        full: (CPU, from, to) in ns: its buffer is full, and every clause that would run there is skipped.
        starved: the chance that a new thread-local gets no memory.
        uncounted: the chance that an aggregation does not take a value.
        death: (what, when): "deadman", "aborted" or "killed".
        unread: ns: how much of each CPU's last records were not read at its death.
        cut: the share of the bytes that is left.
        disorder: within a switch interval, the records of one CPU stand before those of the next.
        ahead: ns: how much later than its T line a second's counts are taken.
        joined: dtrace's messages stand behind the trace, not where they were said.
        counters: whether the collector read the kernel's counters.
    """

    full: tuple[tuple[int, int, int], ...] = ()
    starved: float = 0.0
    uncounted: float = 0.0
    death: tuple[str, int] | None = None
    unread: tuple[int, ...] = ()
    cut: float | None = None
    disorder: bool = False
    ahead: int = 0
    joined: bool = False
    counters: bool = True

    @property
    def harm(self) -> str:
        """What it may cost, in a word each; "" where the trace is whole."""
        words = {
            "drops": self.full,
            "dynamic": self.starved,
            "aggregation": self.uncounted,
            self.death[0] if self.death else "": self.death,
            "cut": self.cut is not None,
        }
        return "+".join(word for word, there in words.items() if there)


class Damage:
    """The losses of one run, as they come."""

    def __init__(self, losses: Losses, random: Random) -> None:
        self.losses = losses
        self._random = random
        self._now = 0
        self._dropped: dict[tuple[int, int], int] = {}
        self._said: list[tuple[int, str]] = []
        self._starved: list[int] = []
        self._uncounted: dict[int, list[int]] = {}

    @property
    def allocate(self) -> Callable[[], None] | None:
        """Takes memory for a thread-local, or ends the clause."""
        return self._allocate if self.losses.starved else None

    def _allocate(self) -> None:
        if self._random.random() < self.losses.starved:
            self._starved.append(self._now)
            raise Abandoned

    def skips(self, ts: int, cpu: int, times: int = 1) -> bool:
        """Whether that CPU's buffer is full."""
        self._now = ts
        for place, start, end in self.losses.full:
            if place == cpu and start <= ts < end:
                self._dropped[cpu, end] = self._dropped.get((cpu, end), 0) + times
                return True
        return False

    def fails(self, probe: str) -> None:
        """A clause meets an address that is not valid."""
        self._said.append(
            (self._now, f"dtrace: error on enabled probe ID 17 (ID 21928: {probe}): invalid address (0x0) in action #3")
        )
        raise Abandoned

    def keeps_update(self, firing: Firing) -> bool:
        if self.losses.uncounted and self._random.random() < self.losses.uncounted:
            self._uncounted.setdefault(firing.cpu, []).append(firing.ts)
            return False
        return True

    def counted_up_to(self, ts: int) -> int:
        """Which calls the counts hold that are printed for the tick at `ts`."""
        return ts + (self._random.randrange(self.losses.ahead) if self.losses.ahead else 0)

    def messages(self) -> list[tuple[int, str]]:
        """What dtrace says, and when."""
        said = list(self._said)
        for (cpu, end), number in self._dropped.items():
            said.append((_status(end), f"dtrace: {number} drop{'s' * (number > 1)} on CPU {cpu}"))
        if self._starved:
            number = len(self._starved)
            said.append((_status(max(self._starved)), f"dtrace: {number} dynamic variable drop{'s' * (number > 1)}"))
        for cpu, times in self._uncounted.items():
            number = len(times)
            said.append((_status(max(times)), f"dtrace: {number} aggregation drop{'s' * (number > 1)} on CPU {cpu}"))
        return sorted(said)


def _status(ts: int) -> int:
    """When it is said what was lost at `ts`."""
    return (ts // STATUS + 1) * STATUS


def written(program: Program, damage: Damage, random: Random) -> bytes:
    """The log that is left."""
    losses, kernel = damage.losses, program.kernel
    records = program.run()
    what, death = losses.death or ("", kernel.end)
    if kernel.panicked is not None and death >= kernel.panicked:
        what, death = "panic", kernel.panicked
    # Whoever lives to END says all that was lost.
    said = [(min(ts, kernel.end), text) for ts, text in damage.messages() if not what or ts <= death]
    if what:
        records = [record for record in records if record.ts <= death - losses.unread[record.cpu]]
    if what in _ENDS:
        said.append((kernel.end + 1, _ENDS[what]))
    sizes = _sizes(losses)
    if not losses.joined:
        records += [Record(ts, -1, text + "\n") for ts, text in said]
    records.sort(key=lambda record: (record.ts // SWITCH, record.cpu, record.ts) if losses.disorder else record.ts)
    before, after = _counters(kernel, what, random) if losses.counters else ("", "")
    text = before + sizes + program.head() + "".join(record.text for record in records)
    if what != "panic":
        if losses.joined:
            text += "\n" + "".join(f"{message}\n" for _, message in said)
        text += after
    data = text.encode()
    return data if losses.cut is None else data[: int(len(data) * losses.cut)]


def _sizes(losses: Losses) -> str:
    """What dtrace says before it begins.  Logs as short as these lose something only where there is little room."""
    text = f"dtrace: buffer size lowered to {'4k' if losses.full else '4m'}\n"
    return text + ("dtrace: dynamic variable size lowered to 8k\n" if losses.starved else "")


def _counters(kernel: Kernel, what: str, random: Random) -> tuple[str, str]:
    """The kernel's own counters: read a little after tracing began, and before it ended, or after it died."""
    names = [f"vm.stats.vm.v_{name}" for name in ("vm_faults", "cow_faults", "cow_optim", "zfod", "io_faults")]
    if kernel.release.osreldate >= 1300000:
        names += [f"vm.uma.RADIX_NODE.stats.{name}" for name in ("fails", "allocs")]
    start = kernel.begin + random.randrange(20 * MS)
    stop = kernel.end if what else kernel.end - random.randrange(20 * MS)
    before, after = "", ""
    for name in names:
        base = random.randrange(100000)
        grown = sum(start <= ts < stop for ts in kernel.counted.get(name, ()))
        before += f"#counter.before\t{name}\t{base}\n"
        after += f"#counter.after\t{name}\t{base + grown}\n"
    return before, after
