"""A sample of mutants, and which of them no test sees."""

import argparse
import gc
import importlib
import os
import random
import signal
import sys
import time
from collections import Counter
from pathlib import Path
from types import CodeType, FunctionType
from typing import Any

from .changes import Change, changes
from .cover import ROOT, cover, run

_ROOMS = ("verdict", "analysis", "summary", "ingest")
_PATIENCE = 3.0  # a mutant that takes so many times longer than its tests hangs, and is seen
_LEAST = 60  # seconds


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.mutate", description=__doc__)
    parser.add_argument("room", nargs="*", help="as verdict or summary/reduce; default: all four")
    parser.add_argument("--mutants", type=int, default=200, help="how many")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--folder", type=Path, default=Path("out/mutate"), help="of the map of what tests call")
    asked = parser.parse_args()
    os.chdir(ROOT)
    sys.path[:0] = [str(ROOT), str(ROOT / "tests")]
    paths = [path for room in asked.room or _ROOMS for path in _modules(room)]
    for path in paths:
        importlib.import_module(".".join(path.relative_to(ROOT).with_suffix("").parts))
    tests = cover(asked.folder / "cover.json")
    chosen = _sample([(path, change) for path in paths for change in changes(path.read_text())], asked)
    made, caught = Counter[str](), Counter[str]()
    for path, change in chosen:
        name = path.relative_to(ROOT / "analyzer").as_posix()
        seen = _seen(path, change, _those_that_call(tests, f"{name}:{change.function}"))
        made[name] += 1
        caught[name] += seen
        if not seen:
            print(f"survives: {name}:{change.line}: {change.words}", flush=True)
    for name in sorted(made):
        print(f"{name:<36} {caught[name]:>4} of {made[name]:>4}")
    print(f"{'all':<36} {caught.total():>4} of {made.total():>4}: {caught.total() / max(1, made.total()):.0%}")
    return 0


def _modules(room: str) -> list[Path]:
    place = ROOT / "analyzer" / room
    return sorted(place.rglob("*.py")) if place.is_dir() else [place.with_suffix(".py")]


def _sample(mutants: list[tuple[Path, Change]], asked: Any) -> list[tuple[Path, Change]]:
    return random.Random(asked.seed).sample(mutants, min(asked.mutants, len(mutants)))


def _those_that_call(tests: dict[str, dict[str, Any]], function: str) -> list[tuple[str, float]]:
    """The test files that call it and pass, with their seconds, the fastest first."""
    callers = [(each["seconds"], name) for name, each in tests.items() if each["passed"] and function in each["calls"]]
    return [(str(ROOT / "tests" / name), seconds) for seconds, name in sorted(callers)]


def _seen(path: Path, change: Change, tests: list[tuple[str, float]]) -> bool:
    """Whether one of the tests fails, or hangs, with the change."""
    if not tests:
        return False
    child = os.fork()
    if child == 0:
        _put(compile(change.make(), str(path), "exec"))
        os._exit(next((1 for test, _ in tests if run([test]) != 0), 0))
    end = time.monotonic() + _LEAST + _PATIENCE * sum(seconds for _, seconds in tests)
    while time.monotonic() < end:
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            return status != 0
        time.sleep(0.05)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


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
