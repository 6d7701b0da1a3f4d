"""dtrace's JSON, in the documented shape: no recording of it exists."""

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.foreign.dtrace_json import _elements, parse_oformat
from analyzer.ingest.formats import FORMATS


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
                "aggregation-data": [{"keys": ["sh", 1], "count": 5}, {"keys": ["ls", 0], "count": 6}],
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


def test_faults_and_values():
    parsed = parse_oformat([TEXT])
    assert parsed.tables["F"].select(["va", "rc", "execname"]).to_pylist() == [
        {"va": 4096, "rc": 1, "execname": "sh"},
        {"va": 8192, "rc": 0, "execname": "ls"},
    ]
    assert parsed.tables["J"]["ts"].to_pylist() == [1, 2, 3, 4, 6]
    kinds = parsed.tables["V"]["kind"].to_pylist()
    assert kinds == ["message", "value", "value", "value", "value", "value", "stack", "value", "other"]
    assert json.loads(parsed.tables["V"]["text"].to_pylist()[-1]) == {"something": "new"}


def test_drops_are_notices():
    drops = [notice for notice in parse_oformat([TEXT]).notices if notice.kind == "drop"]
    assert [(notice.count, notice.where, notice.after_ts) for notice in drops] == [(9, "CPU 1", 4)]


def test_aggregations():
    tables = parse_oformat([TEXT]).tables
    assert tables["A1"].to_pylist() == [
        {"aggregation": "results", "key1": "sh", "key2": 1, "value": 5},
        {"aggregation": "results", "key1": "ls", "key2": 0, "value": 6},
    ]
    assert tables["A2"].to_pylist() == [
        {"aggregation": "times", "low": 1, "high": 2, "count": 0},
        {"aggregation": "times", "low": 2, "high": 4, "count": 3},
    ]
    assert tables["A3"].to_pylist() == [{"aggregation": "", "stack": "kernel`trap+0x440", "value": 4}]


@settings(deadline=None)
@given(st.sampled_from([TEXT, PRETTY]), st.integers(1, 300))
def test_pieces_make_no_difference(data, size):
    assert FORMATS["dtrace-json"].read(iter(chunks(data, size))) == parse_oformat([TEXT])


def test_an_element_is_read_before_the_next_one_comes():
    taken = []

    def pieces():
        for number, piece in enumerate(chunks(TEXT, 200)):
            taken.append(number)
            yield piece

    elements = _elements(pieces())
    assert next(elements) == PROBES[0]
    assert len(taken) < len(chunks(TEXT, 200))


@settings(deadline=None)
@given(st.integers(0, len(TEXT)))
def test_a_cut_loses_the_cut_element_only(cut):
    parsed, whole = parse_oformat([TEXT[:cut]]), parse_oformat([TEXT])
    firings = parsed.tables["J"]
    assert firings == whole.tables["J"].slice(0, firings.num_rows)
    ends = [TEXT.index(json.dumps(each).encode()) + len(json.dumps(each)) for each in PROBES if each["cpu"] >= 0]
    assert firings.num_rows == sum(end <= cut for end in ends)
    complete = cut > TEXT.rindex(b"]")
    assert [notice.kind for notice in parsed.notices].count("cut") == (not complete)


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["value", "message", "keys", "count", "buckets", "aggregation-data", "output", "stack-frames"]
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
    parsed = parse_oformat([json.dumps({"dtrace": {"probes": elements}}).encode()])
    assert parsed.tables["J"].num_rows >= len(values)
