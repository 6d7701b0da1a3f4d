"""dtrace's JSON: every recording against its counts, and against the text that the same D program printed."""

import json
import lzma
import math
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.analysis.coverage import gaps
from analyzer.errors import DataError
from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.foreign.json_stream import pieces
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.sniff import sniff
from analyzer.summary.summarize import summarize

JSON = Path(__file__).parent.parent / "samples/15.0/json"
KNOWN = json.loads((JSON / "known.json").read_text())


def read(name):
    return lzma.decompress((JSON / f"{name}.xz").read_bytes())


def parse(data):
    return FORMATS["dtrace-json"].parse(data)


def probe(function, name, output, cpu=0, ts=1, **more):
    where = {"provider": "fbt", "module": "kernel", "function": function, "name": name}
    return {"timestamp": ts, "cpu": cpu, "id": 7, **where, "output": output, **more}


STACK = {"stack-frames": [{"symbol": "kernel`trap+0x440", "module": "kernel", "name": "trap", "offset": "0x440"}]}
PROBES = [
    probe("vm_fault", "entry", [{"message": "va 4096 sh"}, {"value": 4096}, {"value": "sh"}]),
    probe("vm_fault", "return", [{"value": 1}], ts=2),
    probe("vm_fault", "entry", [{"value": 8192}, {"value": "ls"}, STACK], ts=3),
    probe("vm_fault", "return", [{"value": 0}], ts=4),
    {
        "timestamp": 5,
        "cpu": -1,
        "id": -1,
        "provider": "dtrace",
        "module": "INTERNAL",
        "function": "INTERNAL",
        "name": "DROP",
        "count": 9,
        "total": 12,
        "kind": "PRINCIPAL",
        "msg": "9 drops on CPU 1\n",
    },
    probe(
        "",
        "END",
        [
            {
                "aggregation-data": [{"keys": [{"value": "sh"}, {"value": 1}], "count": 5}],
                "aggregation-name": "results",
            },
            {
                "aggregation-data": [{"keys": [], "buckets": [{"value": 1, "count": 0}, {"value": 2, "count": 3}]}],
                "aggregation-name": "times",
            },
            {"aggregation-data": [{"keys": [STACK], "sum": 4}], "aggregation-name": ""},
            {"something": "new"},
        ],
        ts=6,
    ),
]
TEXT = json.dumps({"dtrace": {"probes": PROBES}}).encode()
PRETTY = json.dumps({"dtrace": {"probes": PROBES}}, indent=2).encode()


def chunks(data, size):
    return [data[at : at + size] for at in range(0, len(data), size)]


@pytest.mark.parametrize("name", KNOWN)
def test_every_recording_is_read_whole(name):
    data, known = read(name), KNOWN[name]
    assert sniff(data).format == "dtrace-json"
    parsed = parse(data)
    assert parsed.unread == [] or name.startswith("agg-__func")
    assert parsed.tables["J"].num_rows == known["firings"]
    kinds = [notice.kind for notice in parsed.notices]
    own = ("assumed", "unpaired", "as-json")
    assert len([kind for kind in kinds if kind not in own]) == known["messages"] + known["drops"]
    assert "cut" not in kinds and "unknown" not in kinds
    if "F" in parsed.tables and known["results"]:
        results = parsed.tables["F"]["rc"].to_pylist()
        unpaired = sum(notice.count for notice in parsed.notices if notice.kind == "unpaired")
        assert 0 <= sum(known["results"].values()) - len(results) <= unpaired
        assert unpaired or {str(rc): results.count(rc) for rc in set(results)} == known["results"]


def aggregated(parsed):
    """All aggregations in their order: keys, and a value or the buckets that hold something."""
    found = []
    for tag in sorted((tag for tag in parsed.tables if re.match(r"A\d", tag)), key=lambda tag: int(tag[1:])):
        for row in parsed.tables[tag].to_pylist():
            keys = tuple(value for name, value in row.items() if name.startswith("key"))
            if "value" in row:
                found.append((keys, row["value"]))
            else:
                found.append((keys, (row["low"], row["high"], row["count"])))
    return found


def test_aggregations_are_those_of_the_text_number_by_number():
    ours = aggregated(parse(read("known-aggs.json")))
    assert ours == aggregated(parse_dtrace(read("known-aggs.txt")))
    # The D program's own numbers: both ends of lquantize(0, 100, 10) and of llquantize(10, 1, 4, 10) are open.
    assert {(("l",), (-math.inf, 0, 1)), (("l",), (100, math.inf, 1)), (("ll",), (-math.inf, 10, 1))} <= set(ours)
    assert (("ll",), (100_000, math.inf, 1)) in ours and (("q",), (-8, -4, 1)) in ours


def test_each_printa_stands_by_itself_and_is_that_of_the_text():
    text = parse_dtrace(read("known-printa.txt"))
    rows, lines = aggregated(text), text.tables["TEXT"]["text"].to_pylist()
    for name in ("known-printa.json", "agg-O.json"):
        assert not any(notice.kind == "cut" for notice in parse(read(name)).notices)
    count, both, fixed, spread = (
        parse(read("known-printa.json")).tables[f"A{place}"].to_pylist() for place in (1, 2, 3, 4)
    )
    assert [(row["print"], row["key1"], row["value"]) for row in count] == [
        (print_, key, value) for print_ in (1, 2, 3) for key, value in (("b", 1), ("a", 2))
    ]
    assert rows[:2] == [(("b",), 1), (("a",), 2)] and lines[:2] == ["b 1", "a 2"]
    pairs = zip("ba", count[4:], both, strict=True)
    assert [f"{key} {counted['value']} {summed['value']}" for key, counted, summed in pairs] == lines[2:]
    assert {row["function"] for row in both} == {"sum"} and {row["aggregation"] for row in [*count, *both]} == {"c"}
    assert [((row["key1"],), row["value"]) for row in fixed] == rows[2:3]
    assert [(row["low"], row["high"], row["count"]) for row in spread] == [bucket for _, bucket in rows[3:]]


def test_a_summary_adds_no_two_prints_of_one_aggregation():
    log = summarize([str(JSON / "known-printa.json.xz")]).total()
    rows = log.table("aggregations").query("high == 0").to_dict("records")
    assert {(row["name"], row["key"]): row["value"] for row in rows} == {
        ("c count (the last of 3 prints)", "a"): 2,
        ("c count (the last of 3 prints)", "b"): 1,
        ("c sum (the last of 3 prints)", "a"): 50,
        ("c sum (the last of 3 prints)", "b"): 7,
        ("n", "x"): 100,
    }


def test_values_are_those_of_the_text_number_by_number():
    outputs = parse(read("known-values.json")).tables["V"].to_pylist()
    values = [row["text"] if row["number"] is None else row["number"] for row in outputs]
    assert values[:6] == [1, "str", 5, 65533, -7, 9223372036854775807]
    (record,) = parse_dtrace(read("known-values.txt")).tables["D"].to_pylist()
    assert record["text"].split()[:5] == [str(value) for value in values[:5]]
    messages = [row["text"] for row in outputs if row["kind"] == "message"]
    assert record["text"].endswith(f"{values[5]}{messages[0]}{messages[1].rstrip(chr(10))}")
    assert messages[2] == 'pct % tab\t quote" back\\ nl\n'  # the tab stands raw in the JSON


@pytest.mark.parametrize(
    ("name", "kind", "text"),
    [
        ("act-mod_caller_", "mod", "kernel"),
        ("act-umod_ucaller_", "umod", "badfault"),
        ("act-usym_ucaller_", "usym", "badfault`main"),
        ("act-func_caller_", "sym", "kernel`vm_fault_trap"),
        ("act-tracemem_curthread__td_name__8_", "tracemem", "badfault"),
    ],
)
def test_actions_are_typed(name, kind, text):
    (row,) = parse(read(f"{name}.json")).tables["V"].to_pylist()
    assert (row["kind"], row["text"]) == (kind, text)


def test_print_is_typed_by_member():
    rows = parse(read("print.json")).tables["PRINT"].to_pylist()
    assert {row["name"]: row["number"] for row in rows if row["name"].startswith(("cr_uid", "lo_flags", "cr_pspare2"))}
    by_name = {row["name"]: row for row in rows}
    assert by_name["lo_flags"]["number"] == 0x1030000 and by_name["lo_flags"]["type"] == "unsigned int"
    assert by_name["lo_name"]["number"] == 0xFFFFFFFF807F81E0
    assert [row["text"] for row in rows if row["type"] == "char [20]"] == ["badfault"]
    assert len([row for row in rows if row["name"].startswith("cr_smallgroups[")]) == 16


def test_a_message_in_an_element_is_a_notice_and_the_element_is_whole():
    data = read("errors-mixed.json")
    (error,) = [notice for notice in parse(data).notices if notice.kind == "error"]
    assert (error.where, error.after_ts) == ("dtrace:::BEGIN", 90998978866)


def test_a_script_of_vmtrace_as_json_is_a_gap():
    """52 faults by its own count of calls, and no F record that could be read as one."""
    log = summarize([str(JSON / "vmfault-oformat.json.xz")]).total()
    assert [gap.kind for gap in gaps(log)] == ["as-json"]


def test_what_is_broken_is_listed_and_its_messages_count():
    data = read("trace-pretty.json").replace(b'"cpu"', b'"cdtrace: 3 drops on CPU 0\npu', 1)
    parsed = parse(data)
    assert [each.line for each in parsed.unread] == [1] and parsed.tables["J"].num_rows == 27
    assert [notice.count for notice in parsed.notices if notice.kind == "drop"] == [3]


def test_drops_carry_the_kind_and_the_cpu_of_their_message():
    drops = [notice for notice in parse(read("drops.json")).notices]
    assert [(notice.kind, notice.count, notice.where) for notice in drops[-2:]] == [
        ("drop", 19039, "CPU 0"),
        ("drop", 9970, "CPU 1"),
    ]


@pytest.mark.parametrize("words, kind", [("dynamic variable drops", "dynamic-variable-drop"), ("losses", "drop")])
def test_a_drop_of_another_kind_and_one_that_nobody_knows(words, kind):
    last = parse(read("drops.json").replace(b"drops on CPU 1", words.encode())).notices[-1]
    assert (last.kind, last.count, last.where, last.text) == (kind, 9970, "", f"9970 {words}")


def test_markup_is_refused_with_what_to_do():
    with pytest.raises(DataError, match=r"XML.*record again with -x oformat=json"):
        sniff(read("quantize.xml"))


@settings(deadline=None)
@given(st.sampled_from([TEXT, PRETTY]), st.integers(1, 300))
def test_pieces_make_no_difference(data, size):
    got = [(piece.kind, piece.element) for piece in pieces(chunks(data, size))]
    assert got == [("element", element) for element in PROBES]


def test_keys_without_a_value_are_listed():
    """dtrace 15.0 stops in the middle of a row whose key is func()."""
    (unread,) = parse(read("agg-__func_caller_____count__.json")).unread
    assert "vm_fault_trap" in unread.text


def test_what_is_not_known_is_listed():
    (unread,) = parse(TEXT).unread
    assert json.loads(unread.text) == {"something": "new"}


def test_an_element_is_given_before_the_next_one_comes():
    taken = []

    def some():
        for number, piece in enumerate(chunks(TEXT, 200)):
            taken.append(number)
            yield piece

    assert next(pieces(some())).element == PROBES[0]
    assert len(taken) < len(chunks(TEXT, 200))


@settings(deadline=None)
@given(st.integers(0, len(TEXT)))
def test_a_cut_loses_the_cut_element_only(cut):
    parsed, whole = parse(TEXT[:cut]), parse(TEXT)
    firings = parsed.tables["J"]
    assert firings == whole.tables["J"].slice(0, firings.num_rows)
    ends = [TEXT.index(json.dumps(each).encode()) + len(json.dumps(each)) for each in PROBES if each["cpu"] >= 0]
    assert firings.num_rows == sum(end <= cut for end in ends)
    complete = cut > TEXT.rindex(b"]")
    assert [notice.kind for notice in parsed.notices].count("cut") == (not complete)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "value",
                    "message",
                    "keys",
                    "count",
                    "buckets",
                    "aggregation-data",
                    "output",
                    "stack-frames",
                    "type",
                    "operator",
                    "value",
                ]
            ),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)
@given(st.lists(VALUES, max_size=4))
def test_no_json_makes_it_fail(values):
    elements = [probe("f", "entry", value) for value in values] + values
    parsed = parse(json.dumps({"dtrace": {"probes": elements}}).encode())
    assert parsed.tables["J"].num_rows >= len(values)
