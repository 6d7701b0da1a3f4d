"""What may be concluded from each recording: every claim answered once, and the findings that are shown of it."""

from dataclasses import replace
from functools import cache

import pytest
from recordings import SAMPLES, log, recordings, summarized, text
from told import assert_told, words

from analyzer.analysis.coverage import counts
from analyzer.analysis.failures import failed_calls
from analyzer.analysis.locks import lock_sites
from analyzer.ingest.parsed import Notice
from analyzer.report.build import build_document
from analyzer.summary.filters import Filter
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import LogSummary, Summary
from analyzer.verdict.check import Rules, check
from analyzer.verdict.claims import CLAIMS, kept_whole, why_not_clean
from analyzer.verdict.d4326 import d4326_events
from analyzer.verdict.finding import SEVERITIES, Finding
from analyzer.verdict.handled import failed_inserts
from analyzer.verdict.scope import gap
from analyzer.verdict.verdict import Verdict, judge

KNOWN = dict(recordings())


@cache
def judged(name: str, chosen: Filter | None = None) -> Verdict:
    return judge((summarize([log(name)], chosen) if chosen else summarized(name)).total())


def shown(name: str, kind: str, chosen: Filter | None = None) -> Finding:
    """The one finding of that kind."""
    (finding,) = [finding for finding in judged(name, chosen).findings if finding.kind == kind]
    return finding


def kinds(verdict: Verdict) -> list[str]:
    return [finding.kind for finding in verdict.findings]


@pytest.mark.parametrize("name", KNOWN)
def test_each_claim_is_answered_once_and_nothing_contradicts(name):
    found = judged(name)
    assert list(found.answers) == [claim.key for claim in CLAIMS]
    for answer in found.answers.values():
        marks = [mark for finding in found.findings for mark in finding.marks if mark.kind == answer.claim]
        sure = [finding for finding in answer.findings if finding.certainty == answer.certainty] or marks
        assert (answer.count or 0) == sum(finding.events for finding in sure)
        assert (answer.certainty in ("proved", "suspected")) == bool(answer.findings)
        assert bool(answer.reason) == (answer.certainty in ("suspected", "not measured"))
    order = [SEVERITIES.index(finding.severity) for finding in found.findings]
    assert order == sorted(order)
    assert ("gap" in kinds(found)) == (not KNOWN[name]["complete"] or "drops" in found.scope)
    if "gap" in kinds(found):
        assert "clean" not in {answer.certainty for answer in found.answers.values()}


def test_what_is_said_of_every_recording():
    assert_told("verdicts", "\n".join(line for name in KNOWN for line in ("", name, *words(judged(name)))))


def test_the_bug_of_d4326_is_one_finding_with_its_marks():
    found = judged("10.1/d4326")
    (double_free, lock_held) = sorted(KNOWN["10.1/d4326"]["alarms"])
    page, held = double_free.partition("page=")[2], lock_held.partition("object=")[2].split()[0]
    first = found.findings[0]
    assert (first.kind, first.severity, first.certainty) == ("d4326", "kernel bug", "proved")
    assert all(found.answers[mark.kind].certainty == "proved" for mark in first.marks)
    assert page in first.headline and held in first.headline and "thread 100051" in first.headline
    assert [mark.kind for mark in first.marks] == ["failed-insert", "failed-move-in-fault", "double-free", "lock-held"]
    assert not {"lock-held", "double-free", "failed-move-in-fault"} & set(kinds(found))
    # Nine faults did not return: one is the event's, the others wait for its lock.
    facts = KNOWN["10.1/d4326"]
    missing = facts["calls"]["vm_fault_hold"] - facts["records"]["F"]
    assert found.answers["never-returned"].count == missing
    assert shown("10.1/d4326", "never-returned").events == missing - 1
    inserts, failed = shown("10.1/d4326", "failed-insert"), sum(facts["alloc_failures"].values())
    assert inserts.events == failed - 1 and f"got no node {failed} times" in inserts.headline
    assert inserts.detail.endswith("1 of them is told in another finding.")


def test_the_mended_kernel_has_failed_renames_and_no_alarm():
    found = judged("10.1/failpoint-fixed")
    assert not {"d4326", "lock-held", "double-free"} & set(kinds(found))
    failed = KNOWN["10.1/failpoint-fixed"]["moves"]["rename rc=1 infault=1"]
    finding = shown("10.1/failpoint-fixed", "failed-move-in-fault")
    assert (finding.events, finding.severity, finding.certainty) == (failed, "needs a look", "suspected")


def test_the_leaked_lock_is_named_though_the_log_is_cut():
    ((tid, delta, lock),) = KNOWN["13.2/leak"]["imbalanced"]
    first = judged("13.2/leak").findings[0]
    assert (first.kind, first.certainty, first.severity) == ("lock-held", "proved", "kernel bug")
    assert lock in first.headline and f"thread {tid}" in first.headline and "leaker" in first.headline
    assert len(first.rows) == first.events == delta == 1


@pytest.mark.parametrize("name", ["13.2/drops", "13.2/large", "10.1/clean", "13.2/events-replace"])
def test_a_trace_that_lost_records_proves_nothing(name):
    found = judged(name)
    assert found.findings[0].kind == "gap"
    assert not {finding.certainty for finding in found.findings} & {"proved", "clean"}


def test_a_log_that_does_not_say_when_it_began_says_not_how_long_it_was():
    (found,) = gap(LogSummary(notices=[Notice(1, "aborted", 1, "", "x")], last_ts=5))
    assert found.headline == "The kernel stopped this trace before its end."


def test_a_double_free_long_after_a_failed_move_is_not_d4326():
    log = summarized("10.1/d4326-ssh").total()
    alarms = [row | {"before": []} for row in log.evidence["alarm"]]
    assert d4326_events(log) and not d4326_events(replace(log, evidence=log.evidence | {"alarm": alarms}))


def test_a_rate_of_all_inserts_stands(monkeypatch):
    failed = sum(KNOWN["13.2/failpoint-5pct"]["alloc_failures"].values())
    monkeypatch.setattr("analyzer.verdict.handled.insert_calls", lambda log: failed)
    (found,) = failed_inserts(summarized("13.2/failpoint-5pct").total())
    assert f"{failed} times of {failed} calls (100 %" in found.headline


def test_what_vmagg_only_counts_no_filter_keeps():
    claims = {claim.key: claim for claim in CLAIMS}
    for fields, kept in (({}, False), ({"F": []}, False), ({"M": [], "X": []}, True)):
        log = LogSummary(meta={"script": "vmagg", "fields": fields})
        assert (kept_whole(claims["double-free"], log) == claims["double-free"].exact) is kept
        assert not kept_whole(claims["failed-fault"], log)


def test_a_clean_log_says_so_and_shows_the_coverage_that_lets_it():
    first = judged("13.2/clean").findings[0]
    assert first.kind == first.certainty == "clean"
    faults, calls = KNOWN["13.2/clean"]["records"]["F"], KNOWN["13.2/clean"]["calls"]["vm_fault"]
    assert first.detail.startswith(f"{faults:,} faults recorded, {calls:,} counted (calls of vm_fault); no gap")


def test_lock_balance_of_10_is_not_measured_by_vmevents():
    answer = judged("10.1/events-rename").answers["lock-held"]
    assert answer.certainty == "not measured" and "10.x" in answer.reason


def test_two_frees_of_one_page_by_the_first_editions_counts_are_only_suspected():
    # Two inserts of that fault failed, and each gives its page back (docs/freebsd-vm-tracing.md, 12.9).
    found = judged("13.2/failpoint-5pct")
    answer = found.answers["double-free"]
    assert (answer.certainty, answer.severity, answer.count) == ("suspected", "cannot tell", 1)
    assert "twice" not in shown("13.2/failpoint-5pct", "clean").headline
    assert judged("13.2/clean").answers["double-free"].certainty == "not measured"


@pytest.mark.parametrize("name", [name for name, facts in KNOWN.items() if facts["complete"] and "calls" in facts])
def test_no_complete_trace_but_d4326_misses_a_return(name):
    certainty = judged(name).answers["never-returned"].certainty
    drops = any("drops" in message for message in KNOWN[name].get("dtrace_messages", ()))
    assert certainty == ("not measured" if drops else "proved" if name in ("10.1/d4326", "10.1/d4326-ssh") else "clean")


def test_a_move_that_failed_stands_below_the_insert_that_made_it_fail():
    finding = shown("13.2/failpoint-5pct", "failed-insert")
    failed = sum(n for what, n in KNOWN["13.2/failpoint-5pct"]["moves"].items() if "rc=1" in what)
    assert [(mark.kind, mark.events) for mark in finding.marks] == [("failed-move", failed)]
    assert finding.events == sum(KNOWN["13.2/failpoint-5pct"]["alloc_failures"].values())
    assert "failed-move" not in kinds(judged("13.2/failpoint-5pct"))


@pytest.mark.parametrize("name, certainty", [("13.2/agg-clean", "clean"), ("13.2/agg-5pct", "not measured")])
def test_counted_moves_that_did_not_fail_failed_nowhere(name, certainty):
    """vmagg of the first edition does not say which moves were inside faults."""
    assert judged(name).answers["failed-move-in-fault"].certainty == certainty


@pytest.mark.parametrize("name, inside, moved", [
    ("13.2/failpoint-5pct", ", 41 of them inside faults.", " 8 of them made a page move fail."),
    ("13.2/failpoint-1pct", ", all of them inside faults.", ""),
    ("13.2/agg-5pct", " %).", " 10 of them made a page move fail."),
])  # fmt: skip
def test_failed_inserts_tell_where_they_were_and_what_failed_of_them_as_far_as_it_was_recorded(name, inside, moved):
    found = shown(name, "failed-insert")
    assert found.headline.endswith(inside) and found.detail == f"Not every insert needs a new node.{moved}"


@pytest.mark.parametrize("chosen", [Filter(paths=("rename",)), Filter(paths=("copy",)), Filter(processes=("sh",)),
                                    Filter(since=1, until=2)], ids=str)  # fmt: skip
def test_what_a_filter_takes_away_is_still_told(chosen):
    found = judged("10.1/d4326", chosen)
    first = found.findings[0]
    assert (first.kind, first.severity, first.certainty) == ("outside", "kernel bug", "proved")
    assert first.headline.startswith(f"Outside your filter ({chosen}): ") and "review D4326" in first.headline
    assert found.answers["lock-held"].certainty == found.answers["never-returned"].certainty == "not measured"
    assert f"filter: {chosen}" in found.scope


def test_a_filter_that_keeps_the_bug_shows_it():
    found = judged("10.1/d4326", Filter(processes=("cow",)))
    assert found.findings[0].kind == "d4326" and found.findings[0].certainty == "proved"
    assert "vmfault10 does not" not in " ".join(finding.headline for finding in found.findings)
    assert found.answers["never-returned"].certainty == "not measured"


def test_a_process_of_a_clean_log_is_clean():
    found = judged("13.2/clean", Filter(processes=("cowmove",)))
    assert found.answers["lock-held"].certainty == found.answers["failed-fault"].certainty == "clean"
    failed = judged("13.2/clean").answers["failed-fault"].count
    assert shown("13.2/clean", "outside", Filter(processes=("cowmove",))).headline.partition("first: ")[2].startswith(
        f"{failed} of"
    )


def test_an_unpaired_acquire_of_vmevents_is_named_with_its_code_site(tmp_path):
    lines = text(SAMPLES / "13.2/events.log.xz").decode().splitlines(keepends=True)
    releases = [number for number, line in enumerate(lines) if line.startswith("L") and "\trw-release\t" in line]
    gone = lines.pop(releases[100]).split("\t")
    held, tid = gone[6], gone[4]
    taken = [line for line in lines[: releases[100]] if f"\t{tid}\trw-acquire\t{held}\t" in line][-1]
    (tmp_path / "leak.log").write_text("".join(lines))
    leaked = summarize([str(tmp_path / "leak.log")]).total()
    finding = judge(leaked).findings[0]
    assert (finding.kind, finding.certainty) == ("lock-held", "proved")
    assert [site.site for site in lock_sites(leaked) if site.unreleased] == [taken.rstrip("\n").split("\t")[-1]]
    assert held in finding.headline and f"thread {tid}" in finding.headline
    assert taken.rstrip("\n").split("\t")[-1] in finding.next_step


def changed(tmp_path, name: str, change) -> str:
    """A recording with its lines changed, as a file."""
    lines = text(SAMPLES / f"{name}.log.xz").decode().splitlines(keepends=True)
    (tmp_path / "changed.log").write_text("".join(change(lines)))
    return str(tmp_path / "changed.log")


@pytest.mark.parametrize("name, fails", [("15.0/failpoint-5pct", 68), ("15.0/agg-5pct", 77)])
def test_the_kernels_own_counter_speaks_where_the_script_cannot_see(name, fails):
    assert KNOWN[name]["counter_growth"]["vm.uma.RADIX_NODE.stats.fails"] == fails
    answer = judged(name).answers["failed-insert"]
    assert (answer.certainty, answer.count, answer.seen) == ("suspected", fails, False)
    assert "insert" not in shown(name, "clean").headline
    assert f"{fails} radix nodes" in shown(name, "failed-insert").headline


def test_d4326_is_named_on_a_stock_kernel_which_panics_at_the_double_free():
    name = "10.1/d4326-stock-panic"
    first = judged(name).findings[0]
    (alarm,) = KNOWN[name]["alarms"]
    assert (first.kind, first.certainty, first.severity) == ("d4326", "proved", "kernel bug")
    assert alarm.partition("page=")[2] in first.headline
    assert [mark.kind for mark in first.marks] == ["failed-insert", "failed-move-in-fault", "double-free"]
    # Its last second has no C lines: more faults are recorded than calls counted, and nothing follows.
    assert KNOWN[name]["records"]["F"] > KNOWN[name]["calls"]["vm_fault_hold"]
    assert judged(name).answers["never-returned"].certainty == "not measured"


def test_a_double_free_of_a_later_fault_is_not_d4326(tmp_path):
    def returned_in_between(lines):
        place = next(number for number, line in enumerate(lines) if line.startswith("X\t"))
        tid = lines[place].split("\t")[4]
        failed = [line.split("\t") for line in lines[:place] if line.startswith("M\t") and f"\t{tid}\t" in line][-1]
        fault = next(line.split("\t") for line in lines if line.startswith("F\t"))
        fault[1], fault[4], fault[9] = str(int(failed[1]) - 1000), tid, "2000"
        return [*lines[:place], "\t".join(fault), *lines[place:]]

    found = judge(summarize([changed(tmp_path, "10.1/d4326", returned_in_between)]).total())
    assert "d4326" not in kinds(found) and found.answers["double-free"].certainty == "proved"


def test_a_double_free_after_which_the_fault_returned_is_no_panic(tmp_path):
    def with_its_return(lines):
        freed = [line.split("\t") for line in lines if line.startswith("X\t")][-1]
        fault = next(line.split("\t") for line in lines if line.startswith("F\t"))
        fault[1], fault[4], fault[9] = str(int(freed[1]) - 10**6), freed[4], str(2 * 10**6)
        return [*lines[:-1], "\t".join(fault)]

    found = judge(summarize([changed(tmp_path, "10.1/d4326-stock-panic", with_its_return)]).total())
    assert "d4326" not in kinds(found) and found.answers["double-free"].certainty == "proved"


def test_calls_that_were_not_counted_to_the_end_miss_no_return(tmp_path):
    def without_last_counts(lines):
        counts = [(number, line) for number, line in enumerate(lines) if line.startswith("C\tvm_fault\t")]
        last = max(number for number, line in counts if not line.endswith("\t0\n"))
        return lines[:last] + lines[last + 1 :]

    log_path = changed(tmp_path, "13.2/clean", without_last_counts)
    answer = judge(summarize([log_path]).total()).answers["never-returned"]
    assert answer.certainty == "not measured" and "nothing follows" in answer.reason


def test_a_trace_that_the_kernel_stopped_says_first_how_much_it_has():
    facts = KNOWN["10.1/deadman"]
    first = judged("10.1/deadman").findings[0]
    part = facts["records"]["F"] / facts["counter_growth"]["vm.stats.vm.v_vm_faults"]
    assert first.kind == "gap"
    assert first.headline == (
        "The kernel stopped this trace before its end, 17.8 s after its beginning: "
        f"{part * 100:.1f} % of the faults were recorded."
    )


def test_counters_that_ran_over_are_no_imbalance_and_keep_it_from_clean(tmp_path):
    # What a fault that waited for memory and retried leaves in the packed counters (docs/freebsd-vm-tracing.md, 13.7).
    def retried(lines):
        place = next(number for number, line in enumerate(lines) if line.startswith("F\t"))
        columns = next(line for line in lines if line.startswith("#fields\tF")).split("\t")[2:]
        names = [column.partition(":")[0] for column in columns]
        record = lines[place].split("\t")
        for name, value in {"acq": 374, "rel": 376, "lockxor": "0x0", "insfails": 8, "lookups": 14}.items():
            record[1 + names.index(name)] = str(value)
        return [*lines[:place], "\t".join(record), *lines[place + 1 :]]

    answers = judge(summarize([changed(tmp_path, "13.2/clean", retried)]).total()).answers
    assert answers["lock-held"].certainty == "not measured" and "range" in answers["lock-held"].reason
    assert answers["failed-insert"].certainty == "clean"


def test_a_failed_move_is_doubted_where_its_thread_can_have_been_in_a_fault_when_tracing_began(tmp_path):
    whole = judged("13.2/failpoint-5pct").answers["failed-move"]

    def without_its_faults(lines):
        moves = (line.split("\t") for line in lines if line.startswith("M\t"))
        tid = next(move[4] for move in moves if (move[5], move[11]) == ("rename", "1"))
        return [line for line in lines if not (line.startswith("F\t") and f"\t{tid}\t" in line)]

    answers = judge(summarize([changed(tmp_path, "13.2/failpoint-5pct", without_its_faults)]).total()).answers
    assert (answers["failed-move"].certainty, answers["failed-move"].count) == ("proved", whole.count - 1)
    assert answers["failed-move"].findings[0].detail.startswith("1 more can have been in faults")
    assert answers["failed-move-in-fault"].reason == "1 failed move can have been in a fault that began before tracing"


def test_counts_of_inserts_that_a_record_has_no_room_for_are_not_measured(tmp_path):
    def overrun(lines):
        columns = next(line for line in lines if line.startswith("#fields\tF")).split("\t")[2:]
        place = 1 + [column.partition(":")[0] for column in columns].index("inserts")
        number = next(number for number, line in enumerate(lines) if line.startswith("F\t"))
        record = lines[number].split("\t")
        record[place] = str((1 << 16) + 1)
        return [*lines[:number], "\t".join(record), *lines[number + 1 :]]

    sections = build_document(summarize([changed(tmp_path, "15.0/fault2-5pct", overrun)]), top=5).sections
    sentence = next(section.sentence for section in sections if section.key == "coverage")
    assert "Not measured: retries and inserts of 1 fault with more than 65,536 inserts" in sentence


def test_there_is_no_rate_where_counts_of_calls_were_lost(tmp_path):
    def nearly_uncounted(lines):
        counts = [number for number, line in enumerate(lines) if line.startswith("C\tvm_radix_insert\t")]
        return [line for number, line in enumerate(lines) if number not in counts] + ["C\tvm_radix_insert\t1\n"]

    log = summarize([changed(tmp_path, "13.2/failpoint-5pct", nearly_uncounted)]).total()
    assert "vm_radix_insert" not in {call.function for call in failed_calls(log)}
    (rule,) = [rule for rule in check(Summary([log]), Rules(max_failure_rate={"vm_radix_insert": 0.0}), None).rules
               if "vm_radix_insert" in rule.rule]  # fmt: skip
    assert rule.outcome == "cannot tell"


def test_what_the_script_cannot_measure_is_not_missing():
    found = counts(summarized("13.2/clean").total())
    assert KNOWN["13.2/clean"]["calls"]["vm_page_replace"] == 1  # and it returns nowhere on 13.2
    assert not any("vm_page_replace" in row.measure for row in found)
    assert found and all(row.recorded >= row.expected for row in found)


def test_a_report_of_lock_waits_tells_of_no_claim():
    waits = summarize([str(SAMPLES / "13.2/raw/lockstat-hold.txt.xz")]).total()
    assert {why_not_clean(claim, waits) for claim in CLAIMS} == {"lockstat does not tell"}


def test_page_ins_are_held_against_the_kernels_own():
    facts = KNOWN["13.2/hostile-names"]
    asked = sum(number for path, number in facts["paths"].items() if int(path, 16) & 1)
    page_ins = facts["counter_growth"]["vm.stats.vm.v_io_faults"]
    sections = build_document(summarized("13.2/hostile-names"), top=5).sections
    sentence = next(section.sentence for section in sections if section.key == "paths")
    assert asked and f"in {asked} faults, not that a page came; the kernel counted {page_ins} page-ins" in sentence


def test_a_failure_that_caused_another_is_counted_once():
    facts = KNOWN["10.1/d4326"]
    inserts, moves = sum(facts["alloc_failures"].values()), facts["moves"]["rename rc=1 infault=1"]
    sections = build_document(summarized("10.1/d4326"), top=5).sections
    sentence = next(section.sentence for section in sections if section.key == "failures")
    assert sentence.startswith(f"{inserts} failures in all. {moves} move failed because an insert did")


def proved_before(tmp_path, name: str, outcomes: str) -> Verdict:
    """The verdict on a recording, had `vmtrace prove` found that on its kernel before."""
    proved = f"#host.proved\t13.2-RELEASE vmfault {outcomes}\n"
    return judge(summarize([changed(tmp_path, name, lambda lines: [proved, *lines])]).total())


def test_what_was_proved_wrong_on_a_kernel_takes_the_word_away(tmp_path):
    found = proved_before(tmp_path, "13.2/failpoint-5pct", "failed-inserts=wrong lock-balance=wrong results=exact")
    before = judged("13.2/failpoint-5pct")
    assert (before.answers["failed-insert"].certainty, before.answers["lock-held"].certainty) == ("proved", "clean")
    assert found.answers["failed-insert"].certainty == "suspected"
    assert found.answers["lock-held"].certainty == "not measured"
    for key in ("failed-insert", "lock-held"):
        assert found.answers[key].reason.startswith("'vmtrace prove' found the measure ")
    for key in ("failed-move", "failed-fault"):
        assert found.answers[key].certainty == before.answers[key].certainty == "proved"
    bug = proved_before(tmp_path, "10.1/d4326", "moves-rename=wrong").findings[0]
    assert (bug.kind, bug.certainty) == ("d4326", "suspected")
