"""What the verdict says of each recording, and how sure it is."""

from functools import cache

import pytest
from recordings import SAMPLES, log, recordings, text

from analyzer.analysis.coverage import never_returned
from analyzer.summary.summarize import summarize
from analyzer.verdict.finding import ORDINARY, Finding
from analyzer.verdict.verdict import verdict

KNOWN = dict(recordings())


@cache
def judged(name: str) -> dict[str, Finding]:
    """The first finding of each kind, in the verdict's order."""
    found: dict[str, Finding] = {}
    for finding in verdict(summarize([log(name)]).total()):
        found.setdefault(finding.kind, finding)
    return found


def test_the_bug_of_d4326_is_named_with_its_marks():
    found = judged("10.1/d4326")
    (double_free, lock_held) = sorted(KNOWN["10.1/d4326"]["alarms"])
    page = double_free.partition("page=")[2]
    held = lock_held.partition("object=")[2].split()[0]
    first = next(iter(found.values()))
    assert first.kind == "d4326" and first.certainty == "proved"
    assert page in first.headline and held in first.headline and "thread 100051" in first.headline
    for kind in ("lock-held", "double-free", "never-returned", "failed-move-in-fault"):
        assert found[kind].certainty == "proved", kind
    facts = KNOWN["10.1/d4326"]
    missing = facts["calls"]["vm_fault_hold"] - facts["records"]["F"]
    assert found["never-returned"].headline.startswith(f"{missing} faults")


def test_the_mended_kernel_has_failed_renames_and_no_alarm():
    found = judged("10.1/failpoint-fixed")
    assert not {"d4326", "lock-held", "double-free"} & set(found)
    failed = KNOWN["10.1/failpoint-fixed"]["moves"]["rename rc=1 infault=1"]
    assert found["failed-move-in-fault"].headline.startswith(f"vm_page_rename failed {failed} of")


def test_the_leaked_lock_is_named_though_the_log_is_cut():
    ((tid, delta, lock),) = KNOWN["13.2/leak"]["imbalanced"]
    finding = next(iter(judged("13.2/leak").values()))
    assert finding.kind == "lock-held" and finding.certainty == "proved"
    assert lock in finding.headline and f"thread {tid}" in finding.headline
    assert len(finding.rows) == delta == 1


@pytest.mark.parametrize("name", ["13.2/drops", "13.2/large", "10.1/clean", "13.2/events-replace"])
def test_a_trace_that_lost_records_proves_nothing(name):
    found = judged(name)
    assert next(iter(found)) == "gap"
    assert not {finding.certainty for finding in found.values()} & {"proved", "clean"}


def test_a_clean_log_says_so_and_shows_the_coverage_that_lets_it():
    found = judged("13.2/clean")
    facts = KNOWN["13.2/clean"]
    assert next(iter(found)) == "clean" and found["clean"].certainty == "clean"
    assert set(found) <= ORDINARY | {"clean", "not-measured"}
    for number in (facts["records"]["F"], facts["counter_growth"]["vm.stats.vm.v_vm_faults"]):
        assert f"{number:,}" in found["clean"].detail


@pytest.mark.parametrize("name", ["13.2/killed", "13.2/leak", "10.1/clean"])
def test_a_cut_log_is_never_called_clean(name):
    assert "clean" not in judged(name) and "gap" in judged(name)


def test_lock_balance_of_10_is_not_measured_by_vmevents():
    found = judged("10.1/events-rename")
    assert "lock-held" not in found and "lock balance" in found["not-measured"].headline


def test_a_page_that_came_back_in_a_retry_is_only_suspected():
    # Two inserts of that fault failed, and each gives its page back (docs/freebsd-vm-tracing.md, 12.9).
    found = judged("13.2/failpoint-5pct")
    assert found["freed-again"].certainty == "suspected" and "double-free" not in found


@pytest.mark.parametrize("name", [name for name, facts in KNOWN.items() if facts["complete"] and "calls" in facts])
def test_no_complete_trace_but_d4326_misses_a_return(name):
    log_summary = summarize([log(name)]).total()
    if "dtrace_messages" in KNOWN[name] and any("drops" in text for text in KNOWN[name]["dtrace_messages"]):
        return
    assert (never_returned(log_summary) > 0) == (name in ("10.1/d4326", "10.1/d4326-ssh"))


def test_an_unpaired_acquire_of_vmevents_is_named_with_its_code_site(tmp_path):
    lines = text(SAMPLES / "13.2/events.log.xz").decode().splitlines(keepends=True)
    releases = [number for number, line in enumerate(lines) if line.startswith("L") and "\trw-release\t" in line]
    gone = lines.pop(releases[100]).split("\t")
    held, tid = gone[6], gone[4]
    taken = [line for line in lines[: releases[100]] if f"\t{tid}\trw-acquire\t{held}\t" in line][-1]
    (tmp_path / "leak.log").write_text("".join(lines))
    finding = verdict(summarize([str(tmp_path / "leak.log")]).total())[0]
    assert (finding.kind, finding.certainty) == ("lock-held", "proved")
    assert held in finding.headline and f"thread {tid}" in finding.headline
    assert taken.rstrip("\n").split("\t")[-1] in finding.next_step
