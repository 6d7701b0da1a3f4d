"""The analyses that known.json has no number for, against what the recordings' makers counted otherwise."""

import math
from collections import Counter

import numpy as np
import pytest
from recordings import log, recordings, summarized

from analyzer import load
from analyzer.analysis import coverage, failures, imbalance, moves, paths, steps
from analyzer.analysis.events import events
from analyzer.analysis.statistics import wilson
from analyzer.summary.histogram import Bin, bounds, bucket, percentiles, resolution, shown_percentiles
from analyzer.summary.step_times import reduce_step_times
from analyzer.summary.summary import LogSummary
from analyzer.summary.tables import as_table

KNOWN = dict(recordings())


def summary_of(name: str) -> LogSummary:
    return summarized(name).total()


def one_move(name: str) -> moves.MoveCost:
    (cost,) = moves.move_costs(summary_of(name))
    return cost


def test_radix_operations_of_a_rename():
    # samples/README.md: 108 renames, two removes, a lookup and an insert each.
    cost = one_move("10.1/events-rename")
    assert cost.moves == KNOWN["10.1/events-rename"]["counter_growth"]["vm.stats.vm.v_cow_optim"]
    assert (cost.removes, cost.lookups, cost.inserts, cost.replaces) == (2, 1, 1, 0)


def test_radix_operations_of_a_replace():
    # samples/README.md: 84 pages moved: 84 radix removes and 84 radix replaces.
    cost = one_move("13.2/events-replace")
    assert cost.moves == KNOWN["13.2/events-replace"]["counter_growth"]["vm.stats.vm.v_cow_optim"]
    assert (cost.removes, cost.lookups, cost.inserts, cost.replaces) == (1, 0, 0, 1)


def test_steps_make_the_faults_that_must_fail():
    # badfault made five of each.
    rates = failures.failure_rates(summary_of("13.2/events-badfault"))
    results = {"KERN_INVALID_ADDRESS", "KERN_PROTECTION_FAILURE", "KERN_OUT_OF_BOUNDS"}
    assert {rate.result for rate in rates} == results and {rate.failed for rate in rates} == {5}


def test_what_a_histogram_does_not_say_is_not_said():
    doubling = [Bin(1024, 2048, 3), Bin(2048, 4096, 1)]
    assert shown_percentiles(doubling, [0.5, 0.9]) == [(1024, 2048), None]
    fine = [Bin(10, 11, 1), Bin(4096, 4160, 99)]
    assert shown_percentiles(fine, [0.01, 0.99]) == [10, (4096 + 4159) / 2]


@pytest.mark.parametrize("name", ["13.2/clean", "10.1/badfault"])
def test_percentiles_are_within_one_percent_of_the_exact_ones(name):
    trace, summary = load(log(name)), summary_of(name)
    costs = {cost.path: cost for cost in paths.path_costs(summary)}
    for path, durations in trace.faults.groupby("path_name")["dur"]:
        ordered = durations.sort_values().to_numpy()
        for column, part in paths.PERCENTILES.items():
            if len(ordered) * (1 - part) < 1:  # too few to say
                assert getattr(costs[path], column) is None
                continue
            exact = ordered[math.ceil(part * len(ordered)) - 1]
            assert getattr(costs[path], column) == pytest.approx(exact, rel=0.01), (path, column)
        assert costs[path].longest == ordered[-1]
        assert costs[path].time == durations.sum()


def test_buckets_hold_their_values_and_are_narrow():
    values = [0, 1, 63, 64, 65, 127, 128, 1000, 12345, 10**6 + 7, 10**9 + 1, 2**52, 10**17]
    for value, low, high in zip(values, *bounds(bucket(np.array(values))), strict=True):
        assert low <= value < high
        assert high - low <= max(1, low / 64)


def test_a_coarse_histogram_says_how_coarse():
    assert paths.latency_resolution(summary_of("13.2/clean")) < 0.01
    assert paths.latency_resolution(summary_of("13.2/agg-clean")) == 0.5


def test_events_of_which_not_all_are_kept_are_those_of_each_second(monkeypatch):
    log = summarized("13.2/failpoint-5pct").total()
    kept = [event for event in events(log) if event.kind == "insert failed"]
    monkeypatch.setattr("analyzer.analysis.events.CAP", 0)
    counted = [event for event in events(log) if event.kind == "insert failed"]
    assert {event.text for event in counted} == {"in that second"}
    assert {event.second - 0.5: event.number for event in counted} == Counter(int(event.second) for event in kept)


@pytest.mark.parametrize("infault, kind", [({"infault": 1}, "in a fault"), ({"infault": 0}, "outside faults"),
                                           ({"infault": -1}, "outside faults"), ({}, "outside faults")])  # fmt: skip
def test_a_failed_move_is_an_event_wherever_it_was(infault, kind):
    row = {"ts": 2_500_000_000, "line": 1, "execname": "cow", "tid": 7, "fn": "rename", "rc": 1, **infault}
    (event,) = events(LogSummary(evidence={"failed-move": [row]}))
    assert event == (2.5, f"move failed {kind}", False, 1, "cow, thread 7")


def test_moments_of_d4326():
    lock, page = imbalance.imbalance_points(summary_of("10.1/d4326-ssh"))
    assert (lock.kind, lock.delta, lock.label) == ("lock held", 1, "0xfffff80001cf6800\ncow, thread 100086")
    assert (page.kind, page.delta, page.label) == ("double free", 0, "0xfffff8007fc42e68\ncow, thread 100086")
    assert 0 < lock.second - page.second < 0.01


def test_who_moved_most_stands_first():
    moved = [mover.moves for mover in moves.moves_by_caller(summary_of("13.2/movers"))]
    assert moved == sorted(moved, reverse=True) and len(set(moved)) > 1


def test_a_wait_for_a_lock_ends_where_it_is_recorded():
    steps_of = ["vm_fault", "pmap_copy_page", "pmap_copy_page", "rw-block", "vm_fault"]
    times = reduce_step_times(list("EERLR"), steps_of, [0, 1, 4, 11, 13], [5], [0])
    spent = {row["step"]: row["dur"] for row in times.to_pylist()}
    assert spent == {"rest": 1 + 2, "copying": 3, "lock wait": 7}


def test_a_fault_waits_for_no_less_than_no_time():
    row = {"execname": "cow", "path": 0, "rc": 0, "faults": 1, "dur": 10, "oncpu": 12, "retries": 3, "longest": 10}
    faults = as_table("faults", {name: [value] for name, value in row.items()})
    fields = {"F": [("ts", "time"), ("oncpu", "ns")]}
    (cost,) = paths.path_costs(LogSummary(meta={"fields": fields}, tables={"faults": faults}))
    assert (cost.oncpu, cost.waiting, cost.retries, cost.longest) == (12, 0, None, 10)


def test_a_value_is_known_within_half_of_its_bucket():
    assert resolution([Bin(4, 6, 1), Bin(100, 101, 1), Bin(8, math.inf, 1)]) == 0.25
    assert resolution([Bin(0, 64, 1), Bin(4, 5, 1)]) == 0


def test_percentiles_of_one_value():
    assert percentiles([Bin(5, 6, 1)], [0.5, 1.0]) == [5, 5]


def test_wilson_against_published_values():
    # Newcombe 1998, Statistics in Medicine 17:857, table I, method 3.
    for failed, of, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
    ):
        assert wilson(failed, of) == pytest.approx((low, high), abs=5e-5)


def test_the_fail_point_of_a_log_is_read():
    assert failures.fail_point(summary_of("10.1/d4326")) == ("uma_zalloc_arg", 0.05)
    assert failures.fail_point(summary_of("13.2/clean")) is None


def test_results_are_named_for_the_release():
    old, new = ({call.result for call in failures.failed_calls(summary_of(f"{of}/badfault"))} for of in (10.1, 13.2))
    assert "KERN_OUT_OF_BOUNDS" in new - old


@pytest.mark.parametrize("name", ["13.2/leak", "13.2/events-badfault"])
def test_the_slowest_faults_and_the_hottest_places(name):
    summary, trace = summary_of(name), load(log(name))
    slowest, hot = paths.slowest_faults(summary), paths.hottest(summary)
    durations, times = [fault.duration for fault in slowest], [place.time for place in hot]
    assert durations == sorted(durations, reverse=True) and times == sorted(times, reverse=True)
    assert sum(place.faults for place in hot) == summary.faults
    assert sum(place.share_of_time for place in hot) == pytest.approx(1)
    if "F" in trace.tables:
        ordered = trace.faults.sort_values(["dur", "line"], ascending=[False, True]).head(50)
        assert durations == ordered["dur"].tolist()
        assert {fault.line for fault in slowest[:40]} <= set(trace.faults.nlargest(50, "dur", keep="all")["line"])
    else:
        assert len(slowest) == min(50, summary.faults)


@pytest.mark.parametrize("name", ["13.2/events-badfault", "10.1/events-rename"])
def test_a_fault_taken_apart_is_the_whole_fault(name):
    summary = summary_of(name)
    costs = steps.step_costs(summary)
    assert sum(cost.time for cost in costs) == summary.sum("faults", "dur")
    for path in {cost.path for cost in costs}:
        assert sum(cost.share for cost in costs if cost.path == path) == pytest.approx(1)
    if name == "10.1/events-rename":
        (moved,) = [cost for cost in costs if (cost.path, cost.step) == ("rename", "page move")]
        assert moved.faults == moved.paths_faults == 108


def test_a_section_of_vmwatch_is_no_longer_than_its_trace():
    assert coverage.step(summary_of("15.0/watch-clean")) == 6  # of 5.6 s
