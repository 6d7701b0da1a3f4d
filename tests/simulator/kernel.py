"""What happens: threads fault, pages move, inserts fail, bugs strike; the probes that fire, and the truth.

What a probe that fires means is written down beside it, once, as an Event.  Nothing here knows of scripts, logs or
losses.
"""

import heapq
from dataclasses import dataclass
from random import Random

from .walk import Walk
from .world import MS, NAMES, SECOND, US, Event, Fault, Firing, Move, Process, Release, Thread


@dataclass(frozen=True)
class Plan:
    """What a run is to be.

    Attributes:
        faults: about how many.
        seconds: how long tracing lasts.
        processes, cpus: how many.
        fail_rate: of radix node allocations.
        bugs: of "lock", "double-free", "never", "d4326", "panic", each struck once, at a random fault.
        d4326: how the bug of 10.x goes on: "panic", "spin" (the thread never returns), "return" (with the lock held),
            "reallocated" (another CPU took the page in between: its second free is of somebody else's).
        retries: the most that one fault does.
        spread: how much longer than the shortest a fault may take, by chance.
        early: how many of the threads may be in the handler when tracing begins, 0 to 1.
    """

    release: Release
    faults: int = 60
    seconds: float = 3.0
    processes: int = 4
    cpus: int = 2
    fail_rate: float = 0.0
    bugs: frozenset[str] = frozenset()
    d4326: str = "spin"
    retries: int = 3
    spread: float = 20.0
    early: float = 0.0


class Kernel:
    """One run of a plan.

    Attributes:
        begin, end: of tracing, ns; `panicked`: when the kernel stopped for good, else None.
        firings: in order of time, some before `begin` and after `end`.
        faults, moves, events: the truth, in no order.
        held: by lock, the thread that owns it for good, and since when.
        counted: times at which the kernel's own counters grew, by name.
    """

    def __init__(self, plan: Plan, random: Random) -> None:
        self.plan = plan
        self.release = plan.release
        self.random = random
        self.begin = random.randrange(15 * SECOND, 90 * SECOND)
        self.end = self.begin + int(plan.seconds * SECOND)
        self.panicked: int | None = None
        self.firings: list[Firing] = []
        self.faults: list[Fault] = []
        self.moves: list[Move] = []
        self.events: list[Event] = []
        self.held: dict[int, tuple[Thread, int]] = {}
        self.counted: dict[str, list[int]] = {}
        self._base = 0xFF01000000000000 if plan.release.osreldate >= 1500000 else 0xFFFFF80000000000
        self._bugs = set(plan.bugs)
        self.threads = self._threads()
        self._run()

    def address(self) -> int:
        """Of something new: an object, a page, a thread."""
        return self._base + self.random.randrange(1 << 28) * 8 + 0x1000000

    def owner(self, lock: int, ts: int) -> int:
        """The thread, by its address, that a lock word names for good at that moment; 0 for none."""
        thread, since = self.held.get(lock, (None, 0))
        return thread.struct if thread is not None and since <= ts else 0

    def count(self, name: str, ts: int) -> None:
        self.counted.setdefault(name, []).append(ts)

    def strike(self, bug: str) -> bool:
        """Whether this is the moment for that bug; it strikes once."""
        if bug not in self._bugs or self.random.random() > 0.2:
            return False
        self._bugs.discard(bug)
        return True

    def _threads(self) -> list[Thread]:
        random = self.random
        threads, tid = [], 100040
        for number in range(self.plan.processes):
            pid = 50 + 3 * number + random.randrange(3)
            pgid = pid if number == 0 or random.random() < 0.5 else threads[-1].process.pgid
            process = Process(pid, pgid, random.choice(NAMES), self.address() & ~0xFF)
            for _ in range(random.choice((1, 1, 2, 3))):
                tid += random.randrange(1, 4)
                threads.append(Thread(process, tid, self.address() & ~0xFF))
        return threads

    def _first(self, pause: float) -> int:
        """When a thread does its first thing."""
        if self.random.random() < self.plan.early:
            return self.begin - self.random.randrange(50 * US)
        return self.begin - 20 * MS + int(self.random.random() * pause)

    def _run(self) -> None:
        """Thread by thread in order of time, until tracing has been over for a while or the kernel panics."""
        random, plan = self.random, self.plan
        pause = plan.seconds * SECOND * len(self.threads) / plan.faults
        late = self.end + 50 * MS
        waiting = [(self._first(pause), number) for number in range(len(self.threads))]
        heapq.heapify(waiting)
        while waiting:
            ts, number = heapq.heappop(waiting)
            if ts > late or (self.panicked is not None and ts > self.panicked):
                continue
            thread = self.threads[number]
            outside = random.random() < 0.12
            walk = Walk(self, thread, ts)
            if walk.outside() if outside else walk.fault():
                heapq.heappush(waiting, (walk.ts + int(random.expovariate(1 / pause)) + 2 * US, number))
        if self.panicked is not None:
            self.end = min(self.end, self.panicked)
        self.firings.sort(key=lambda firing: firing.ts)
        self.events += [
            Event("never-returned", self.end, fault.thread, fault)
            for fault in self.faults
            if fault.start <= self.end and (fault.end is None or fault.end > self.end)
        ]
