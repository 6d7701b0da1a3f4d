"""What was zeroed for a page table is no zero-fill, however a log is read (docs/freebsd-vm-tracing.md, 13.19)."""

from collections import Counter

import pytest
from recordings import SAMPLES, log, summarized, text

import analyzer
from analyzer.host.live import Live

# Soft faults and faults of the bit `zero` alone, counted with awk: a page table where the script sees allocations.
SOFT = {
    "13.2/drops": (3947, 37), "13.2/watch-clean": (6303, 44), "13.2/agg-clean": (5518, 43),
    "15.0/fault2-clean": (7007, 5),
}  # fmt: skip
# Faults in which pmap_zero_page came before pmap_enter, counted by a program of its own.
ZEROED = {"13.2/events": 513, "13.2/events-replace": 2733, "15.0/events-5pct": 1192, "10.1/events-rename": 3138}


def by_path(recording: str) -> Counter[int]:
    faults = summarized(recording).logs[0].table("faults")
    return Counter(faults.groupby("path")["faults"].sum().to_dict())


@pytest.mark.parametrize("recording", SOFT)
def test_zero_without_an_allocation_is_no_step_where_allocations_are_seen(recording):
    paths = by_path(recording)
    assert (paths[0], paths[2]) == (sum(SOFT[recording]), 0)


def test_it_stays_zero_fill_where_no_allocation_can_be_seen():
    assert by_path("15.0/killed")[2] == 1262


@pytest.mark.parametrize("recording", ZEROED)
def test_what_is_zeroed_inside_pmap_enter_is_a_page_table(recording):
    assert sum(faults for path, faults in by_path(recording).items() if path & 0x2) == ZEROED[recording]


@pytest.mark.parametrize("recording", ["15.0/fault2-clean", "15.0/killed", "13.2/watch-clean"])
def test_the_live_view_and_tables_at_a_prompt_say_the_same(recording):
    paths, live = by_path(recording), Live()
    live.lines(text(SAMPLES / f"{recording}.log.xz").rpartition(b"\n")[0] + b"\n")
    assert {path: sum(found.values()) for path, found in live.latency.items()} == paths
    trace = analyzer.load(log(recording))
    latency = trace.tables.get("@latency")
    shown = trace.faults["path"].value_counts() if latency is None else latency.groupby("path")["count"].sum()
    assert shown.to_dict() == paths
