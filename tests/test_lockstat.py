"""lockstat's reports."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.foreign.lockstat import parse_lockstat

RAW = Path(__file__).parent.parent / "samples" / "13.2" / "raw"


def read(name):
    return lzma.decompress((RAW / f"lockstat-{name}.txt.xz").read_bytes())


@pytest.mark.parametrize("name", ["contention", "hold"])
def test_every_line_of_the_recordings_is_understood(name):
    data = read(name)
    parsed = parse_lockstat(data)
    assert (parsed.unread, parsed.notices) == ([], [])
    assert parsed.tables["EV"].num_rows == data.count(b" events in ")
    assert parsed.tables["LS"].num_rows == sum(b"%" in line for line in data.split(b"\n"))
    objects = [row["object"] for row in parsed.tables["LS"].to_pylist()]
    assert objects.count(True) == sum(b" vm object  " in line for line in data.split(b"\n")) > 0


@pytest.mark.parametrize("name", ["contention", "hold"])
def test_shares_are_those_of_the_counts(name):
    parsed = parse_lockstat(read(name))
    events = {row["event"]: row["events"] for row in parsed.tables["EV"].to_pylist()}
    for row in parsed.tables["LS"].to_pylist():
        assert abs(100 * row["count"] / events[row["event"]] - row["indv"]) <= 0.5


def test_histograms_hold_the_averages():
    parsed = parse_lockstat(read("contention"))
    buckets = parsed.tables["LH"].to_pandas()
    for row in parsed.tables["LS"].to_pylist():
        own = buckets[buckets["row"] == row["line"]]
        assert own["count"].sum() == row["count"]
        low, high = ((own[side] * own["count"]).sum() / row["count"] for side in ("low", "high"))
        assert low <= row["mean"] < high


def test_stacks_stand_beside_the_histograms():
    parsed = parse_lockstat(read("contention"))
    row = next(row for row in parsed.tables["LS"].to_pylist() if row["object"])
    frames = [frame for frame in parsed.tables["ST"].to_pylist() if frame["row"] == row["line"]]
    assert [frame["frame"].split("+")[0] for frame in frames] == [
        "vm_map_remove",
        "vmspace_exit",
        "exit1",
        "sys_sys_exit",
    ]
    assert [frame["depth"] for frame in frames] == [0, 1, 2, 3]


def test_names_with_blanks():
    locks = set(parse_lockstat(read("hold")).tables["LS"]["lock"].to_pylist())
    assert {"vm map (user)", "vm active pagequeue", "pmap pv list"} <= locks


def test_what_is_not_understood_is_listed():
    parsed = parse_lockstat(b"hello\n" + b"    1 100% 100% 0.00  5218740 vm object   f+0x1\n" + read("hold"))
    assert [each.line for each in parsed.unread] == [1, 2]


@settings(deadline=None)
@given(st.sampled_from(["contention", "hold"]), st.data())
def test_a_cut_loses_the_cut_line_only(name, data):
    whole = read(name)
    cut = data.draw(st.integers(0, len(whole)))
    parsed, expected = parse_lockstat(whole[:cut]), parse_lockstat(whole)
    for tag in ("EV", "LS", "LH", "ST"):
        assert parsed.tables[tag] == expected.tables[tag].slice(0, parsed.tables[tag].num_rows)
    assert parsed.unread == []
    ended = whole[:cut].count(b"\n")
    assert parsed.tables["LS"].num_rows == sum(line <= ended for line in expected.tables["LS"]["line"].to_pylist())


@settings(deadline=None)
@given(st.text(alphabet=" |@-%.0123456789count indvLockCaller+x:\n", max_size=200))
def test_no_text_makes_it_fail(text):
    parse_lockstat(text.encode())
