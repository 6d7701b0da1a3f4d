"""All targets one after the other, each in a process of its own, and a table of what came of it."""

import argparse
import re
import subprocess
import sys
import time
from pathlib import Path

from .targets import TARGETS

_RUNS = re.compile(r"^stat::number_of_executed_units: *(\d+)", re.MULTILINE)
_LAST = re.compile(r"^#(\d+)\t.* cov: (\d+)", re.MULTILINE)


def main() -> int:
    """The exit code: 1 where an input broke a law."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("target", nargs="*", metavar="TARGET", help=f"default: all of {', '.join(TARGETS)}")
    parser.add_argument("--seconds", type=int, default=600, help="for all targets together")
    parser.add_argument("--folder", type=Path, default=Path("out/fuzz"), help="of the corpus and of what is found")
    parser.add_argument("--again", type=Path, metavar="FILE", help="hold this one input to the laws of TARGET")
    asked = parser.parse_args()
    names = asked.target or list(TARGETS)
    if wrong := [name for name in names if name not in TARGETS]:
        parser.error(f"{wrong[0]}: is no target; the targets are {', '.join(TARGETS)}")
    if asked.again:
        for name in names:
            TARGETS[name](asked.again.read_bytes())
        return 0
    results = [_ran(name, max(1, asked.seconds // len(names)), asked.folder) for name in names]
    print(f"{'target':<12} {'runs':>10} {'a second':>9} {'places':>7} {'found':>6}")
    for name, runs, seconds, covered, found in results:
        print(f"{name:<12} {runs:>10,} {runs / seconds:>9,.0f} {covered:>7,} {found:>6}")
    print(f"{'all':<12} {sum(result[1] for result in results):>10,}")
    return int(any(result[4] for result in results))


def _ran(name: str, seconds: int, folder: Path) -> tuple[str, int, float, int, int]:
    """Name, runs, seconds, places of the code that were reached, and how many inputs broke a law."""
    command = [sys.executable, "-m", "tests.fuzz.worker", name, str(seconds), str(folder / name / "corpus")]
    begun = time.monotonic()
    done = subprocess.run(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, errors="replace")
    took = time.monotonic() - begun
    found = [line for line in done.stderr.splitlines() if line.startswith("FOUND ")]
    for line in found:
        print(line, flush=True)
    if done.returncode:  # out of time, out of memory, or a crash of the interpreter itself
        found.append(name)
        print(f"{name}: ended with {done.returncode}:", *done.stderr.splitlines()[-12:], sep="\n    ")
    last = _LAST.findall(done.stderr)
    runs = _RUNS.search(done.stderr)
    return name, int(runs[1] if runs else last[-1][0] if last else 0), took, int(last[-1][1]) if last else 0, len(found)


if __name__ == "__main__":
    sys.exit(main())
