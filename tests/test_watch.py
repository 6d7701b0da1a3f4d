"""A vmwatch log: sections that come again and add, cut anywhere and merged in any order; records are evidence only."""

import random
import re
from itertools import pairwise

import pytest
from recordings import SAMPLES, text

from analyzer.analysis import coverage, failures, imbalance, moves, paths
from analyzer.errors import DataError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block, read_directives
from analyzer.ingest.own_pages import keep_own_pages
from analyzer.ingest.read import VMTRACE, read_whole
from analyzer.ingest.records import UNDECLARED
from analyzer.ingest.sources import Source
from analyzer.report.export import folded
from analyzer.summary.filters import Filter
from analyzer.summary.saved import read_summary, write_summary
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import Summary, add, finish, merge, summarize_block
from analyzer.verdict.verdict import judge
from bench.make_watch import make_watch

FAILING = SAMPLES / "15.0" / "watch-5pct.log.xz"
LEFT_HELD = 0xFFFFF80006DF3108


@pytest.fixture(scope="module")
def minutes(tmp_path_factory):
    """Two minutes of a vmwatch log."""
    path = tmp_path_factory.mktemp("watch") / "minutes.log"
    make_watch(str(FAILING), 2 / 60, path)
    return path


def summary_of(path):
    return summarize([str(path)]).total()


def sums(log, timed=True):
    """Every table's rows, those of a second with it or without."""
    found = {}
    for name, table in log.tables.items():
        frame = table.to_pandas()
        keys = [key for key in frame.columns[:-1] if timed or key != "second"]
        found[name] = frame.groupby(keys, dropna=False)[frame.columns[-1]].sum().to_dict()
    return found


def test_sections_of_one_name_add(minutes):
    once, often = summary_of(FAILING), summary_of(minutes)
    assert often.faults == 4 * once.faults == coverage.calls(often, "vm_fault")
    assert often.table("processes")["faults"].sum() == 12 * once.table("processes")["faults"].sum()
    assert sum(stack.failed for stack in failures.insert_stacks(often)) == 12 * 64
    assert set(often.table("seconds")["second"]) == {0, 30, 60, 90}
    assert set(often.table("failures")["second"]) == set(range(0, 120, 10))
    assert sum(second.recorded for second in coverage.coverage_seconds(often)) == often.faults


@pytest.mark.parametrize("name", ["15.0/watch-clean", "15.0/watch-5pct"])
def test_a_filter_says_that_it_does_not_cut_what_was_counted_in_sections(name):
    log = summarize([str(SAMPLES / f"{name}.log.xz")], Filter(since=0.5)).total()
    assert log.faults == 0 < log.whole.faults and judge(log).scope.endswith(coverage.UNFILTERED)
    if not log.evidence:
        with pytest.raises(DataError, match=coverage.UNFILTERED):
            coverage.require_records(log)


def test_a_log_cut_at_any_section_has_what_stood_before(minutes, tmp_path):
    whole = minutes.read_bytes()
    sections = [match.start() for match in re.finditer(rb"#aggregation\t(\w+)", whole)]
    counted = 0
    for cut in sections[:: len(sections) // 12]:
        (tmp_path / "cut.log").write_bytes(whole[:cut])
        log = summary_of(tmp_path / "cut.log")
        stacks = len(re.findall(rb"^ {16}\d+$", whole[:cut], re.MULTILINE))
        assert len(failures.insert_stacks(log)) == (7 if stacks else 0) and log.unread_count == 0
        assert log.faults == 19264 * whole.count(b"\n#aggregation\tlatency", 0, cut)
        assert coverage.missing_returns(log) is None and not coverage.is_complete(log)
        assert log.faults >= counted
        counted = log.faults


def test_blocks_cut_anywhere_are_one_log(minutes):
    head = read_directives(next(blocks(Source(str(minutes)))))
    whole = summary_of(minutes)
    for size in (20_000, 70_000, 1_000_000):
        parts = [
            summarize_block(keep_own_pages(read_block(block), head), head["script"], head["timestamp"], head["select"])
            for block in blocks(Source(str(minutes)), size)
        ]
        assert len(parts) > 1 or size == 1_000_000
        assert finish(merge(parts)).tables == whole.tables


def test_sections_merge_in_any_order(minutes):
    data = minutes.read_bytes()
    edges = [0, *(match.start() for match in re.finditer(rb"#aggregation\t", data)), len(data)]
    head = read_directives(Block(memoryview(data), 1, UNDECLARED))
    known = next(blocks(Source(str(minutes)), 1_000_000)).records | {
        tag: kind for block in blocks(Source(str(minutes)), 20_000) for tag, kind in block.records.items()
    }
    parts = [
        summarize_block(
            keep_own_pages(read_block(Block(memoryview(data[a:b]), 1, known)), head),
            head["script"], head["timestamp"], "F",
        )
        for a, b in pairwise(edges)
    ]
    random.Random(7).shuffle(parts)
    merged = add(parts)
    assert sums(merged, timed=False) == sums(summary_of(minutes), timed=False)


def test_records_of_a_selection_are_evidence_and_no_count(tmp_path):
    recorded = text(SAMPLES / "13.2" / "watch-clean.log.xz")
    at = recorded.index(b"\nF\t") + 1
    words = recorded[at : recorded.index(b"\n", at)].split(b"\t")
    words[9] = b"0x%x" % (LEFT_HELD + 1)
    leak = b"\t".join(words) + b"\n"
    (tmp_path / "leak.log").write_bytes(recorded[:at] + leak + recorded[at:])
    log, clean = summary_of(tmp_path / "leak.log"), summary_of(SAMPLES / "13.2" / "watch-clean.log.xz")
    assert log.faults == clean.faults == imbalance.counted(log, "balance asked")
    assert imbalance.counted(log, "unbalanced") == 1 and imbalance.counted(clean, "unbalanced") == 0
    (group,) = imbalance.leaks(log, lambda row: True)
    assert (group.first["lock"], group.first["delta"]) == (LEFT_HELD, 1)
    assert len(failures.selected_faults(log)) == len(failures.selected_faults(clean)) == 20
    assert failures.failures_by(log, "process") == failures.failures_by(clean, "process")
    assert imbalance.unreturned(log) == []


def test_costs_come_from_the_distributions(minutes):
    log = summary_of(minutes)
    costs = paths.path_costs(log)
    assert sum(cost.faults for cost in costs) == log.faults
    assert 0.04 < paths.latency_resolution(log) <= 0.05  # 100 steps a decade: a bucket is at most 10 % wide
    assert all(1e4 < cost.p50 < 1e6 and cost.oncpu is cost.retries is None for cost in costs)
    bins = log.table("latency")
    times = log.table("faults").groupby("path")["dur"].sum()
    for path, part in bins.groupby("path"):
        low, high = ((part[edge] * part["faults"]).sum() for edge in ("low", "high"))
        total = times[path]
        assert low / 4 <= total / 12 <= high / 4  # latency came 4 times, total 12 times
    assert all(cost.time is None for cost in paths.process_costs(log))
    assert all(1e2 < move.p50 < 1e7 for move in moves.move_percentiles(log))


def test_stacks_of_failed_inserts_are_one_tree_and_fold():
    tree = failures.stack_tree(summary_of(FAILING))
    assert sum(box.end - box.start for box in tree if box.depth == 0) == max(box.end for box in tree) == 64
    for box in tree:
        above = [other for other in tree if other.depth == box.depth - 1]
        assert sum(other.start <= box.start and box.end <= other.end for other in above) == (box.depth > 0)
    folding = folded(read_whole(Source(str(FAILING)), VMTRACE).tables)
    assert sum(int(line.rpartition(" ")[2]) for line in folding) == 64
    assert any("vmspace_fork+" in line and "vm_object_split" in line for line in folding)


def test_balance_that_was_not_asked_is_not_clean(tmp_path):
    recorded = text(SAMPLES / "13.2" / "watch-clean.log.xz").replace(b"locksum:addr", b"unasked:addr")
    (tmp_path / "unasked.log").write_bytes(recorded)
    log = summary_of(tmp_path / "unasked.log")
    assert imbalance.counted(log, "balance asked") == 0 and not imbalance.balance_is_measured(log)
    answer = judge(log).answers["lock-held"]
    assert answer.certainty == "not measured" and "not asked" in answer.reason
    assert judge(summary_of(SAMPLES / "13.2" / "watch-clean.log.xz")).answers["lock-held"].certainty == "clean"


def test_who_moved_pages():
    log = summary_of(SAMPLES / "13.2" / "movers.log.xz")
    found = [(mover.mover, mover.moves, mover.failed) for mover in moves.moves_by_caller(log)]
    assert found == [("collapse", 705, 5), ("fork's split", 129, 1), ("the fault", 1, 0)]
    assert [(cost.moves, cost.failed) for cost in moves.move_costs(log)] == [(834, 6), (1, 0)]
    assert moves.moves_by_caller(summary_of(FAILING)) == []


def test_replaced_pages_were_busy():
    assert moves.replaced_busy(summary_of(SAMPLES / "15.0" / "watch-clean.log.xz")) == (40, 40)
    assert moves.replaced_busy(summary_of(SAMPLES / "15.0" / "fault2-clean.log.xz")) == (16, 16)
    assert moves.replaced_busy(summary_of(SAMPLES / "13.2" / "clean.log.xz")) == (0, 0)


def test_a_saved_summary_stands_for_the_log(minutes):
    log = summarize([str(minutes)])
    saved = write_summary(log)
    again = read_summary(saved, "s")
    assert again.total() == log.total() and write_summary(again) == saved
    assert len(saved) < minutes.stat().st_size / 10
    assert isinstance(again, Summary)
