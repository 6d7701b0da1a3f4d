"""dtrace(1)'s own text: rows, flow, aggregations, what scripts print, messages between."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.lines import whole_lines

RAW = Path(__file__).parent.parent / "samples" / "13.2" / "raw"
TEXTS = ["default-agg", "default-trace", "droptags", "errors", "flowindent", "nomatch", "quantize", "stacks"]


def read(name):
    return lzma.decompress((RAW / f"{name}.txt.xz").read_bytes())


def kinds(parsed):
    found = [notice.kind for notice in parsed.notices]
    return {kind: found.count(kind) for kind in found}


@pytest.mark.parametrize("name", TEXTS)
def test_every_line_of_the_recordings_is_understood(name):
    parsed = parse_dtrace(read(name))
    assert parsed.unread == []
    assert not {"unknown", "cut"} & set(kinds(parsed))
    assert parse_dtrace(read(name), bulk=False) == parsed


def test_results_of_badfault_in_an_aggregation():
    """badfault made 10 of each (SIGSEGV 20, SIGBUS 10)."""
    parsed = parse_dtrace(read("default-agg"))
    rows = parsed.tables["A1"].to_pylist()
    failed = {row["key2"]: row["value"] for row in rows if row["key1"] == "badfault" and row["key2"]}
    assert failed == {1: 10, 2: 10, 9: 10}
    assert parsed.tables["TEXT"]["text"].to_pylist() == ["SIGSEGV 20 SIGBUS 10"]


def test_faults_of_default_rows():
    parsed = parse_dtrace(read("default-trace"))
    assert parsed.tables["TEXT"]["text"].to_pylist() == ["SIGSEGV 6 SIGBUS 3"]
    faults = parsed.tables["F"]
    rc = faults["rc"].to_pylist()
    assert [rc.count(code) for code in (1, 2, 9)] == [3, 3, 3]
    assert faults.num_rows * 2 == parsed.tables["D"].num_rows
    assert set(faults["execname"].to_pylist()) == {"badfault"}
    failed = {(fault["va"], fault["rc"]) for fault in faults.to_pylist() if fault["rc"] == 1}
    assert failed == {(0, 1)}
    assert kinds(parsed)["assumed"] == 1


def test_flow_has_depths():
    parsed = parse_dtrace(read("flowindent"))
    table = parsed.tables["D"].to_pylist()
    assert {row["function"]: row["depth"] for row in table}["vm_fault"] == 0
    assert {row["depth"] for row in table if row["function"] != "vm_fault"} == {1}
    faults = [row for row in table if row["function"] == "vm_fault"]
    assert len(faults) == 2 * parsed.tables["F"].num_rows


def test_every_error_is_a_notice():
    parsed = parse_dtrace(read("errors"))
    assert kinds(parsed)["error"] == read("errors").count(b"error on enabled probe")


def test_distributions_count_what_the_kernel_counted():
    parsed = parse_dtrace(read("quantize"))
    counts = parsed.tables["A1"].to_pandas().groupby(["key1", "key2"])["count"].sum()
    assert counts["ns"].to_dict() == counts["us"].to_dict()
    assert parsed.tables["A2"].to_pandas()["count"].sum() == counts["ns"].sum()
    assert parsed.tables["A3"]["key1"].to_pylist() == ["avg", "max", "stddev"]
    assert kinds(parsed)["dynamic-variable-drop"] == 2


def test_stacks_are_keys():
    parsed = parse_dtrace(read("stacks"))
    assert parsed.tables["A1"]["stack"].to_pylist()[2].split("\n")[1] == "kernel`trap+0x440"
    assert parsed.tables["A2"].column_names == ["stack", "key2", "value"]


ROW = f"{0:3d} {21928:6d} {'vm_fault:entry':>32} "


def parse(*lines, bulk=True):
    return parse_dtrace("".join(f"{line}\n" for line in lines).encode(), bulk)


def test_values_behind_a_probe():
    parsed = parse(ROW + f" {5:16d}  {'a b':<33}", ROW + f" {-7:8d}", ROW + "hello 12 = x", ROW, ROW + f"  {'c':<33}")
    table = parsed.tables["D"].to_pylist()
    assert [(row["v1"], row["v2"]) for row in table] == [
        ("5", "a b"),
        ("-7", None),
        (None, None),
        (None, None),
        ("c", None),
    ]
    assert [row["text"] for row in table] == [None, None, "hello 12 = x", None, None]


def test_a_stack_belongs_to_its_row():
    frames = [f"{'':14}kernel`trap+0x440", f"{'':14}0xffffffff8085d9c8"]
    parsed = parse(ROW, *frames, "", "printed", *frames, "")
    stack = "kernel`trap+0x440\n0xffffffff8085d9c8"
    assert parsed.tables["D"]["stack"].to_pylist() == [stack]
    assert parsed.tables["TEXT"].to_pylist() == [{"line": 5, "text": "printed", "stack": stack}]


def test_messages_may_stand_anywhere():
    parsed = parse_dtrace(read("quantize"))
    lines = read("quantize").split(b"\n")
    message = b"dtrace: 3 drops on CPU 1"
    broken = parse_dtrace(b"\n".join(part for line in lines for part in (line, message))[: -len(message)])
    assert {name: table for name, table in broken.tables.items()} == parsed.tables
    assert kinds(broken)["drop"] == len(lines) - 1


def test_what_scripts_print():
    parsed = parse("pid=7 va=0x1000 name=sh", "pid=8 va=0x2000", "1\t0x10\tsh", "2\t0x20\tls")
    assert parsed.tables["PAIRS"].drop_columns("line").to_pylist() == [
        {"pid": 7, "va": 0x1000, "name": "sh"},
        {"pid": 8, "va": 0x2000, "name": None},
    ]
    assert parsed.tables["FIELDS"].drop_columns("line").to_pylist() == [
        {"f1": 1, "f2": 16, "f3": "sh"},
        {"f1": 2, "f2": 32, "f3": "ls"},
    ]


def test_a_printed_key_before_its_distribution():
    block = read("quantize").decode().split("\n")[6:9]
    parsed = parse("path 48", *block, "")
    assert set(parsed.tables["A1"]["key1"].to_pylist()) == {"path 48"}
    assert "TEXT" not in parsed.tables


def test_what_cannot_be_paired_is_said():
    other = ROW.replace("vm_fault:entry ", "vm_fault:return").replace("  0", "  1", 1)
    parsed = parse(ROW + f" {0:16d}", ROW + f" {0:16d}", other + f" {0:16d}")
    assert parsed.tables["F"].num_rows == 0
    assert [notice.count for notice in parsed.notices if notice.kind == "unpaired"] == [3]


def test_buckets_without_a_header_are_listed():
    assert [each.line for each in parse(f"{1024:>16} |@@ {1:<9}").unread] == [1]


LINES = st.sampled_from([line for name in TEXTS for line in read(name).decode().split("\n")[:40]])
NOISE = st.text(alphabet=" 0123456789:|@->=<.`x\t#", max_size=60)


ROWS = st.text(alphabet=" 0123-ab\t", max_size=80).map(lambda values: ROW + values)


@settings(deadline=None, max_examples=100)
@given(st.lists(st.one_of(LINES, NOISE, ROWS), max_size=12))
def test_the_gears_agree_on_any_text(lines):
    assert parse(*lines) == parse(*lines, bulk=False)


@settings(deadline=None)
@given(st.sampled_from(TEXTS), st.data())
def test_a_cut_loses_no_record_before_it(name, data):
    whole = read(name)
    cut = data.draw(st.integers(0, len(whole)))
    parsed = parse_dtrace(whole[:cut])
    lines = whole[:cut].count(b"\n")
    for table in ("D", "TEXT"):
        expected = parse_dtrace(whole).tables.get(table)
        count = sum(line <= lines for line in expected["line"].to_pylist()) if expected else 0
        assert (parsed.tables[table].num_rows if table in parsed.tables else 0) == count
    assert "cut" in kinds(parsed) or whole[:cut][-1:] in (b"\n", b"")


def test_a_cut_inside_a_distribution_is_said():
    lines = read("quantize").split(b"\n")
    ends = [number for number, line in enumerate(lines) if b"|" in line]
    for number in ends:
        parsed = parse_dtrace(b"\n".join(lines[: number + 1]) + b"\n")
        assert [notice.line for notice in parsed.notices if notice.kind == "cut"] == [number + 1]


def test_what_stands_around_a_message_goes_on_in_a_line_that_is_cut():
    lines, (cut,) = whole_lines(b"xdtrace: 3 drops on CPU 0\ny")
    assert (lines, cut.line, cut.kind) == (["dtrace: 3 drops on CPU 0"], 2, "cut")
