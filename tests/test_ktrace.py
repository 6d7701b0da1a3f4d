"""ktrace.out read directly: the same as kdump's text of the same file."""

import lzma
import re
import struct
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.foreign import ktrace
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.gears import merge_parsed

SAMPLES = Path(__file__).parent.parent / "samples"
PAIRS = [
    (path, text)
    for path in sorted(SAMPLES.glob("*/raw/ktrace-*.out.xz"))
    for text in sorted(path.parent.glob(path.name.replace("ktrace", "kdump").replace(".out.xz", "*.txt.xz")))
]


parse_kdump, parse_ktrace = FORMATS["kdump"].parse, FORMATS["ktrace"].parse


def read(path):
    return lzma.decompress(path.read_bytes())


@pytest.mark.parametrize("pair", PAIRS, ids=lambda pair: f"{pair[0].parts[-3]}-{pair[1].stem}")
def test_equal_to_the_text_of_the_same_file(pair):
    raw, text = parse_ktrace(read(pair[0])), parse_kdump(read(pair[1]))
    assert (raw.unread, raw.notices) == ([], [])
    columns = ["pid", "va", "prot", "rc", "execname"]
    start = 0 if text.meta["time"] == "absolute" else raw.tables["K"]["ts"][0].as_py()
    if text.meta["threads"]:
        columns += ["tid", "dur"]
        for table in ("F", "K"):
            shifted = [ts - start for ts in raw.tables[table]["ts"].to_pylist()]
            assert shifted == text.tables[table]["ts"].to_pylist()
        assert raw.tables["K"].select(["tid"]) == text.tables["K"].select(["tid"])
    assert raw.tables["F"].select(columns) == text.tables["F"].select(columns)
    columns = ["pid", "comm", "type"]
    assert raw.tables["K"].select(columns) == text.tables["K"].select(columns)


def words(body):
    """kdump's body without what the raw file does not hold: names of calls, texts of errors, data."""
    return re.sub(r"(-1 errno \d+) .*", r"\1", body.split("\n")[0])


@pytest.mark.parametrize("name", ["13.2/raw/{}-all", "15.0/raw/{}-exterr-faults"])
def test_bodies_are_those_of_kdump(name):
    raw = parse_ktrace(read(SAMPLES / f"{name.format('ktrace')}.out.xz")).tables["K"].to_pylist()
    text = parse_kdump(read(SAMPLES / f"{name.format('kdump')}-HT.txt.xz")).tables["K"].to_pylist()
    names = {}
    for ours, theirs in zip(raw, text, strict=True):
        if theirs["type"] in ("PFLT", "PRET", "NAMI", "CSW", "GIO", "EERR", "ARGS", "ENVS"):
            assert ours["body"] == words(theirs["body"])
        elif theirs["type"] in ("CALL", "RET"):
            number, name = (re.match(r"[^ (]+", record["body"])[0] for record in (ours, theirs))
            assert names.setdefault(number, name) == name
        if theirs["type"] == "RET":
            assert ours["body"].partition(" ")[2] == words(theirs["body"]).partition(" ")[2]
    assert len(set(names.values())) == len(names)


def record(kind, payload, tid=1, version=None, dropped=False, when=(5, 6)):
    kind |= 0x8000 if dropped else 0
    if version is None:
        return struct.pack("<iH2xi20sqqq", len(payload), kind, 7, b"sh", *when, tid) + payload
    return struct.pack("<iHhi20sqqqi4x", len(payload), kind | 0x4000, version, 7, b"sh", *when, tid, 3) + payload


FAULT = struct.pack("<Qi4x", 0x1000, 3)
END = struct.pack("<i", 5)


def test_versioned_headers_carry_nanoseconds():
    data = record(13, FAULT, version=0) + record(14, END, version=0, when=(5, 106))
    parsed = parse_ktrace(data)
    assert parsed.tables["F"].select(["ts", "tid", "va", "prot", "rc", "dur"]).to_pylist() == [
        {"ts": 5_000_000_006, "tid": 1, "va": 0x1000, "prot": 3, "rc": 5, "dur": 100}
    ]


def test_both_headers_in_one_file():
    parsed = parse_ktrace(record(13, FAULT) + record(14, END, version=0, when=(5, 6000)))
    assert parsed.tables["F"]["dur"].to_pylist() == [0]


def test_lost_records_are_a_gap():
    notices = parse_ktrace(record(13, FAULT) + record(14, END, dropped=True)).notices
    assert [(notice.line, notice.kind, notice.where) for notice in notices] == [(2, "drop", "pid 7")]


def test_interleaved_threads_and_a_fault_without_end():
    parsed = parse_ktrace(record(13, FAULT) + record(13, FAULT, tid=2) + record(14, END, tid=2))
    assert parsed.tables["F"]["tid"].to_pylist() == [2]
    assert parsed.tables["PFLT"]["tid"].to_pylist() == [1]
    assert [notice.kind for notice in parsed.notices] == ["unfinished-fault"]


def test_what_is_no_record_is_listed_and_a_gap():
    good = record(13, FAULT) + record(14, END)
    parsed = parse_ktrace(good + b"\xff" * 80)
    assert parsed.tables["F"].num_rows == 1
    assert [(each.line, each.column, each.size) for each in parsed.unread] == [(3, len(good) + 1, 80)]
    assert [notice.kind for notice in parsed.notices] == ["cut"]
    short = parse_ktrace(record(13, FAULT[:4]) + good)
    assert [each.line for each in short.unread] == [1]
    assert short.tables["F"].num_rows == 1


def test_a_type_that_is_not_known_is_skipped_by_its_length_and_listed():
    parsed = parse_ktrace(record(13, FAULT) + record(29, b"x" * 41, version=0) + record(14, END))
    assert parsed.tables["F"].num_rows == 1
    assert [(each.line, each.size) for each in parsed.unread] == [(2, 41)]


def test_extended_errors_are_all_there():
    """9 EERR records and 354 faults, as grep counts them in kdump's text of the same file."""
    types = parse_ktrace(read(SAMPLES / "15.0/raw/ktrace-exterr-faults.out.xz")).tables["K"]["type"].to_pylist()
    assert (types.count("EERR"), types.count("PFLT"), types.count("PRET")) == (9, 354, 354)


def test_parts_make_no_difference(monkeypatch):
    data = read(SAMPLES / "15.0/raw/ktrace-exterr-faults.out.xz")
    monkeypatch.setattr(ktrace, "_PART", 100)
    several = list(ktrace.parse_ktrace([data[at : at + 999] for at in range(0, len(data), 999)]))
    assert len(several) > 10
    assert merge_parsed(several) == parse_ktrace(data)


@settings(deadline=None, max_examples=100)
@given(st.data())
def test_a_cut_loses_the_cut_record_only(data):
    whole = read(SAMPLES / "13.2/raw/ktrace-all.out.xz")[:20000]
    cut = data.draw(st.integers(0, len(whole)))
    records = parse_ktrace(whole[:cut]).tables["K"]
    assert records == parse_ktrace(whole).tables["K"].slice(0, records.num_rows)
    parsed = parse_ktrace(whole[:cut])
    assert parsed.unread == []
    read_to = records["line"].to_pylist()[-1] if records.num_rows else 0
    following = [line for line in parse_ktrace(whole).tables["K"]["line"].to_pylist() if line > read_to][:1]
    cuts = [notice.line for notice in parsed.notices if notice.kind == "cut"]
    assert all(line >= cut_line for line in following for cut_line in cuts)


@settings(deadline=None)
@given(st.binary(max_size=300), st.integers(0, 3))
def test_no_bytes_make_it_fail(noise, records):
    parsed = parse_ktrace(record(13, FAULT) * records + noise)
    assert parsed.tables["K"].num_rows >= records


@settings(deadline=None)
@given(st.integers(1, 40), st.binary(max_size=60))
def test_any_data_of_a_record_is_read_or_listed(kind, payload):
    parsed = parse_ktrace(record(kind, payload) + record(13, FAULT))
    assert parsed.tables["K"].num_rows + len(parsed.unread) >= 1
