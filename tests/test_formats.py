"""Every recording is told for what it is and read whole; counters and listings."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.errors import DataError
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.parsed import Parsed
from analyzer.ingest.sniff import HEAD_BYTES, sniff

SAMPLES = Path(__file__).parent.parent / "samples"
RAW = sorted(SAMPLES.glob("*/raw/*.xz"))
LOGS = sorted(SAMPLES.glob("*/*.log.xz"))
BY_NAME = {
    "kdump": "kdump",
    "ktrace": "ktrace",
    "lockstat": "lockstat",
    "console": "console",
    "procstat": "procstat",
    "ps-hang": "ps",
    "dtrace-l": "listing",
    "probe-args": "listing",
    "sysctl": "sysctl",
    "vmstat-s": "vmstat-s",
    "vmstat-z": "vmstat-z",
}


def read(path):
    return lzma.decompress(path.read_bytes())


def name_of(path):
    return next((name for start, name in BY_NAME.items() if path.name.startswith(start)), "dtrace")


@pytest.mark.parametrize("path", RAW, ids=lambda path: f"{path.parts[-3]}-{path.stem}")
def test_every_recording_is_told_and_read(path):
    data = read(path)
    name = sniff(data[:HEAD_BYTES]).format
    assert name == name_of(path)
    parsed = FORMATS[name].parse(data)
    assert parsed.unread == []
    assert parsed.meta["format"] == name
    kinds = {notice.kind for notice in parsed.notices}
    assert "unknown" not in kinds and ("cut" in kinds) is path.name.startswith("console-with-trace")


@pytest.mark.parametrize("path", LOGS, ids=lambda path: f"{path.parts[-2]}-{path.stem}")
def test_vmtrace_logs_are_told(path):
    with lzma.open(path) as log:
        head = log.read(HEAD_BYTES)
    assert sniff(head).format == "vmtrace"
    # Without the head, as from the middle of a log: directives and records tell it.
    assert sniff(head[len(head) // 2 :]).format == "vmtrace"


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b'{"vmsum": 1}', "vmsum"),
        (b'{"dtrace": {"probes": []}}', "dtrace-json"),
        (b'{\n  "__version": "1", "dtrace": {}}', "dtrace-json"),
        (b"     7 sh       1795375063.000000001 1.000000001 -0.000000001   3 PRET  F64  KERN_SUCCESS\n", "kdump"),
        (b"     7    101 a b c d e f g h 1795375063.000001 1.000001 CSW   stop user\n", "kdump"),
        (b"pid=7 va=0x1000\n", "dtrace"),
        (b"Nov 22 20:14:15 box kernel: panic: page fault\n", "console"),
    ],
)
def test_forms_without_a_recording(head, name):
    assert sniff(head).format == name


@pytest.mark.parametrize("head", [b"", b"\n", b"hello world\n", b'{"a": 1}', b"\x00" * 200, b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_log_is_refused(head):
    with pytest.raises(DataError, match="is no log that vmtrace knows"):
        sniff(head)


@settings(deadline=None)
@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(head):
    try:
        assert sniff(head).format in {*FORMATS, "vmtrace", "vmsum"}
    except DataError as error:
        assert "\n" not in str(error)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(FORMATS)), st.binary(max_size=200))
def test_no_bytes_make_a_parser_fail(name, data):
    """Also when the guess was wrong and --as forced a format."""
    assert isinstance(FORMATS[name].parse(data), Parsed)


COUNTERS = ["13.2/raw/sysctl-vm.txt.xz", "13.2/raw/vmstat-s.txt.xz", "13.2/raw/vmstat-z.txt.xz"]


def test_counters_and_zones_agree():
    settings_, counters, zones = (FORMATS[name_of(SAMPLES / path)].parse(read(SAMPLES / path)) for path in COUNTERS)
    by_name = {row["name"]: row["value"] for row in settings_.tables["COUNTERS"].to_pylist()}
    assert by_name["vm.stats.vm.v_page_size"] == 4096
    totals = {row["name"]: row["value"] for row in counters.tables["COUNTERS"].to_pylist()}
    assert totals["bytes per page"] == by_name["vm.stats.vm.v_page_size"]
    assert totals["total VM faults taken"] >= totals["copy-on-write faults"] > 0
    sizes = {row["item"]: row["size"] for row in zones.tables["ZONES"].to_pylist()}
    assert sizes["RADIX NODE"] == by_name["vm.uma.RADIX_NODE.size"]


@pytest.mark.parametrize("path", [path for path in RAW if name_of(path) == "listing"], ids=lambda path: path.stem)
def test_listings_have_every_probe(path):
    data = read(path)
    parsed = FORMATS["listing"].parse(data)
    assert parsed.tables["ARGS"].num_rows == data.count(b"\targs[")
    rows = [line.split() for line in data.decode().splitlines() if line.split()[:1] and line.split()[0].isdigit()]
    probes = parsed.tables["PROBES"].drop_columns("line").to_pylist()
    assert [[str(value) for value in probe.values()] for probe in probes] == rows


def test_a_probe_without_module_and_function():
    row = f"{5:5d} {'lockstat':>10} {'':>17} {'':>33} rw-acquire\n{6:5d} {'sdt':>10} {'':>17} {'f':>33} g\n"
    probes = FORMATS["listing"].parse(row.encode()).tables["PROBES"].select(["module", "function", "name"]).to_pylist()
    assert [tuple(probe.values()) for probe in probes] == [("", "", "rw-acquire"), ("", "f", "g")]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from([path for path in RAW if name_of(path) in ("listing", "vmstat-s", "vmstat-z")]), st.data())
def test_a_cut_loses_the_cut_line_only(path, data):
    whole = read(path)[:3000]
    cut = data.draw(st.integers(0, len(whole)))
    parse = FORMATS[name_of(path)].parse
    for tag, table in parse(whole[:cut]).tables.items():
        ended = whole[:cut].count(b"\n")
        expected = parse(whole).tables[tag]
        assert table["line"].to_pylist() == [line for line in expected["line"].to_pylist() if line <= ended]
