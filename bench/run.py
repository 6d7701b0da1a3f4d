"""Measure vmtrace against other readers of the same log, in one run, as ratios.

    python bench/run.py                       # 100, 1000 and 4000 MB, 5 rounds
    python bench/run.py --megabytes 50 200 --rounds 3

All programs run in turn, round after round, so that what else the machine does falls on all alike.  A ratio is taken
within a round; the table has the median of the rounds, and the smallest and largest.  The first size is the warm-up
of growth; comparisons are made on the second, or on the only one.
"""

import argparse
import json
import multiprocessing
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from make_log import make_log

HERE = Path(__file__).parent
SAMPLE = HERE.parent / "samples" / "13.2" / "large.log.xz"
SLICE = 1_000_000  # bytes that lark alone reads
VMTRACE = [sys.executable, "-m", "analyzer"]
ENVIRONMENT = os.environ | {"LC_ALL": "C.UTF-8"}  # gawk without -b decodes what it reads
ENVIRONMENT.pop("PYTHONDONTWRITEBYTECODE", None)  # a user's Python compiles a module once, not at each start


def run(command: list[str]) -> tuple[float, float, float]:
    """Wall time (s), peak memory (MB) and processor time (s) of one process."""
    start = time.perf_counter()
    process = subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)}: exit code {process.returncode}")
    return time.perf_counter() - start, usage.ru_maxrss / 1024, usage.ru_utime + usage.ru_stime


def report(log: Path) -> list[str]:
    return [*VMTRACE, "report", str(log), "--format", "text", "--no-cache"]


def apart(function: Callable, *arguments: object) -> object:
    """Run a function in a process of its own: a child's peak memory would count what its parent has."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def fault_records(log: Path, output: Path) -> str:
    """Write the F records of a log to a file of their own; returns the #fields line of F."""
    fields = ""
    with log.open("rb") as lines, output.open("wb") as file:
        for line in lines:
            if line.startswith(b"F\t"):
                file.write(line)
            elif line.startswith(b"#fields\tF\t"):
                fields = line.decode().rstrip("\n")
    return fields


def lark_alone(log: Path) -> float:
    """Seconds that lark alone would need for the whole log, from those for a slice."""
    from analyzer.ingest.blocks import Block, blocks
    from analyzer.ingest.gears import read_block
    from analyzer.ingest.sources import Source

    first = next(blocks(Source(str(log))))
    data = bytes(first.data)[:SLICE]
    data = data[: data.rfind(b"\n") + 1]
    start = time.perf_counter()
    read_block(Block(memoryview(data), 1, {}), lark_alone=True)
    return (time.perf_counter() - start) * log.stat().st_size / len(data)


def spread(values: list[float], form: str = ".2f") -> str:
    return f"{statistics.median(values):{form}} ({min(values):{form}}–{max(values):{form}})"


def compare(log: Path, damaged: Path, faults: Path, fields: str, rounds: int) -> None:
    """Print time and ratio of each program on one log."""
    counts = str(HERE / "counts.awk")
    commands = {
        "vmtrace report": report(log),
        "wc -l": ["wc", "-l", str(log)],
        "pyarrow.csv, F records only": [sys.executable, str(HERE / "bare_csv.py"), fields, str(faults)],
        "DuckDB, counts and percentiles": [sys.executable, str(HERE / "duckdb_counts.py"), str(log)],
        "polars, counts and percentiles": [sys.executable, str(HERE / "polars_counts.py"), str(log)],
        "mawk, the counts alone": ["mawk", "-f", counts, str(log)],
        "gawk, the counts alone": ["gawk", "-f", counts, str(log)],
        "gawk -b, the counts alone": ["gawk", "-b", "-f", counts, str(log)],
        "vmtrace report, every 100th line damaged": report(damaged),
    }
    commands = {name: command for name, command in commands.items() if shutil.which(command[0])}
    times: dict[str, list[float]] = {name: [] for name in [*commands, "lark alone, from a slice"]}
    memory: dict[str, list[float]] = {name: [] for name in times}
    work: dict[str, list[float]] = {name: [] for name in times}
    for _ in range(rounds):
        for name, command in commands.items():
            seconds, megabytes, processor = run(command)
            times[name].append(seconds)
            memory[name].append(megabytes)
            work[name].append(processor)
        times["lark alone, from a slice"].append(apart(lark_alone, log))
    ours = times["vmtrace report"]
    print(f"\n{log.stat().st_size / 1e6:,.0f} MB, {rounds} rounds\n")
    print("| program | seconds | vmtrace takes × its time | processor seconds | peak MB |\n|---|---|---|---|---|")
    for name, theirs in times.items():
        ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
        peak = f"{max(memory[name]):,.0f}" if memory[name] else ""
        processor = spread(work[name]) if work[name] else ""
        print(f"| {name} | {spread(theirs)} | {spread(ratios, '.3f')} | {processor} | {peak} |")


def grow(logs: list[Path], rounds: int) -> None:
    """Print how time and memory grow with the size of the log."""
    print("\n| MB | seconds | × the size before | peak MB | × the size before |\n|---|---|---|---|---|")
    before: list[tuple[float, float]] = []
    for log in logs:
        now = [run(report(log)) for _ in range(rounds)]
        cells = [f"{log.stat().st_size / 1e6:,.0f}", spread([each[0] for each in now])]
        cells.append(spread([a[0] / b[0] for a, b in zip(now, before, strict=True)]) if before else "")
        cells.append(spread([each[1] for each in now], ".0f"))
        cells.append(spread([a[1] / b[1] for a, b in zip(now, before, strict=True)]) if before else "")
        print("| " + " | ".join(cells) + " |")
        before = now


def copies_of(saved: Path, count: int) -> list[Path]:
    """So many saved Summaries, each of a log of its own."""
    text = saved.read_text()
    sha256 = json.loads(text)["logs"][0]["meta"]["sha256"]
    paths = [saved.with_name(f"{number}.vmsum") for number in range(count)]
    for number, path in enumerate(paths):
        path.write_text(text.replace(sha256, f"{number:064x}"))
    return paths


def start_up(folder: Path, log: Path, rounds: int) -> None:
    """Print how long the commands take that have little to do."""
    tiny, saved = folder / "tiny.log", folder / "tiny.vmsum"
    apart(make_log, str(SAMPLE), 1_000_000, tiny)
    run([*VMTRACE, "summarize", str(tiny), "-o", str(saved)])
    cached = [word for word in report(log) if word != "--no-cache"]
    run(cached)
    commands = {
        "vmtrace --help": [*VMTRACE, "--help"],
        "vmtrace collect --dry-run": [*VMTRACE, "collect", "vmfault", "--dry-run"],
        "vmtrace report, 1 MB": report(tiny),
        "vmtrace check, a .vmsum": [*VMTRACE, "check", str(saved)],
        f"vmtrace report, {log.stat().st_size / 1e6:,.0f} MB, from the cache": cached,
        "vmtrace report, 200 .vmsum": [*report(tiny), *map(str, copies_of(saved, 200))],
    }
    print_times(commands, rounds)


def compressed(log: Path, rounds: int) -> None:
    """Print what a compressed log costs, and what unpacking it alone does."""
    commands = {"vmtrace report": report(log)}
    for program, ending in (("zstd", ".zst"), ("xz", ".xz")):
        if shutil.which(program):
            packed = log.with_name(log.name + ending)
            run([program, "-1kq", str(log)])
            commands |= {f"{program} -dc": [program, "-dc", str(packed)], f"vmtrace report, {ending}": report(packed)}
    print_times(commands, rounds)


def print_times(commands: dict[str, list[str]], rounds: int) -> None:
    """Run commands in turn, and print how long each takes."""
    times = [[run(command) for command in commands.values()] for _ in range(rounds)]
    print("\n| command | seconds | processor seconds |\n|---|---|---|")
    for name, taken in zip(commands, zip(*times, strict=True), strict=True):
        print(f"| {name} | {spread([each[0] for each in taken])} | {spread([each[2] for each in taken])} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--megabytes", type=int, nargs="+", default=[100, 1000, 4000])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--folder", type=Path, help="where the logs are made")
    wanted = parser.parse_args()
    sys.stdout.reconfigure(line_buffering=True)
    with tempfile.TemporaryDirectory(dir=wanted.folder) as name:
        folder = Path(name)
        logs = [folder / f"{size}.log" for size in wanted.megabytes]
        for size, log in zip(wanted.megabytes, logs, strict=True):
            apart(make_log, str(SAMPLE), size * 1_000_000, log)
        which = min(1, len(logs) - 1)
        damaged, faults = folder / "damaged.log", folder / "faults.tsv"
        apart(make_log, str(SAMPLE), wanted.megabytes[which] * 1_000_000, damaged, 100)
        fields = fault_records(logs[which], faults)
        os.environ["XDG_CACHE_HOME"] = ENVIRONMENT["XDG_CACHE_HOME"] = str(folder / "cache")
        start_up(folder, logs[which], wanted.rounds)
        compressed(logs[0], wanted.rounds)
        compare(logs[which], damaged, faults, fields, wanted.rounds)
        grow(logs, wanted.rounds)


if __name__ == "__main__":
    main()
