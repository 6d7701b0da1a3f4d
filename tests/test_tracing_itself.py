"""The faults of vmtrace's own processes: one row, in no path's cost, and still counted against the calls."""

import lzma

import pytest
from recordings import SAMPLES

from analyzer.analysis.coverage import counts
from analyzer.analysis.paths import faults_of_tracing, path_costs, process_costs
from analyzer.summary.filters import Filter
from analyzer.summary.own import TRACING_ITSELF
from analyzer.summary.summarize import summarize


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    """The recording, as collect would have named its process."""
    text = lzma.decompress((SAMPLES / "13.2" / "badfault.log.xz").read_bytes()).decode()
    path = tmp_path_factory.mktemp("own") / "own.log"
    pids = [line.split("\t")[3] for line in text.splitlines() if line.startswith("F\t")]
    most = max(set(pids), key=pids.count)
    path.write_text(f"#host.self\t1\n#host.self\t{most}\n{text}")
    return str(path), pids.count(most), len(pids)


def test_they_are_one_row_and_in_no_cost(log):
    path, own, every = log
    summary = summarize([path]).total()
    assert faults_of_tracing(summary) == own
    rows = {cost.process: cost.faults for cost in process_costs(summary)}
    assert rows[TRACING_ITSELF] == own and sum(rows.values()) == every
    assert sum(cost.faults for cost in path_costs(summary)) == every - own
    assert summary.table("latency")["faults"].sum() == every - own
    assert [row.recorded for row in counts(summary) if row.measure == "faults: calls of vm_fault"] == [every]


def test_they_count_with_the_others_when_asked_to(log):
    path, _, every = log
    summary = summarize([path], Filter(with_tracer=True)).total()
    assert not summary.meta.get("filter")
    assert faults_of_tracing(summary) == 0
    assert sum(cost.faults for cost in path_costs(summary)) == every


def test_the_report_says_so(log, vmtrace):
    path, own, _ = log
    said = f"{own:,} faults of tracing itself are left out."
    assert said in vmtrace("report", path, "--no-cache").stdout.decode()
    assert said not in vmtrace("report", path, "--no-cache", "--with-tracer").stdout.decode()
