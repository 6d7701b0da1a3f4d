"""dtrace: clauses that run when probes fire, thread-locals, aggregations, and what libdtrace prints of them.

A script (recording.py, counting.py) is a Program; what befalls it while it runs is a Damage (losses.py).
"""

from collections.abc import Callable, Iterator
from typing import ClassVar, NamedTuple

from .kernel import Kernel
from .world import MS, SECOND, Firing, Process, Thread

SWITCH = 50 * MS  # how often the consumer takes the CPUs' buffers
_BITS = "0x1\tpager\t0x2\tzero\t0x4\tcopy\t0x8\trename\t0x10\treplace\t0x20\talloc\t0x40\tbusy\t0x80\twait"


class Abandoned(Exception):
    """A clause ended in its middle: a variable got no memory, or an address was not valid."""


class Locals(dict):
    """The thread-locals of one thread: 0 where never set; the first setting of each takes memory."""

    def __init__(self, allocate: Callable[[], None] | None) -> None:
        super().__init__()
        self._allocate = allocate

    def __missing__(self, name: str) -> int:
        return 0

    def __setitem__(self, name: str, value: int) -> None:
        if self._allocate is not None and name not in self:
            self._allocate()
        super().__setitem__(name, value)


class Narrowing(NamedTuple):
    """The script's arguments, or for vmevents the target of -c; 0 and "" let everything pass."""

    pid: int = 0
    execname: str = ""
    pgid: int = 0
    target: int = 0

    def __bool__(self) -> bool:
        return self != Narrowing()

    def wants(self, process: Process) -> bool:
        return (
            self.pid in (0, process.pid)
            and self.execname in ("", process.execname)
            and self.pgid in (0, process.pgid)
            and self.target in (0, process.pid)
        )

    def lines(self) -> Iterator[str]:
        if self.pid:
            yield f"#host.filter\tpid\t{self.pid}\n"
        if self.execname:
            yield f"#host.filter\texec\t{quoted(self.execname)}\n"
        if self.pgid:
            yield f"#host.filter\tpgid\t{self.pgid}\n"


class Record(NamedTuple):
    """What a clause printed, and where and when."""

    ts: int
    cpu: int
    text: str


class Update(NamedTuple):
    """One value for one key of an aggregation."""

    ts: int
    key: tuple
    value: int


Clause = Callable[["Program", Firing, Locals], None]


def on(*probes: str) -> Callable[[Clause], Clause]:
    """The clause of these probes."""

    def mark(clause: Clause) -> Clause:
        clause.probes = probes
        return clause

    return mark


class Program:
    """A script at work.

    Attributes:
        name, edition: of the script.
        bits: whether it says what path bits mean.
        clocked: whether it prints T and C lines every second.
        fields: its #fields lines, by tag.
        records: what it printed so far; `updates`: by aggregation, what it counted.
    """

    name = ""
    edition = 1
    bits = True
    clocked = True
    fields: ClassVar[dict[str, str]] = {}

    def __init__(self, kernel: Kernel, narrowing: Narrowing, damage: "Damage") -> None:  # noqa: F821
        self.kernel, self.narrowing, self.damage = kernel, narrowing, damage
        self.osreldate = kernel.release.osreldate
        self.records: list[Record] = []
        self.updates: dict[str, list[Update]] = {}
        self._locals: dict[Thread, Locals] = {}
        self._wanted = {thread: narrowing.wants(thread.process) for thread in kernel.threads}

    @classmethod
    def clauses(cls) -> dict[str, list[Clause]]:
        """By probe, in the order of the script."""
        found: dict[str, list[Clause]] = {}
        for base in reversed(cls.__mro__):
            for clause in vars(base).values():
                for probe in getattr(clause, "probes", ()):
                    found.setdefault(probe, []).append(clause)
        return found

    def wanted(self, firing: Firing) -> bool:
        return self._wanted[firing.thread]

    def print(self, firing: Firing, text: str) -> None:
        self.records.append(Record(firing.ts, firing.cpu, text))

    def add(self, aggregation: str, firing: Firing, key: tuple, value: int = 1) -> None:
        if self.damage.keeps_update(firing):
            self.updates.setdefault(aggregation, []).append(Update(firing.ts, key, value))

    def who(self, firing: Firing) -> str:
        """The columns that every record has: time, CPU, process, thread."""
        return f"{firing.ts}\t{firing.cpu}\t{firing.thread.process.pid}\t{firing.thread.tid}"

    def head(self) -> str:
        """What BEGIN prints."""
        begin = self.kernel.begin
        lines = [
            f"#vmtrace\t1\n#script\t{self.name}\n#osreldate\t{self.osreldate}\n",
            f"#walltime\t{1795374000000000000 + begin}\n#timestamp\t{begin}\n",
            *(f"#fields\t{tag}\t{columns}\n" for tag, columns in self.fields.items()),
            *([f"#bits\tpath\t{_BITS}\n"] if self.bits else []),
            *self.selection(),
            *self.narrowing.lines(),
        ]
        return "".join(lines)

    def selection(self) -> list[str]:
        return []

    def run(self) -> list[Record]:
        """Everything that it prints between BEGIN and death or END, in no order."""
        begin, end, damage = self.kernel.begin, self.kernel.end, self.damage
        clauses = self.clauses()
        for firing in self.kernel.firings:
            if firing.ts < begin:
                continue
            if firing.ts > end:
                break
            for clause in clauses.get(firing.probe, ()):
                if damage.skips(firing.ts, firing.cpu, firing.times):
                    continue
                try:
                    clause(self, firing, self._of(firing.thread))
                except Abandoned:
                    continue
        return self.records + self._ticks()

    def _of(self, thread: Thread) -> Locals:
        if thread not in self._locals:
            self._locals[thread] = Locals(self.damage.allocate)
        return self._locals[thread]

    def _ticks(self) -> list[Record]:
        """What the clock prints, and END.

        The consumer prints a second's counts when it comes to it: by then they may hold calls of later records.
        """
        begin, end = self.kernel.begin, self.kernel.end
        before = begin - 1  # what fires in the very nanosecond of BEGIN is recorded, so it is counted
        found, since, windows = [], before, {10: before, 30: before}
        for second in range(1, (end - begin) // SECOND + 1) if self.clocked else ():
            ts = begin + second * SECOND
            if self.damage.skips(ts, 0):
                continue
            seen = min(end, self.damage.counted_up_to(ts))
            due = {period: low for period, low in windows.items() if second % period == 0}
            text = self._second(ts, since, seen) + self._sections(due, seen)
            found.append(Record(ts, 0, text))
            since, windows = seen, windows | dict.fromkeys(due, seen)
        text = self._second(end, since, end) if self.clocked else ""
        return [*found, Record(end, 0, f"\n{self._sections(windows, end)}{text}#end\t{end}\n")]

    def _second(self, ts: int, low: int, high: int) -> str:
        """T and its C lines: printa and clear keep a key that was counted once, at 0."""
        found = {update.key: 0 for update in self.updates.get("calls", ()) if update.ts <= high}
        found |= self.totals("calls", low, high)
        rows = sorted(found.items(), key=lambda item: item[1])
        return f"T\t{ts}\n" + "".join(f"C\t{key[0]}\t{count}\n" for key, count in rows)

    def _sections(self, since: dict[int, int], high: int) -> str:
        return "".join(self.section(period, low, high) for period, low in since.items())

    def section(self, period: int, low: int, high: int) -> str:
        """The aggregations that are printed every `period` seconds, of what was counted after `low` up to `high`."""
        return ""

    def totals(self, aggregation: str, low: int, high: int) -> dict[tuple, int]:
        """By key, the sum of what was counted after `low` up to `high`."""
        found: dict[tuple, int] = {}
        for update in self.updates.get(aggregation, ()):
            if low < update.ts <= high:
                found[update.key] = found.get(update.key, 0) + update.value
        return dict(sorted(found.items(), key=lambda item: item[1]))


def quoted(text: str) -> str:
    """As `%S` prints it: escapes, and the closing NUL."""
    return text.translate(_ESCAPES) + r"\0"


_ESCAPES = {ord("\t"): r"\t", ord("\n"): r"\n", ord('"'): r"\"", ord("\\"): "\\\\"}


def stack(*frames: str) -> str:
    """What stack() prints after a record that ends without a newline."""
    return "\n" + "".join(f"              kernel`{frame}\n" for frame in frames) + "\n"
