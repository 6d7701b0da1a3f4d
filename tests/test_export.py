"""Exports, opened again with their own tools or checked against their formats' rules."""

import csv
import json
import lzma
import re
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from analyzer.errors import CannotCreateError, DataError, UsageError
from analyzer.ingest.foreign.dtrace_text import parse_dtrace
from analyzer.ingest.formats import FORMATS
from analyzer.report.export import PICTURES, TABULAR, _write, chrome, export, folded, speedscope
from analyzer.report.spans import depths, lock_spans, thread_spans

SAMPLES = Path(__file__).parent.parent / "samples"
WIDTHS = {"time": pa.int64(), "int": pa.int64(), "ns": pa.int64(), "addr": pa.uint64(), "bits": pa.uint64()}


def log(path):
    """The tables of a vmtrace log without stacks, read by its #fields."""
    rows, fields = {}, {}
    for line in lzma.decompress((SAMPLES / path).read_bytes()).decode().split("\n"):
        parts = line.split("\t")
        if parts[0] == "#fields":
            fields[parts[1]] = [field.split(":") for field in parts[2:]]
        elif parts[0] in fields and len(parts) == len(fields[parts[0]]) + 1:
            rows.setdefault(parts[0], []).append(parts[1:])
    tables = {}
    for tag, values in rows.items():
        columns = {}
        for (name, kind), column in zip(fields[tag], zip(*values, strict=True), strict=True):
            numbers = kind in WIDTHS
            column = [int(value, 0) for value in column] if numbers else [value.removesuffix("\\0") for value in column]
            columns[name] = pa.array(column, WIDTHS.get(kind, pa.string()))
        tables[tag] = pa.table(columns)
    return tables


@pytest.fixture(scope="module")
def events():
    return log("13.2/events-badfault.log.xz")


@pytest.fixture(scope="module")
def faults():
    return log("13.2/badfault.log.xz")


@pytest.fixture(scope="module")
def kdump():
    return FORMATS["kdump"].parse(lzma.decompress((SAMPLES / "13.2/raw/kdump-all-HT.txt.xz").read_bytes())).tables


@pytest.fixture(scope="module")
def stacks():
    return parse_dtrace(lzma.decompress((SAMPLES / "13.2/raw/stacks.txt.xz").read_bytes())).tables


def test_parquet_holds_the_tables(faults, tmp_path):
    paths = export(faults, "parquet", tmp_path / "out")
    assert {path.stem: pa.parquet.read_table(path) for path in paths} == faults


def test_csv_and_ndjson_hold_every_value(faults, tmp_path):
    export(faults, "csv", tmp_path)
    export(faults, "ndjson", tmp_path)
    for tag, table in faults.items():
        from_csv = pd.read_csv(tmp_path / f"{tag}.csv")
        lines = (tmp_path / f"{tag}.ndjson").read_text().splitlines()
        from_json = [json.loads(line) for line in lines]
        assert len(from_csv) == len(from_json) == table.num_rows
        for name in table.column_names:
            expected = table[name].to_pylist()
            if pa.types.is_uint64(table[name].type):
                assert [int(value, 16) for value in from_csv[name]] == expected
                assert [int(row[name], 16) for row in from_json] == expected
            else:
                assert from_csv[name].tolist() == expected
                assert [row[name] for row in from_json] == expected


def test_no_name_is_run_by_a_spreadsheet(tmp_path):
    names = ["=cmd()", "+1", "-1", "@x", 'a"b,c', "two\nlines", "<b>"]
    export({"F": pa.table({"execname": names})}, "csv", tmp_path)
    with (tmp_path / "F.csv").open(newline="") as file:
        read = [row[0] for row in csv.reader(file)][1:]
    assert read == ["'=cmd()", "'+1", "'-1", "'@x", 'a"b,c', "two\nlines", "<b>"]


def test_folded_stacks_keep_flamegraphs_rule(stacks, tmp_path):
    (path,) = export(stacks, "folded", tmp_path / "out.folded")
    lines = path.read_text().splitlines()
    assert all(re.fullmatch(r"[^;]+(;[^;]+)* \d+", line) for line in lines)
    counts = [row["value"] for table in stacks.values() for row in table.to_pylist()]
    assert sum(int(line.rpartition(" ")[2]) for line in lines) == sum(counts)
    assert "kernel`0xffffffff8085d9c8;kernel`trap+0x440;kernel`vm_fault_trap+0x6d 680" in lines


def test_folded_functions_are_own_times(events):
    lines = folded(events)
    total = sum(int(line.rpartition(" ")[2]) for line in lines)
    roots = 0
    for spans in thread_spans({tag: events[tag] for tag in "ER"}).values():
        assert all(span.end >= span.start for span in spans)
        roots += sum(span.end - span.start for span, depth in zip(spans, depths(spans), strict=True) if depth == 0)
    assert total == roots
    assert any(line.startswith("badfault;vm_fault;pmap_enter ") for line in lines)


@pytest.mark.parametrize("name", ["events", "faults", "kdump", "stacks"])
def test_speedscope_is_what_its_schema_asks(name, request):
    document = json.loads(json.dumps(speedscope(request.getfixturevalue(name))))
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    frames = document["shared"]["frames"]
    assert all(isinstance(frame["name"], str) for frame in frames)
    for profile in document["profiles"]:
        assert {"type", "name", "unit", "startValue", "endValue"} <= set(profile)
        if profile["type"] == "sampled":
            assert len(profile["samples"]) == len(profile["weights"])
            assert all(0 <= frame < len(frames) for sample in profile["samples"] for frame in sample)
            continue
        open_, last = [], profile["startValue"]
        for event in profile["events"]:
            assert last <= event["at"] <= profile["endValue"]
            last = event["at"]
            if event["type"] == "O":
                open_.append(event["frame"])
            else:
                assert open_.pop() == event["frame"]
        assert open_ == []


def test_chrome_has_a_track_a_thread(events):
    document = json.loads("".join(chrome(events)))
    trace = document["traceEvents"]
    tracks = {(event["pid"], event["tid"]) for event in trace if event["ph"] in "Xi"}
    assert tracks == set(zip(events["E"]["pid"].to_pylist(), events["E"]["tid"].to_pylist(), strict=True))
    names = {event["pid"]: event["args"]["name"] for event in trace if event["name"] == "process_name"}
    assert "badfault" in names.values()
    vm_fault = [event for event in trace if event["name"] == "vm_fault" and event["ph"] == "X"]
    assert len(vm_fault) == events["E"]["fn"].to_pylist().count("vm_fault")
    failed = sorted(event["args"]["result"] for event in vm_fault if event["args"]["result"])
    returned = zip(events["R"]["fn"].to_pylist(), events["R"]["rc"].to_pylist(), strict=True)
    assert failed == sorted(rc for fn, rc in returned if fn == "vm_fault" and rc)


def test_locks_are_spans(events):
    spans = lock_spans(events)
    operations = events["L"]["op"].to_pylist()
    assert len(spans) == operations.count("rw-acquire")
    trace = json.loads("".join(chrome(events)))["traceEvents"]
    begins, ends = ([event for event in trace if event["ph"] == phase] for phase in "be")
    assert [event["id"] for event in begins] == [event["id"] for event in ends]
    assert all(begin["ts"] <= end["ts"] for begin, end in zip(begins, ends, strict=True))
    upgraded = [span for span in spans if "upgrade" in span.args]
    assert len(upgraded) == operations.count("rw-upgrade") and {span.args["mode"] for span in upgraded} == {"read"}


def test_a_lock_left_behind_and_one_taken_before():
    columns = {"ts": [1, 2, 5], "pid": [7] * 3, "tid": [8] * 3, "op": ["rw-release", "rw-acquire", "rw-acquire"]}
    columns |= {"lock": [16, 16, 32], "reader": [0, 0, 1], "name": ["vm object"] * 3, "site": ["f"] * 3}
    spans = lock_spans({"L": pa.table(columns)})
    assert [(span.start, span.end, span.ended) for span in spans] == [(2, 5, False), (5, 5, False)]


def test_a_function_that_never_returned_is_said():
    entries = {"ts": [1, 2, 9], "pid": [7] * 3, "tid": [8] * 3, "fn": ["outer", "inner", "inner"]}
    returns = {"ts": [4, 10], "pid": [7] * 2, "tid": [8] * 2, "fn": ["outer", "inner"], "rc": [0, 5]}
    ((spans),) = thread_spans({"E": pa.table(entries), "R": pa.table(returns)}).values()
    assert [(span.name, span.start, span.end, span.ended) for span in spans] == [
        ("outer", 1, 4, True),
        ("inner", 2, 4, False),
        ("inner", 9, 10, True),
    ]


def test_a_lost_return_does_not_swallow_what_follows():
    entries = {"ts": [1, 5, 8], "pid": [7] * 3, "tid": [8] * 3, "fn": ["vm_fault"] * 3}
    returns = {"ts": [6, 9], "pid": [7] * 2, "tid": [8] * 2, "fn": ["vm_fault"] * 2, "rc": [0, 0]}
    ((spans),) = thread_spans({"E": pa.table(entries), "R": pa.table(returns)}).values()
    assert [(span.start, span.end, span.ended) for span in spans] == [(1, 5, False), (5, 6, True), (8, 9, True)]


def test_a_fault_stands_in_its_system_call(kdump):
    for spans in thread_spans(kdump).values():
        for span, depth in zip(spans, depths(spans), strict=True):
            assert depth == 0 or span.kind == "fault"
    kinds = [span.kind for spans in thread_spans(kdump).values() for span in spans]
    assert kinds.count("fault") == kdump["F"].num_rows
    assert kinds.count("system call") == kdump["K"]["type"].to_pylist().count("CALL")


@pytest.mark.parametrize("form", [*TABULAR, *PICTURES])
def test_same_tables_same_bytes(form, events, tmp_path):
    first, second = (
        [path.read_bytes() for path in export(events, form, tmp_path / name)] for name in ("first", "second")
    )
    assert first == second and all(first)


@pytest.mark.parametrize("form", [*TABULAR, *PICTURES])
def test_nothing_to_export_is_an_error(form, tmp_path):
    with pytest.raises(DataError):
        export({"C": pa.table({"fn": pa.array([], pa.string())})}, form, tmp_path / "out")


def test_errors_are_one_line(events, tmp_path):
    with pytest.raises(UsageError, match="--to svg"):
        export(events, "svg", tmp_path / "out")
    with pytest.raises(CannotCreateError, match="choose another place"):
        export(events, "chrome", tmp_path / "missing" / "out.json")


def test_what_cannot_be_written_whole_is_taken_away(tmp_path):
    def pieces():
        yield "x"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError):
        _write(tmp_path / "half", pieces())
    assert not list(tmp_path.iterdir())
