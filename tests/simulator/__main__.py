"""Seeds by name: their logs, what happened, what was said of it.  Many seeds: which break a law, and a table."""

import argparse
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from multiprocessing import Pool
from typing import NamedTuple

from .cases import KINDS, case
from .laws import CERTAINTIES, CLAIMS, Broken, judged
from .scope import Scope

_AT_ONCE = 50  # seeds that a worker takes together


class Tally(NamedTuple):
    """What came of some seeds.

    Attributes:
        said: how often, by claim, certainty, kind of trace, and whether it had happened in scope.
        broken: the laws that each seed broke.
    """

    said: Counter
    broken: list[tuple[int, str, Broken]]


def run(seeds: Iterable[int]) -> Tally:
    """Judge the cases of these seeds."""
    said: Counter = Counter()
    broken = []
    for seed in seeds:
        made = case(seed)
        result = judged(made)
        broken += [(seed, str(made), each) for each in result.broken]
        scope = Scope(made)
        for claim in CLAIMS:
            certainty = result.verdict.answers[claim].certainty if result.verdict else "refused"
            said[claim, certainty, made.kind, bool(scope.surely(claim))] += 1
    return Tally(said, broken)


def run_many(first: int, number: int, jobs: int) -> Tally:
    """`number` seeds from `first` on, in `jobs` processes."""
    said: Counter = Counter()
    broken = []
    chunks = [range(at, min(at + _AT_ONCE, first + number)) for at in range(first, first + number, _AT_ONCE)]
    with Pool(jobs) as pool:
        for done, tally in enumerate(pool.imap_unordered(run, chunks), 1):
            said += tally.said
            broken += tally.broken
            if sys.stderr.isatty():
                print(f"\r{min(done * _AT_ONCE, number):,} seeds, {len(broken)} broken", end="", file=sys.stderr)
    return Tally(said, sorted(broken))


def table(tally: Tally) -> Iterator[str]:
    """What was said to each claim: by kind of trace, where it had happened and where not."""
    words = (*CERTAINTIES, "refused")
    yield f"{'claim':<22}{'trace':<10}{'happened':<10}" + "".join(f"{word:>14}" for word in words)
    for claim in CLAIMS:
        for kind in KINDS:
            for happened in (True, False):
                counts = [tally.said[claim, word, kind, happened] for word in words]
                row = f"{claim:<22}{kind:<10}{'yes' if happened else 'no':<10}"
                yield row + "".join(f"{number:>14,}" for number in counts)


def laws(tally: Tally) -> Iterator[str]:
    """How often each law was broken, and seeds that break it."""
    by_law: dict[tuple[str, str], list[int]] = {}
    for seed, _, broken in tally.broken:
        by_law.setdefault((broken.law, broken.claim), []).append(seed)
    for (law, claim), seeds in sorted(by_law.items(), key=lambda item: -len(item[1])):
        yield f"{len(seeds):>7}  {law}: {claim}  (seeds {', '.join(map(str, seeds[:8]))})"


def _show(seed: int) -> None:
    made = case(seed)
    result = judged(made)
    sys.stdout.write(made.log.decode())
    print(f"\n{made}")
    for event in sorted(made.kernel.events, key=lambda event: event.ts):
        if not made.kernel.begin <= event.ts <= made.kernel.end:
            continue
        thread = event.thread
        print(f"happened at {event.ts}: {event.claim} {event.function} (thread {thread.tid}, pid {thread.process.pid})")
    for answer in result.verdict.answers.values() if result.verdict else ():
        print(f"said: {answer.claim} {answer.certainty} {answer.count}: {answer.reason}")
    for broken in result.broken:
        print(f"BROKEN {broken.law}: {broken.claim}: {broken.text}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.simulator", description=__doc__)
    parser.add_argument("seed", nargs="*", type=int)
    parser.add_argument("--seeds", type=int, default=0)
    parser.add_argument("--from", dest="first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    given = parser.parse_args()
    for seed in given.seed:
        _show(seed)
    if not given.seeds:
        return 0
    tally = run_many(given.first, given.seeds, given.jobs)
    for _, what, broken in tally.broken[:50]:
        print(f"BROKEN {broken.law}: {broken.claim}: {broken.text}\n       {what}")
    print("\n".join(table(tally)))
    print("\n".join(laws(tally)))
    wrong = len({seed for seed, _, _ in tally.broken})
    print(f"{given.seeds:,} seeds from {given.first}: {wrong:,} break a law")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
