"""A log that ends anywhere: everything before the cut is read, and the end that is missing is said."""

import lzma

import pytest
from fuzz.cuts import NAMES, Cuttable
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import LOGS, SAMPLES, beginning, name

from analyzer.errors import DataError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block
from analyzer.ingest.sources import Source
from analyzer.summary.summarize import summarize

CLEAN = SAMPLES / "13.2" / "clean.log.xz"


def records(data: bytes) -> dict[str, list[int]]:
    tables = read_block(Block(memoryview(data), 1, {})).tables
    return {tag: sorted(table["line"].to_pylist()) for tag, table in tables.items() if "line" in table.column_names}


@settings(max_examples=30, deadline=None)
@given(cut=st.integers(1500, 60_000))
def test_what_stands_before_a_cut_is_read(cut):
    data = beginning(CLEAN, 60_000)
    whole_lines = data[:cut].count(b"\n")
    expected = {
        tag: [line for line in lines if line <= whole_lines] for tag, lines in records(data).items()
    }
    assert records(data[:cut]) == {tag: lines for tag, lines in expected.items() if lines}


@pytest.mark.parametrize("name", NAMES)
def test_a_cut_near_the_end_of_a_line_is_told(name):
    """Some of them; `make cuts` cuts at every byte."""
    file = Cuttable(name)
    for at in [*file.around_lines()][::7]:
        file.cut(at)


@pytest.mark.parametrize("path", LOGS, ids=name)
def test_every_recording_survives_a_cut_in_its_middle(path, tmp_path):
    data = beginning(path, 200_000)
    log = tmp_path / "cut.log"
    log.write_bytes(data[: len(data) * 2 // 3 + 1])
    (summary,) = summarize([str(log)]).logs
    assert "no-trailer" in [notice.kind for notice in summary.notices]
    assert summary.table("records")["records"].sum() or "aggregations" in summary.tables or summary.unread


def test_a_log_that_is_cut_behind_its_trailer_has_no_end(tmp_path):
    log = tmp_path / "cut.log"
    log.write_bytes(b"#vmtrace\t1\n#script\tvmfault\n#end\t51000000000\nF\t5099")
    (summary,) = summarize([str(log)]).logs
    assert not summary.ended and [notice.kind for notice in summary.notices] == ["no-trailer"]


@pytest.mark.parametrize("path", LOGS, ids=name)
def test_blocks_are_the_log(path, tmp_path):
    data = beginning(path, 300_000)
    log = tmp_path / "sample.log"
    log.write_bytes(data)
    found = list(blocks(Source(str(log)), 20_000))
    assert b"".join(bytes(block.data) for block in found) == data
    line = 1
    for block in found:
        assert block.first_line == line
        line += bytes(block.data).count(b"\n")


def test_a_damaged_archive_gives_what_stood_before(tmp_path):
    text = beginning(CLEAN)
    whole, log = lzma.compress(text, preset=0), tmp_path / "damaged.log.xz"
    one, other = (lzma.compress(part, preset=0) for part in (text[:70_001], text[70_001:]))
    # The parts of a file may be padded.  What is no xz behind them was passed over in silence.
    for data, damaged in (
        (whole, False), (one + bytes(8) + other + bytes(4), False), (whole[: len(whole) // 2], True),
        (one + other[:-20], True), (one + b"#" + other, True),
    ):  # fmt: skip
        log.write_bytes(data)
        (summary,) = summarize([str(log)]).logs
        assert summary.count("F") > 0
        assert [notice.kind for notice in summary.notices] == ["no-trailer", "cut"][: 1 + damaged]
        assert damaged or summary.count("F") == text.count(b"\nF\t")


@pytest.mark.parametrize("data", [b"", b"\n", b"\x00\x01\x02", b"F\t1\t2\n", b"\xfd7zXZ\x00", b'{"vmsum'])
def test_what_is_no_log_is_refused(data, tmp_path):
    log = tmp_path / "x.log"
    log.write_bytes(data)
    with pytest.raises(DataError, match=r"x\.log: .*(is|cannot be) "):
        summarize([str(log)])
