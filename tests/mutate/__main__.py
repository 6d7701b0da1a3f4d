"""A sample of mutants, and which of them no test sees."""

import argparse
import gc
import importlib
import os
import random
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import CodeType, FunctionType
from typing import NamedTuple

from .changes import Change, changes
from .cover import Called, cover
from .suite import ROOT, Items, first_that_fails, forked, with_items

_ROOMS = ("verdict", "analysis", "summary", "ingest")
_AFTER_READING = ("verdict", "analysis")  # what is changed there changes no Summary: all tests have the same
_COMPILED = ("kernels.py",)  # numba keeps what it made of it
_PATIENCE, _LEAST = 10.0, 60.0  # a mutant may take so many times longer than its tests, and so many seconds


class Mutant(NamedTuple):
    """One change of a module: its name from the package on, its path, and its code with the change."""

    module: str
    path: Path
    change: Change
    code: CodeType


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("room", nargs="*", help="as verdict or summary/reduce; default: all four")
    parser.add_argument("--mutants", type=int, default=200, help="how many, as many of each room")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/mutate"), help="of the map of what tests call")
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    with_items(lambda items: _tell(items, cover(items, asked.folder / "cover.json"), asked))
    return 0


def _tell(items: Items, tests: dict[str, Called], asked: argparse.Namespace) -> None:
    made, caught, kills = Counter[str](), Counter[str](), Counter[str]()
    rooms = asked.room or _ROOMS
    recordings = importlib.import_module("recordings")
    for room in rooms:
        recordings.summarized.cache_clear()
        for path in recordings.LOGS if room.split("/")[0] in _AFTER_READING else ():
            recordings.summarized(recordings.name(path))
        for mutant in _sample(room, -(-asked.mutants // len(rooms)), random.Random(asked.seed)):
            names = _those_that_call(tests, f"{mutant.module}:{mutant.change.function}", kills)
            seen = _seen(mutant, names, items, tests, kills)
            made[mutant.module] += 1
            caught[mutant.module] += seen
            if not seen:
                where = f"{mutant.module}:{mutant.change.line}"
                print(f"survives {len(names)} tests: {where}: {mutant.change.words}", flush=True)
    for name in sorted(made):
        print(f"{name:<36} {caught[name]:>4} of {made[name]:>4}")
    print(f"{'all':<36} {caught.total():>4} of {made.total():>4}: {caught.total() / max(1, made.total()):.0%}")


def _sample(room: str, most: int, chance: random.Random) -> list[Mutant]:
    place = ROOT / "analyzer" / room
    paths = sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]
    found = [(path, change) for path in paths if path.name not in _COMPILED for change in changes(path.read_text())]
    chance.shuffle(found)
    mutants = (mutant for path, change in found for mutant in _compiled(path, change))
    return [mutant for mutant, _ in zip(mutants, range(most), strict=False)]


def _compiled(path: Path, change: Change) -> Iterator[Mutant]:
    """Nothing where the change is no program."""
    try:
        code = compile(change.make(), str(path), "exec")
    except SyntaxError:
        return
    yield Mutant(path.relative_to(ROOT / "analyzer").as_posix(), path, change, code)


def _those_that_call(tests: dict[str, Called], function: str, kills: Counter[str]) -> list[str]:
    """The tests that call it; first those that are short, call little else, and saw most so far."""
    callers = [name for name, test in tests.items() if function in test.calls]
    return sorted(callers, key=lambda name: (0.01 + tests[name].seconds) * len(tests[name].calls) / (1 + kills[name]))


def _seen(mutant: Mutant, names: list[str], items: Items, tests: dict[str, Called], kills: Counter[str]) -> bool:
    """Whether one of the tests fails, or hangs, with the change."""
    seconds = [tests[name].seconds for name in names]

    def work() -> int | None:
        _put(mutant.code)
        return first_that_fails([items[name] for name in names], seconds)

    first = forked(lambda: [work()], _LEAST + _PATIENCE * sum(seconds)) if names else [None]
    if first and first[0] is not None:
        kills[names[first[0]]] += 1
    return first != [None]


def _put(module: CodeType) -> None:
    """Give the functions that there are the code that `module` has for them."""
    codes = {(code.co_qualname, code.co_firstlineno): code for code in _codes(module)}
    for function in gc.get_objects():
        if isinstance(function, FunctionType) and function.__code__.co_filename == module.co_filename:
            old = function.__code__
            new = codes.get((old.co_qualname, old.co_firstlineno), old)
            if len(new.co_freevars) == len(old.co_freevars):
                function.__code__ = new


def _codes(code: CodeType) -> list[CodeType]:
    inner = [constant for constant in code.co_consts if isinstance(constant, CodeType)]
    return [code, *(each for one in inner for each in _codes(one))]


if __name__ == "__main__":
    sys.exit(main())
