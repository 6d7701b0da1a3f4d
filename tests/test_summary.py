"""Summaries add: however a log is cut, grouped and spread, the saved bytes are the same."""

import re
from concurrent.futures import Future
from contextlib import nullcontext

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from recordings import LOGS, SAMPLES, log, name, summarized, text

from analyzer.analysis.coverage import counts, growth
from analyzer.errors import DataError, UsageError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block
from analyzer.ingest.parsed import Notice
from analyzer.ingest.releases import NOT_RECORDED
from analyzer.ingest.sources import Source
from analyzer.summary import logs
from analyzer.summary.balance import wrong_balance
from analyzer.summary.filters import Filter
from analyzer.summary.pool import Pool
from analyzer.summary.saved import read_summary, write_summary
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import NOTICES_KEPT, LogSummary, Summary, add, finish, merge, summarize_block

FAILING = SAMPLES / "10.1" / "d4326.log.xz"
MERGED = [FAILING, *(SAMPLES / "13.2" / f"{which}.log.xz" for which in ("failpoint-5pct", "drops", "events"))]


@pytest.mark.parametrize("path", LOGS, ids=name)
def test_a_saved_summary_reads_back_equal(path):
    whole = summarized(name(path))
    data = write_summary(whole)
    back = read_summary(data, "x.vmsum")
    assert back.logs[0].meta == whole.logs[0].meta
    assert back.logs[0].evidence == whole.logs[0].evidence
    assert back.logs[0].notices == whole.logs[0].notices
    for table, frame in whole.logs[0].tables.items():
        assert back.logs[0].tables[table].equals(frame)
    assert write_summary(back) == data


@pytest.mark.parametrize("path", [path for path in LOGS if path.stat().st_size < 300_000], ids=name)
def test_the_size_of_blocks_changes_nothing(path, monkeypatch):
    monkeypatch.setattr(logs, "blocks", lambda source: blocks(source, 90_000))
    assert write_summary(summarize([str(path)])) == write_summary(summarized(name(path)))


@pytest.mark.parametrize("jobs", [1, 2, 4])
def test_the_number_of_jobs_changes_nothing(jobs, monkeypatch):
    monkeypatch.setattr(logs, "blocks", lambda source: blocks(source, 300_000))
    assert write_summary(summarize([str(FAILING)], jobs=jobs)) == write_summary(summarized("10.1/d4326"))


def test_the_order_in_which_blocks_are_done_changes_nothing(monkeypatch):
    monkeypatch.setattr(logs, "blocks", lambda source: blocks(source, 300_000))
    waiting = []

    class LastFirst(Future):
        """Done when a result is asked for, after all that were submitted later."""

        def result(self):
            while waiting:
                waiting.pop()()
            return super().result()

    def submit(function, *arguments):
        future = LastFirst()
        waiting.append(lambda: future.set_result(function(*arguments)))
        return future

    backwards = summarize([log("13.2/clean")], workers=nullcontext(Pool(submit, 4)))
    assert write_summary(backwards) == write_summary(summarized("13.2/clean"))


@pytest.fixture(scope="module", params=MERGED, ids=name)
def parts(request, tmp_path_factory) -> list[LogSummary]:
    log = tmp_path_factory.mktemp("logs") / "sample.log"
    log.write_bytes(text(request.param))
    return [summarize_block(read_block(block), "vmfault") for block in blocks(Source(str(log)), 300_000)]


def saved(log: LogSummary) -> bytes:
    return write_summary(Summary([log]))


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_grouping_of_blocks_merges_to_the_same(parts, data):
    cuts = sorted(data.draw(st.sets(st.integers(1, len(parts) - 1))))
    groups = [parts[start:end] for start, end in zip([0, *cuts], [*cuts, len(parts)], strict=True)]
    assert saved(finish(merge([merge(group) for group in groups]))) == saved(finish(merge(parts)))


def test_evidence_looks_over_the_edge_of_a_block():
    whole = summarized("10.1/d4326").logs[0]
    alarms = whole.evidence["alarm"]
    assert alarms
    assert all(len(row["before"]) == 4 for row in alarms)
    assert all(near["ts"] < row["ts"] for row in alarms for near in row["before"])
    assert {row["returned"] for row in alarms} <= {False, None}


def test_messages_beyond_the_first_thousand_still_count():
    notices = [Notice(n, "drop", 2, f"CPU {n % 2}", "2 drops") for n in range(3 * NOTICES_KEPT)]
    half = len(notices) // 2
    merged = add([LogSummary(notices=notices[:half]), LogSummary(notices=notices[half:])])
    assert sum(notice.count for notice in merged.notices) == 2 * len(notices)
    assert len(merged.notices) == NOTICES_KEPT + 2


def test_a_log_given_twice_counts_once(tmp_path):
    path = str(SAMPLES / "13.2" / "badfault.log.xz")
    once = summarize([path])
    assert write_summary(summarize([path, path])) == write_summary(once)
    kept = tmp_path / "badfault.vmsum"
    kept.write_bytes(write_summary(once))
    assert write_summary(summarize([path, str(kept)])) == write_summary(once)


def test_a_summary_stands_for_its_logs(tmp_path):
    paths = [str(SAMPLES / "13.2" / f"{which}.log.xz") for which in ("badfault", "leak")]
    together = summarize(paths)
    kept = tmp_path / "both.vmsum"
    kept.write_bytes(write_summary(together))
    assert write_summary(summarize([str(kept)])) == write_summary(together)


def test_a_summary_has_no_records_to_choose_from(tmp_path):
    kept = tmp_path / "x.vmsum"
    kept.write_bytes(write_summary(summarize([str(SAMPLES / "13.2" / "badfault.log.xz")])))
    with pytest.raises(UsageError, match=r"x\.vmsum: is a summary"):
        summarize([str(kept)], Filter(pids=(1,)))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda data: data.replace(b'"vmsum":1', b'"vmsum":2', 1), "of version 2"),
        (lambda data: data[: len(data) // 2], "damaged"),
        (lambda data: data.replace(b'"tables"', b'"tables_"'), "damaged"),
        (lambda data: re.sub(rb'"longest":\[\d+', b'"longest":[null', data), "damaged"),
        (lambda data: re.sub(rb'"longest":\[\d+', b'"longest":[99999999999999999999', data), "damaged"),
    ],
)
def test_another_version_or_a_damaged_summary_is_refused(tmp_path, change, says):
    kept = tmp_path / "x.vmsum"
    kept.write_bytes(change(write_summary(summarize([str(SAMPLES / "13.2" / "badfault.log.xz")]))))
    with pytest.raises(DataError, match=says):
        summarize([str(kept)])


def test_of_selected_faults_those_out_of_balance_are_counted():
    uneven = pa.table({"locksum": pa.array([0, 1, 5], pa.uint64())})
    assert wrong_balance(uneven).to_pylist() == [{"measure": "unbalanced", "faults": 2}]
    assert not wrong_balance(pa.table({"ts": [1]})).num_rows


def test_calls_belong_to_the_second_that_ends_before_them():
    header = b"#vmtrace\t1\n#fields\tT\tts:time\n#fields\tC\tfn:str\tcalls:int\n#fields\tF\tts:time\trc:int\n"
    ticks = b"T\t5000000000\nC\tvm_fault\t3\nF\t5100000000\t0\nT\tdamaged\nC\tvm_fault\t4\n"
    parsed = read_block(Block(memoryview(header + ticks), 1, {}))
    calls = finish(summarize_block(parsed)).table("calls")
    assert calls.values.tolist() == [[NOT_RECORDED, "vm_fault", 4], [4, "vm_fault", 3]]


def test_counters_of_several_logs_add_where_each_read_them():
    fails, faults = "vm.uma.RADIX_NODE.stats.fails", "vm.stats.vm.v_vm_faults"
    each = [summarized(name) for name in ("13.2/clean", "13.2/failpoint-5pct")]
    both = each[0].merge(each[1]).total()
    for counter in (fails, faults):
        assert growth(both, counter) == sum(growth(of.total(), counter) for of in each)
    # A log that was killed has no reading from after it.
    cut = summarized("13.2/killed").merge(each[1]).total()
    assert growth(cut, fails) is None and not [row for row in counts(cut) if "vm.stats" in row.measure]
