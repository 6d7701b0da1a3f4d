"""procstat and ps of a box that hangs: who waits, alone and beside a trace."""

import json
import lzma

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import SAMPLES, log

from analyzer.ingest.formats import FORMATS
from analyzer.ingest.sniff import sniff
from analyzer.summary.summarize import summarize
from analyzer.summary.waiting import sentence

LISTS = {"procstat": SAMPLES / "10.1/raw/procstat-hang.txt.xz", "ps": SAMPLES / "10.1/raw/ps-hang.txt.xz"}
# Read off the two files: seven threads stand in a lock function inside vm_fault_hold, one of them for the map's lock.
ON_OBJECT, ON_MAP = [100052, 100053, 100054, 100055, 100057, 100059], [100058]


def rows(name):
    return summarize([str(LISTS[name])]).total().evidence["waiting"]


def test_procstat_says_who_waits_for_which_kind_of_lock_and_where():
    found = rows("procstat")
    assert {row["inside"] for row in found} == {"vm_fault_hold"}
    assert [row["tid"] for row in found if row["wants"] == "a read/write lock"] == ON_OBJECT
    assert [row["tid"] for row in found if row["wants"] == "a sleepable lock"] == ON_MAP


def test_ps_says_who_is_blocked_on_a_lock():
    assert [(row["tid"], row["wants"], row["inside"]) for row in rows("ps")] == [
        (tid, "a lock", "") for tid in ON_OBJECT
    ]


def test_a_reason_with_blanks_is_one():
    waiters = FORMATS["ps"].parse(lzma.decompress(LISTS["ps"].read_bytes())).tables["W"].to_pylist()
    assert [(row["tid"], row["wmesg"], row["state"]) for row in waiters if row["tid"] == 100058] == [
        (100058, "vm map (", "DL")
    ]


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"  PID    TID COMM                TDNAME              KSTACK                       \n", "procstat"),
        (b"  PID WCHAN  TT  STAT    TIME COMMAND\n    7 wait   u0- I    0:00.01 sh\n", "ps"),
    ],
)
def test_other_headings_are_told(head, name):
    assert sniff(head).format == name
    assert FORMATS[name].parse(head).unread == []


def test_newer_names_are_longer():
    line = b"   12 100017 geom                g_event              mi_switch+0xc2 sleepq_timedwait+0x2f _sleep+0x1c8\n"
    (row,) = FORMATS["procstat"].parse(line).tables["W"].to_pylist()
    assert (row["pid"], row["tid"], row["comm"], row["stack"].count("\n")) == (12, 100017, "geom", 2)


def test_beside_a_trace_one_sentence_says_who_waits(vmtrace):
    run = vmtrace("report", log("10.1/d4326"), LISTS["procstat"], LISTS["ps"], "--format", "json")
    first = json.loads(run.stdout)["findings"][0]
    assert "D4326" in first["headline"]
    assert "wait for a read/write lock in vm_fault_hold" in first["detail"] and "100052" in first["detail"]
    # The recordings are of two runs: the owner's process, 70, is not in the lists.
    assert "nobody of pid 70 is among them" in first["detail"]


@pytest.mark.parametrize("owner, doubted", [(None, False), (7, False), (8, True)])
def test_a_list_without_the_owner_may_be_of_another_moment(owner, doubted):
    row = {"pid": 7, "tid": 1, "execname": "cow", "wants": "a lock", "inside": ""}
    doubt = "; nobody of pid 8 is among them, so it may show another moment" if doubted else ""
    assert sentence([row], owner) == f"1 thread of cow (1) waits for a lock{doubt}."


def test_nobody_waits_no_sentence():
    assert sentence([]) == ""


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(LISTS)), st.data())
def test_a_cut_loses_the_cut_line_only(name, data):
    whole = lzma.decompress(LISTS[name].read_bytes())
    cut = data.draw(st.integers(0, len(whole)))
    parsed = FORMATS[name].parse(whole[:cut])
    lines = whole[:cut].count(b"\n")
    expected = [row for row in FORMATS[name].parse(whole).tables["W"].to_pylist() if row["line"] <= lines]
    assert parsed.tables["W"].to_pylist() == (expected if lines or name == "procstat" else [])
