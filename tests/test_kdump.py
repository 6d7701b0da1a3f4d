"""kdump's text: every flag, both spellings, pairs, and the two gears."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.foreign import kdump
from analyzer.ingest.foreign.kdump import Layout, detect_layout
from analyzer.ingest.foreign.kdump import parse_kdump as parts
from analyzer.ingest.gears import merge_parsed
from analyzer.ingest.sniff import sniff

SAMPLES = Path(__file__).parent.parent / "samples"
TEXTS = sorted(SAMPLES.glob("*/raw/kdump-*.txt.xz"))


def parse_kdump(data, bulk=True):
    return merge_parsed(list(parts([data], bulk)))


def text(release, name):
    return lzma.decompress((SAMPLES / release / "raw" / f"kdump-{name}.txt.xz").read_bytes())


def results(parsed):
    rc = parsed.tables["F"]["rc"].to_pylist()
    return {code: rc.count(code) for code in set(rc)}


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_line_of_the_recordings_is_understood(path):
    data = lzma.decompress(path.read_bytes())
    parsed = parse_kdump(data)
    assert (parsed.unread, parsed.notices) == ([], [])
    types = parsed.tables["K"]["type"].to_pylist()
    assert types.count("PFLT") == data.count(b" PFLT  ") == parsed.tables["F"].num_rows
    further = sum(body.count("\n") for body in parsed.tables["K"]["body"].to_pylist())
    assert len(types) + further == data.count(b"\n")


@pytest.mark.parametrize("path", TEXTS, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_lark_alone_reads_the_same(path):
    data = lzma.decompress(path.read_bytes())
    assert parse_kdump(data) == parse_kdump(data, bulk=False)


@pytest.mark.parametrize("flags", ["", "-dn", "-HT", "-HE", "-HR"])
def test_badfault_failed_five_times_each(flags):
    counts = results(parse_kdump(text("13.2", f"badfault{flags}")))
    assert {code: counts[code] for code in (1, 2, 9)} == {1: 5, 2: 5, 9: 5}


@pytest.mark.parametrize("flags", ["", "-HT"])
def test_badfault_on_10_has_no_out_of_bounds(flags):
    """There a fault beyond the end of the object is a protection failure too: 5 and 5."""
    counts = results(parse_kdump(text("10.1", f"badfault{flags}")))
    assert {code: count for code, count in counts.items() if code} == {1: 5, 2: 10}


@pytest.mark.parametrize("load", ["badfault", "cowmove"])
def test_all_flags_tell_the_same(load):
    absolute, elapsed, since = (parse_kdump(text("13.2", f"{load}-H{flag}")) for flag in "TER")
    assert elapsed.tables == since.tables
    assert [parsed.meta["time"] for parsed in (absolute, elapsed, since)] == ["absolute", "elapsed", "elapsed"]
    start = absolute.tables["K"]["ts"][0].as_py()
    shifted = [ts - start for ts in absolute.tables["F"]["ts"].to_pylist()]
    assert shifted == elapsed.tables["F"]["ts"].to_pylist()
    columns = ["tid", "va", "prot", "rc", "dur", "execname"]
    assert absolute.tables["F"].select(columns) == elapsed.tables["F"].select(columns)


def test_without_flags_the_same_faults():
    plain, threads = parse_kdump(text("13.2", "badfault")), parse_kdump(text("13.2", "badfault-HT"))
    columns = ["pid", "va", "prot", "rc", "execname"]
    assert plain.tables["F"].select(columns) == threads.tables["F"].select(columns)
    assert plain.tables["F"]["tid"].null_count == plain.tables["F"].num_rows


def test_what_stands_around_a_fault():
    timeline = parse_kdump(text("13.2", "all-HT")).tables["K"].to_pylist()
    signal = next(place for place, record in enumerate(timeline) if record["type"] == "PSIG")
    assert [record["type"] for record in timeline[signal - 2 : signal]] == ["PFLT", "PRET"]
    assert timeline[signal - 1]["body"] == "KERN_INVALID_ADDRESS"
    assert "SEGV_MAPERR" in timeline[signal]["body"]
    assert any(record["type"] == "GIO" and "includedir" in record["body"] for record in timeline)


LAYOUTS = {
    "     7 sh       {}  {}\n": Layout(False, 0, False),
    "     7    101 sh       {}  {}\n": Layout(True, 0, False),
    "     7    101 sh       1795375063.000001 {}  {}\n": Layout(True, 1, False),
    "     7    101 a b c d e f g h 1795375063.000001 1.000001 {}  {}\n": Layout(True, 2, False),
    "     7 sh       1795375063.000000001 1.000000001 -0.000000001   3 {}  F64  {}\n": Layout(False, 3, True),
    "     7    101 sh         3 {}  F64  {}\n": Layout(True, 0, True),
}


@pytest.mark.parametrize("form", LAYOUTS)
def test_flags_are_detected(form):
    lines = form.format("PFLT", "0x1000 0x3<VM_PROT_READ|VM_PROT_WRITE>") + form.format("PRET", "KERN_SUCCESS")
    lines += form.format("RET ", "read -1 errno 35") + form.format("CSW ", 'stop user "ast"')
    assert detect_layout(lines.splitlines()) == LAYOUTS[form]
    for bulk in (True, False):
        parsed = parse_kdump(lines.encode(), bulk)
        assert parsed.unread == []
        assert parsed.tables["F"].select(["pid", "va", "prot", "rc"]).to_pylist() == [
            {"pid": 7, "va": 0x1000, "prot": 3, "rc": 0}
        ]
        assert parsed.tables["K"]["type"].to_pylist() == ["PFLT", "PRET", "RET", "CSW"]
        assert parsed.tables["K"]["body"].to_pylist()[2:] == ["read -1 errno 35", 'stop user "ast"']


@pytest.mark.parametrize(
    ("words", "mask"),
    [
        ("VM_PROT_NONE", 0),
        ("0<VM_PROT_NONE>", 0),
        ("VM_PROT_READ|VM_PROT_EXECUTE", 5),
        ("0x12<VM_PROT_WRITE|VM_PROT_PRIV_FLAG>", 0x12),
        ("0x42<VM_PROT_WRITE><invalid>64", 0x42),
        ("VM_PROT_WRITE<invalid>64", 0x42),
    ],
)
def test_protections_in_both_spellings(words, mask):
    lines = f"     7 sh       PFLT  0x1000 {words}\n     7 sh       PRET  <invalid=9>\n"
    for bulk in (True, False):
        fault = parse_kdump(lines.encode(), bulk).tables["F"].to_pylist()[0]
        assert (fault["prot"], fault["rc"]) == (mask, 9)


def threads(*events):
    """kdump -H of (tid, "PFLT" address or "PRET" result)."""
    kinds = {True: "PFLT  0x{:x} VM_PROT_READ", False: "PRET  <invalid={}>"}
    return "".join(f"     7 {tid:6} sh       {kinds[kind].format(value)}\n" for tid, kind, value in events).encode()


@pytest.mark.parametrize("name", ["all-HT", "cowmove-HR", "cowmove"])
def test_parts_make_no_difference(name, monkeypatch):
    data = text("13.2", name)
    whole = parse_kdump(data)
    monkeypatch.setattr(kdump, "_PART", 3000)
    several = list(parts([data[at : at + 999] for at in range(0, len(data), 999)]))
    assert len(several) > 20
    assert merge_parsed(several) == whole


def test_interleaved_threads_are_paired_each():
    parsed = parse_kdump(threads((1, True, 16), (2, True, 32), (1, False, 5), (2, False, 6)))
    faults = parsed.tables["F"].select(["tid", "va", "rc"]).to_pylist()
    assert faults == [{"tid": 1, "va": 16, "rc": 5}, {"tid": 2, "va": 32, "rc": 6}]
    assert parsed.notices == []


def test_without_threads_a_doubtful_pair_is_said():
    data = threads((1, True, 16), (2, True, 32), (1, False, 5), (2, False, 6), (1, True, 48), (1, False, 0))
    parsed = parse_kdump(data.replace(b"      1 sh", b" sh").replace(b"      2 sh", b" sh"))
    assert parsed.tables["F"]["rc"].to_pylist() == [5, 6, 0]
    assert [(notice.kind, notice.count) for notice in parsed.notices] == [("ambiguous-pairs", 2)]


def test_what_has_no_partner_is_reported():
    parsed = parse_kdump(threads((1, False, 5), (1, True, 16), (1, True, 32), (1, False, 0), (2, True, 48)))
    assert parsed.tables["F"]["va"].to_pylist() == [32]
    assert parsed.tables["PFLT"]["va"].to_pylist() == [16, 48]
    assert parsed.tables["PRET"]["rc"].to_pylist() == [5]
    assert [(notice.line, notice.kind, notice.where) for notice in parsed.notices] == [
        (1, "end-without-fault", "tid 1"),
        (2, "unfinished-fault", "tid 1"),
        (5, "unfinished-fault", "tid 2"),
    ]


def test_lost_records_are_a_gap():
    data = threads((1, True, 16)) + b"     7      1 sh       Events dropped.\n" + threads((1, False, 0))
    for bulk in (True, False):
        notices = parse_kdump(data, bulk).notices
        assert [(notice.line, notice.kind, notice.where) for notice in notices] == [(2, "drop", "pid 7")]


def test_what_is_not_understood_is_listed():
    data = b"\tgoes on\n" + threads((1, True, 16)) + b"hello\n     7      1 sh       PFLT  0xzz VM_PROT_READ\n"
    parsed = parse_kdump(data)
    assert [each.line for each in parsed.unread] == [1, 3, 4]
    assert parse_kdump(data, bulk=False) == parsed


LINES = st.sampled_from([line for path in TEXTS for line in lzma.decompress(path.read_bytes()).splitlines()[::7]])
NOISE = st.text(alphabet=" 0123456789.xPFLTRECALNK_-<>=\t", max_size=60).map(str.encode)
FORGED = st.sampled_from(
    [
        b"  858 100094 a CALL  b 1.000000 PFLT  0x1 VM_PROT_READ",
        b"  9 9 9 9 9 9 9 9 PRET  KERN_FAILURE",
        b"     7 abcdefgh 1.000000 x -1.000000 PRET  <invalid=-5>",
        b"     7 sh       9999999999.999999999 PRET  KERN_SUCCESS",
        b"     7 sh       8999999999.999999999 PRET  KERN_SUCCESS",
        b"     7 sh       Events dropped.",
        b"     7 12 Events dropped.",
        b"       ",
        b"",
        b"     7 sh       PRET  KERN_FOO",
    ]
)


@settings(deadline=None, max_examples=150)
@given(st.lists(st.one_of(LINES, FORGED, NOISE), max_size=12))
def test_the_gears_agree_on_any_text(lines):
    data = b"\n".join([*lines, b""])
    assert parse_kdump(data) == parse_kdump(data, bulk=False)


@settings(deadline=None, max_examples=60)
@given(st.binary(max_size=200))
def test_no_bytes_make_it_fail(data):
    assert parse_kdump(data) == parse_kdump(data, bulk=False)


@settings(deadline=None, max_examples=40)
@given(st.data())
def test_a_cut_loses_no_whole_record(data):
    whole = text("13.2", "all-HT")
    cut = data.draw(st.integers(0, len(whole)))
    records = parse_kdump(whole[:cut]).tables["K"]
    expected = parse_kdump(whole).tables["K"].slice(0, records.num_rows)
    columns = ["line", "pid", "tid", "comm", "ts", "type"]
    assert records.select(columns) == expected.select(columns)
    lines = whole[:cut].count(b"\n")
    assert records.num_rows == sum(line <= lines for line in parse_kdump(whole).tables["K"]["line"].to_pylist())


def test_what_the_collector_says_above_kdumps_text_is_kept():
    whole = text("13.2", "badfault-HT")
    parsed = parse_kdump(b"#host.kdump\t-HT\n#osreldate\t1302001\n" + whole)
    assert (parsed.meta["host.kdump"], parsed.meta["osreldate"], parsed.unread) == ("-HT", 1302001, [])
    assert parsed.tables["F"]["line"].to_pylist() == [n + 2 for n in parse_kdump(whole).tables["F"]["line"].to_pylist()]
    assert sniff(b"#host.kdump\t-HT\n" + whole).format == "kdump"
