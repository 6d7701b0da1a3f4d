"""Every recording against what is known of it, counted line by line by a program that shares nothing with vmtrace."""

from collections import Counter

import pytest
from recordings import recordings, summarized

from analyzer.analysis import coverage, failures, imbalance
from analyzer.ingest.escapes import unescape
from analyzer.summary.summary import LogSummary

KNOWN = dict(recordings())
each_recording = pytest.mark.parametrize("name", KNOWN)


def summary_of(name: str) -> LogSummary:
    return summarized(name).total()


def by(frame, key, value):
    """{key: sum of value} of a table, without what is 0."""
    return {k: int(n) for k, n in frame.groupby(key)[value].sum().items() if n}


def made_of_records(name: str) -> bool:
    return bool(KNOWN[name]["records"].get("F")) and not counted_in_sections(name)


def counted_in_sections(name: str) -> bool:
    return "watch" in KNOWN[name]


@each_recording
def test_records_of_every_tag_are_counted(name):
    assert by(summary_of(name).table("records"), "tag", "records") == KNOWN[name]["records"]


@each_recording
def test_lines_that_cannot_be_read_are_counted_and_no_others(name):
    assert summary_of(name).unread_count == KNOWN[name]["unreadable_records"]


@each_recording
def test_messages_of_dtrace_are_kept_in_their_order(name):
    texts = [notice.text.removeprefix("dtrace: ") for notice in summary_of(name).notices if notice.kind != "no-trailer"]
    assert texts == KNOWN[name].get("dtrace_messages", [])


@pytest.mark.parametrize("name", list(filter(made_of_records, KNOWN)))
def test_faults_by_result_path_and_process(name):
    faults, facts = summary_of(name).table("faults"), KNOWN[name]
    assert {str(rc): n for rc, n in by(faults, "rc", "faults").items()} == facts["results"]
    assert {hex(path): n for path, n in by(faults, "path", "faults").items()} == facts["paths"]
    assert by(faults, "execname", "faults") == {unescape(process): n for process, n in facts["execnames"].items()}


@pytest.mark.parametrize("name", list(filter(made_of_records, KNOWN)))
def test_moves_calls_and_insert_failures(name):
    summary, facts = summary_of(name), KNOWN[name]
    moves = summary.table("moves").groupby(["fn", "rc", "infault"])["moves"].sum()
    assert {f"{fn} rc={rc} infault={where}": n for (fn, rc, where), n in moves.items()} == facts["moves"]
    assert by(summary.table("calls"), "fn", "calls") == facts["calls"]
    inserts = Counter()
    for (_, _, infault), failed in coverage.failed_inserts(summary).items():
        inserts[f"infault={infault}"] += failed
    assert inserts == facts.get("alloc_failures", {})
    failed = sum(stack.failed for stack in failures.insert_stacks(summary))
    assert failed == sum(facts.get("alloc_failures", {}).values())


@pytest.mark.parametrize("name", list(filter(counted_in_sections, KNOWN)))
def test_what_was_counted_in_sections(name):
    summary, facts = summary_of(name), KNOWN[name]
    found = {"faults by latency": summary.faults}
    found["faults by process"] = int(summary.table("processes")["faults"].sum())
    found |= {f"faults rc={rc}": n for rc, n in by(summary.table("processes"), "rc", "faults").items()}
    moved = summary.table("moves").groupby(["fn", "rc", "infault"])["moves"].sum()
    found |= {f"moves {fn} rc={rc} infault={where}": int(n) for (fn, rc, where), n in moved.items()}
    found |= {f"moldbusy {busy}": n for busy, n in by(summary.table("replaced"), "busy", "pages").items()}
    failed = sum(stack.failed for stack in failures.insert_stacks(summary))
    assert found | ({"failed inserts by stack": failed} if failed else {}) == facts["watch"]
    assert by(summary.table("calls"), "fn", "calls") == facts["calls"] == {"vm_fault": summary.faults}
    assert {str(rc): n for rc, n in by(summary.table("faults"), "rc", "faults").items()} == {
        key.removeprefix("faults rc="): n for key, n in facts["watch"].items() if "rc=" in key and "faults" in key
    }
    chosen = [row for rows in summary.evidence.values() for row in rows]
    assert len(chosen) == facts["records"].get("F", 0)


@each_recording
def test_the_kernels_counters_grew_as_known(name):
    for counter, growth in KNOWN[name].get("counter_growth", {}).items():
        assert coverage.growth(summary_of(name), counter) == growth


@each_recording
def test_a_log_with_its_trailer_is_told_from_one_without(name):
    missing = any(gap.kind == "no-trailer" for gap in coverage.gaps(summary_of(name)))
    assert missing is not KNOWN[name]["complete"]


@pytest.mark.parametrize("name", list(filter(made_of_records, KNOWN)))
def test_imbalanced_faults_are_found_and_no_others(name):
    rows = [row for group in imbalance.leaks(summary_of(name), lambda row: True) for row in group.rows]
    found = [[str(row["tid"]), row["delta"], hex(row["lock"])] for row in rows]
    assert found == KNOWN[name].get("imbalanced", [])


@each_recording
def test_alarms(name):
    rows = summary_of(name).evidence.get("alarm", [])
    found = {f"{row['kind']} object={row['object']:#x} page={row['page']:#x}": 1 for row in rows}
    assert found == KNOWN[name].get("alarms", {})


@each_recording
def test_seconds_and_histograms_add_up_to_all_faults(name):
    summary = summary_of(name)
    total = int(summary.table("faults")["faults"].sum())
    assert int(summary.table("latency")["faults"].sum()) == total
    if made_of_records(name) or counted_in_sections(name):
        assert int(summary.table("seconds")["faults"].sum()) == total


def test_failed_inserts_are_the_growth_of_the_zones_fail_count():
    names = ("13.2/failpoint-1pct", "13.2/failpoint-5pct", "13.2/agg-5pct", "15.0/fault2-5pct")
    for name in (*names, "13.2/watch-5pct", "15.0/watch-5pct"):
        failed, _ = failures.node_allocation_failures(summary_of(name))
        assert sum(coverage.failed_inserts(summary_of(name)).values()) == failed > 0
