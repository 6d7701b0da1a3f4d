"""One seed, one case: a plan, a script, what is lost, and what the user asks for."""

from dataclasses import dataclass
from random import Random

from .counting import Vmagg, Vmwatch, VmwatchCallers
from .dtrace import Narrowing, Program
from .kernel import Kernel, Plan
from .losses import Damage, Losses, written
from .recording import VmfaultCallers, Vmfaultv1, Vmfaultv2
from .recording10 import Vmfault10Callers, Vmfault10v1, Vmfault10v2
from .stepping import Vmeventsv1, Vmeventsv2
from .world import MS, NAMES, RELEASES, SECOND, Process

_LATER = tuple(name for name in RELEASES if name != "10.1")
# What runs where; the scripts that print a record of each fault are asked more often.
RUNS: tuple[tuple[type[Program], tuple[str, ...]], ...] = (
    (Vmfaultv1, _LATER),
    (Vmfaultv2, _LATER),
    (VmfaultCallers, _LATER),
    (Vmfault10v1, ("10.1",)),
    (Vmfault10v2, ("10.1",)),
    (Vmfault10Callers, ("10.1",)),
    (Vmwatch, _LATER),
    (VmwatchCallers, _LATER),
    (Vmagg, tuple(RELEASES)),
    (Vmeventsv1, tuple(RELEASES)),
    (Vmeventsv2, tuple(RELEASES)),
)
KINDS = ("whole", "filtered", "lossy")  # of traces: nothing lost; a filter of the user's; something lost
STEPS = ("soft", "zero-fill", "copy", "page-in", "rename", "replace", "alloc", "busy", "wait")


@dataclass(frozen=True)
class Asked:
    """What the user wants to see; empty is everything.  `since` and `until` are seconds after the beginning."""

    processes: tuple[str, ...] = ()
    pids: tuple[int, ...] = ()
    paths: tuple[str, ...] = ()
    since: float | None = None
    until: float | None = None

    def __bool__(self) -> bool:
        return self != Asked()


@dataclass(frozen=True)
class Case:
    """What happened, and what is left of it."""

    seed: int
    kernel: Kernel
    program: Program
    losses: Losses
    asked: Asked
    log: bytes

    @property
    def whole(self) -> bool:
        """Nothing was lost."""
        return not self.losses.harm and self.kernel.panicked is None

    @property
    def kind(self) -> str:
        """One of KINDS."""
        return "lossy" if not self.whole else "filtered" if self.asked else "whole"

    def __str__(self) -> str:
        plan, program = self.kernel.plan, self.program
        return (
            f"seed {self.seed}: {program.name} edition {program.edition} on {plan.release.name}, "
            f"bugs {'+'.join(sorted(plan.bugs)) or 'none'}{f' ({plan.d4326})' if 'd4326' in plan.bugs else ''}, "
            f"failing {plan.fail_rate:g}, retries {plan.retries}, lost {self.losses.harm or 'nothing'}"
            + (f", narrowed {program.narrowing}" if program.narrowing else "")
            + (f", asked {self.asked}" if self.asked else "")
        )


def case(seed: int) -> Case:
    """The case of a seed, always the same."""
    random = Random(seed)
    script, releases = random.choice(RUNS)
    plan = _plan(random, script, random.choice(releases))
    kernel = Kernel(plan, random)
    program = script(kernel, _narrowing(random, script, kernel), Damage(_losses(random, kernel), random))
    log = written(program, program.damage, random)
    return Case(seed, kernel, program, program.damage.losses, _asked(random, kernel), log)


def _plan(random: Random, script: type[Program], release: str) -> Plan:
    bugs = set()
    if random.random() < 0.5:
        kinds = ["lock", "double-free", "never", "panic"] + ["d4326"] * (5 if release == "10.1" else 0)
        bugs = set(random.choices(kinds, k=random.choice((1, 1, 1, 2))))
    stepwise = issubclass(script, Vmeventsv1)
    return Plan(
        release=RELEASES[release],
        faults=random.randrange(10, 30) if stepwise else random.randrange(20, 80),
        seconds=random.uniform(0.5, 34 if issubclass(script, Vmwatch) and random.random() < 0.5 else 3),
        processes=random.randrange(1, 6),
        cpus=random.choice((1, 2, 2, 4)),
        fail_rate=random.choice((0.0, 0.0, 0.02, 0.1, 0.3)),
        bugs=frozenset(bugs),
        d4326=random.choice(("panic", "spin", "spin", "return", "reallocated")),
        retries=random.choice((2, 2, 8)) if stepwise else random.choice((2, 2, 40, 1500, 6000)),
        spread=random.choice((2.0, 5.0)),
        early=random.choice((0.0, 0.0, 0.5, 1.0)),
    )


def _narrowing(random: Random, script: type[Program], kernel: Kernel) -> Narrowing:
    process = _someone(random, kernel)
    ways = [
        Narrowing(pid=process.pid),
        Narrowing(execname=process.execname),
        Narrowing(pgid=process.pgid),
        Narrowing(pid=process.pid, pgid=process.pgid),
    ]
    if issubclass(script, Vmeventsv1):
        return random.choice([*ways, Narrowing(target=process.pid)])
    return random.choice(ways) if random.random() < 0.2 else Narrowing()


def _someone(random: Random, kernel: Kernel) -> Process:
    return random.choice(kernel.threads).process


def _losses(random: Random, kernel: Kernel) -> Losses:
    """Half of the traces lose nothing but order; the others one thing or several."""
    cpus = kernel.plan.cpus
    unread = tuple(random.randrange(2 * MS if kernel.panicked else 300 * MS) for _ in range(cpus))
    harmless = {
        "unread": unread,
        "disorder": random.random() < 0.5,
        "ahead": random.choice((0, 0, 200 * MS)),
        "joined": random.random() < 0.5,
        "counters": random.random() < 0.7,
    }
    if random.random() < 0.5:
        return Losses(**harmless)
    harmful = {
        "full": _full(random, kernel),
        "starved": random.choice((0.02, 0.1, 0.3)),
        "uncounted": random.choice((0.02, 0.2)),
        "death": (random.choice(("deadman", "aborted", "killed")), random.randrange(kernel.begin, kernel.end + 1)),
        "cut": random.random(),
    }
    taken = random.sample(sorted(harmful), random.choice((1, 1, 1, 2, 3)))
    return Losses(**harmless, **{name: harmful[name] for name in taken})


def _full(random: Random, kernel: Kernel) -> tuple[tuple[int, int, int], ...]:
    windows = []
    for _ in range(random.choice((1, 1, 2, 5))):
        start = random.randrange(kernel.begin, kernel.end + 1)
        length = random.choice((50 * MS // 1000, 2 * MS, 50 * MS, SECOND))
        windows.append((random.randrange(kernel.plan.cpus), start, start + length))
    return tuple(windows)


def _asked(random: Random, kernel: Kernel) -> Asked:
    if random.random() < 0.5:
        return Asked()
    process = _someone(random, kernel)
    seconds = kernel.plan.seconds
    since = random.uniform(0, seconds)
    ways = {
        "processes": (process.execname, *random.sample(NAMES, random.choice((0, 0, 1)))),
        "pids": (process.pid,),
        "paths": tuple(random.sample(STEPS, random.choice((1, 1, 2)))),
        "since": since,
        "until": random.uniform(since, seconds),
    }
    taken = random.sample(sorted(ways), random.choice((1, 1, 2)))
    return Asked(**{name: ways[name] for name in taken})
