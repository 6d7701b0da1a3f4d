"""What the benchmark compares must be the same: the awk program's numbers are vmtrace's."""

import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
from recordings import SAMPLES, beginning, text

from analyzer.ingest.blocks import blocks
from analyzer.ingest.gears import read_block
from analyzer.ingest.sources import Source
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import finish, merge, summarize_block

BENCH = Path(__file__).parent.parent / "bench"
AWKS = [name for name in ("mawk", "gawk", "awk") if shutil.which(name)]


def needs(peer):
    return pytest.mark.skipif(find_spec(peer) is None, reason=f"needs {peer}, which has no wheel for FreeBSD")


COUNTING = [
    *([name, "-f", str(BENCH / "counts.awk")] for name in AWKS),
    *(
        pytest.param([sys.executable, str(BENCH / f"{peer}_counts.py")], marks=needs(peer))
        for peer in ("duckdb", "polars")
    ),
]


def summarized(path: Path):
    """By path bits as they stand in the log, which the peers know alone: none is taken for what it only seems."""
    return finish(merge([summarize_block(read_block(block), "vmfault") for block in blocks(Source(str(path)))]))


def vmtrace_counts(path: Path) -> set[str]:
    log = summarized(path)
    faults, balance = log.table("faults"), log.table("balance")
    results = faults.groupby(["rc", "path"])["faults"].sum()
    times = faults.groupby("path")["dur"].sum()
    (unbalanced,) = balance.loc[balance["measure"] == "unbalanced", "faults"]
    return {
        *(f"result {rc}\t0x{path:x} {count}" for (rc, path), count in results.items()),
        f"unbalanced {unbalanced}",
        *(f"time 0x{path:x} {time}" for path, time in times.items()),
    }


@pytest.mark.parametrize("command", COUNTING, ids=lambda command: Path(command[-1]).stem + Path(command[0]).stem)
@pytest.mark.parametrize("which", ["clean", "badfault", "leak"])
def test_each_peer_counts_what_vmtrace_counts(command, which, tmp_path):
    log = tmp_path / f"{which}.log"
    data = text(SAMPLES / "13.2" / f"{which}.log.xz")
    log.write_bytes(data[: data.rfind(b"\n") + 1])
    counted = subprocess.run([*command, str(log)], capture_output=True, text=True, check=True).stdout.splitlines()
    assert {line for line in counted if not line.startswith("percentiles")} == vmtrace_counts(log)


@needs("duckdb")
def test_duckdbs_percentiles_lie_in_vmtraces_buckets(tmp_path):
    log = tmp_path / "clean.log"
    log.write_bytes(text(SAMPLES / "13.2" / "clean.log.xz"))
    command = [sys.executable, str(BENCH / "duckdb_counts.py"), str(log)]
    counted = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    ranks = [line.split() for line in counted if line.startswith("percentiles")]
    buckets = summarized(log).table("latency")
    assert len(ranks) == buckets["path"].nunique()
    for _, path, *values in ranks:
        mine = buckets[buckets["path"] == int(path, 16)].sort_values("low")
        below = mine["faults"].cumsum()
        for share, value in zip((0.5, 0.9, 0.99), values, strict=True):
            bucket = mine[below >= share * mine["faults"].sum()].iloc[0]
            assert bucket["low"] <= int(value) < bucket["high"]


@pytest.fixture
def make_log(monkeypatch):
    monkeypatch.syspath_prepend(str(BENCH))
    import make_log

    yield make_log.make_log
    sys.modules.pop("make_log")


def test_a_made_log_is_copies_of_a_recording(make_log, tmp_path):
    sample = tmp_path / "sample.log"
    sample.write_bytes(beginning(SAMPLES / "13.2" / "clean.log.xz", 100_000))
    made = tmp_path / "made.log"
    make_log(str(sample), 1_000_000, made)
    one, many = (summarize([str(path)]).logs[0] for path in (sample, made))
    assert 990_000 < made.stat().st_size <= 1_000_100
    assert many.count("F") > 9 * one.count("F")
    assert not many.unread_count
    assert "end" in many.meta
    assert set(many.table("faults")["path"]) == set(one.table("faults")["path"])
    assert many.table("seconds")["second"].nunique() > 9 * one.table("seconds")["second"].nunique() // 2


def test_damage_is_every_nth_line(make_log, tmp_path):
    made = tmp_path / "made.log"
    make_log(str(SAMPLES / "13.2" / "badfault.log.xz"), 300_000, made, damage=100)
    log = summarize([str(made)]).logs[0]
    lines = made.read_bytes().count(b"\n")
    assert 0.009 < log.unread_count / lines < 0.011
