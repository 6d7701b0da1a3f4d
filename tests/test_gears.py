"""The fast gear, compiled or not, and lark alone give equal tables, of good lines and of damaged ones."""

import sys
from dataclasses import replace

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import LOGS, SAMPLES, beginning, ends, name

from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.compiled import kernels, split
from analyzer.ingest.gears import read_block
from analyzer.ingest.parsed import Parsed
from analyzer.summary.saved import write_summary
from analyzer.summary.summarize import summarize

LARGE = SAMPLES / "13.2" / "large.log.xz"
FIXED = SAMPLES / "10.1" / "failpoint-fixed.log.xz"


@pytest.fixture(scope="module", autouse=True)
def _in_bulk():
    """Few lines are read as many are: each line alone is what the fast gear does with those that it is not sure of."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("analyzer.ingest.fast._MANY", 1)
        patch.setattr("analyzer.ingest.fast._SHARE", 1 << 30)
        yield


def both_gears(data: bytes) -> tuple[Parsed, Parsed]:
    block = Block(memoryview(data), 1, {})
    fast = read_block(block)
    if kernels():
        assert_equal(fast, read_block(replace(block, beyond=memoryview(data + b"00000000"))))
    return fast, read_block(block, lark_alone=True)


def rows(table: pa.Table) -> list[dict[str, object]]:
    return table.sort_by("line").to_pylist() if "line" in table.column_names else table.to_pylist()


def assert_equal(fast: Parsed, slow: Parsed) -> None:
    assert fast.tables.keys() == slow.tables.keys()
    for tag in fast.tables:
        assert fast.tables[tag].schema.names == slow.tables[tag].schema.names
        assert rows(fast.tables[tag]) == rows(slow.tables[tag])
    assert fast.meta == slow.meta
    assert fast.notices == slow.notices
    assert [line.line for line in fast.unread] == [line.line for line in slow.unread]


def test_the_compiled_gear_is_there_where_numba_is():
    pytest.importorskip("numba")
    assert kernels()


def test_the_compiled_gear_reads_a_long_log_to_its_end(monkeypatch):
    pytest.importorskip("numba")
    before = summarize([str(LARGE)])
    used = []
    monkeypatch.setattr("analyzer.ingest.blocks._LONG", 0)
    monkeypatch.setattr("analyzer.ingest.compiled.split", lambda *asked: used.append(asked) or split(*asked))
    # Blocks of some lines end anywhere in the buffer, so that every byte behind them is looked at.
    monkeypatch.setattr("analyzer.summary.logs.blocks", lambda source: blocks(source, 50_000))
    assert write_summary(summarize([str(LARGE)])) == write_summary(before)
    assert len(used) > 20


def test_without_numba_long_logs_are_read_all_the_same(monkeypatch):
    monkeypatch.setitem(sys.modules, "numba", None)
    monkeypatch.delitem(sys.modules, "analyzer.ingest.kernels", raising=False)
    monkeypatch.delattr("analyzer.ingest.kernels", raising=False)
    kernels.cache_clear()
    assert kernels() is None
    kernels.cache_clear()


@pytest.mark.parametrize("path", LOGS, ids=name)
def test_the_gears_agree_on_every_recording(path):
    fast, slow = both_gears(ends(path, 60_000))
    assert fast.tables
    assert_equal(fast, slow)


def test_only_the_slow_gear_is_slow_on_good_lines(monkeypatch):
    data = beginning(LARGE, 50_000)
    refuse = pytest.fail
    monkeypatch.setattr("analyzer.ingest.slow.SlowReader._record", lambda *_: refuse("lark read a good record"))
    assert read_block(Block(memoryview(data), 1, {})).tables["F"].num_rows == data.count(b"\nF\t")


@pytest.mark.parametrize(
    ("number", "read"),
    [
        (b"9223372036854775807", True),
        (b"9223372036854775808", False),
        (b"-9223372036854775808", True),
        (b"-9223372036854775809", False),
        (b"00000000000000000000000000000000007", True),
        (b"99999999999999999999999999999999999", False),
        (b"0x12", False),
        (b" 1", False),
        (b"+1", False),
        (b"", False),
    ],
)
def test_numbers_end_where_64_bits_end(number, read):
    good = b"#fields\tQ\ta:int\tb:str\nQ\t1\tx\n"
    fast, slow = both_gears(good + b"Q\t" + number + b"\ty\n")
    assert_equal(fast, slow)
    assert [row["a"] for row in rows(fast.tables["Q"])] == ([1, int(number)] if read else [1])
    assert len(fast.unread) == (not read)


@pytest.mark.parametrize(
    ("address", "read"),
    [
        (b"0xffffffffffffffff", True),
        (b"0x10000000000000000", False),
        (b"0x000000000000000000000001", True),
        (b"0XFF", False),
        (b"0xFF", False),
        (b"ff", False),
        (b"0x", False),
    ],
)
def test_addresses_end_where_64_bits_end(address, read):
    fast, slow = both_gears(b"#fields\tQ\ta:addr\nQ\t0x1\nQ\t" + address + b"\n")
    assert_equal(fast, slow)
    assert fast.tables["Q"]["a"].to_pylist() == ([1, int(address, 16)] if read else [1])


@pytest.mark.parametrize("lark_alone", [False, True])
def test_a_line_is_refused_for_a_damaged_column_that_nobody_wants(lark_alone):
    data = b"#fields\tQ\ta:int\tb:int\nQ\t1\t2\nQ\tx\t4\nQ\t99999999999999999999\t5\n"
    parsed = read_block(Block(memoryview(data), 1, {}), {"Q": ["b"]}, lark_alone)
    assert parsed.tables["Q"]["b"].to_pylist() == [2, 5]  # whether `a` has 64 bits is not asked
    assert [line.line for line in parsed.unread] == [3]
    assert read_block(Block(memoryview(data), 1, {}), None, lark_alone).tables["Q"]["b"].to_pylist() == [2]


def test_no_byte_is_taken_for_another():
    fields = b"#fields\tF\tts:time\tcpu:int\tpid:int\tva:addr\trc:int\tpath:bits\tsum:bits\tdur:ns\texecname:str\n"
    line = b"F\t15468%03d194\t0\t54\t0x104e%03xf000\t-7\t0x22\t0xffff\t1234567%03d01234567\tab c\\0\n"
    # Times and addresses that differ from line to line are read as numbers, what repeats as text.
    lines = [line % (number, number, number) for number in range(400)]
    name = lines[0].index(b"ab c")
    for place in range(len(lines[0])):
        for byte in b"\t\n -+./09:@AFG`afgxX\0\x7f" + b"\x80\xff" * (place < name):
            whole = line % (place, byte, place)
            lines.append(whole[:place] + bytes([byte]) + whole[place + 1 :])
    assert_equal(*both_gears(fields + b"".join(lines)))


SECTION = b"#aggregation\tmovens\tfn\tllquantize\n"
HEADER = b"           value  ------------- Distribution ------------- count    \n"


def bucket(label: object, count: object, bar: int = 0) -> bytes:
    return b"%16b |%-40b %-9b\n" % (str(label).encode(), b"@" * bar, str(count).encode())


def test_no_byte_of_a_bucket_is_taken_for_another():
    line = bucket(1200000, 345, 12)
    damaged = [
        line[:place] + bytes([byte]) + line[place + 1 :]
        for place in range(len(line))
        for byte in b"\n !/5:@|\xa0"
    ]
    data = b"".join(SECTION + b"replace\n" + HEADER + wrong + bucket(1300000, 1) + b"\n" for wrong in [line, *damaged])
    fast, slow = both_gears(data)
    assert_equal(fast, slow)
    assert len(fast.unread) > len(damaged) // 2


LINES = [
    b"replace\n", HEADER, b"\n", b"dtrace: 7 drops on CPU 0\n", SECTION, b" " * 68 + b"\n", b"x" * 68 + b"\n",
    bucket(0, 0), bucket(1000, 3, 40), bucket(2000, 0), bucket(7000, 12345678, 3), bucket(8000, 123456789),
    bucket(8000, 1234567890), bucket("< 1000", 4), bucket(">= 90000", 5), bucket(-3000, 6), bucket(7000, -6),
    bucket(99999999, 1), bucket(100000000, 2), bucket(9007199254740993, 1), bucket("", 1), bucket(5, ""),
]  # fmt: skip


def test_the_gears_agree_on_distributions_with_a_line_too_many_or_too_few():
    good = [SECTION, b"rename\n", HEADER, bucket(9, 1), bucket(10, 0), b"\n", b"replace\n", HEADER, bucket(7, 1), b"\n"]
    places = range(1, len(good))
    damaged = [[*good[:at], line, *good[at + kept :]] for at in places for line in LINES for kept in (0, 1)]
    damaged += [good[:at] + good[at + 1 :] for at in places]
    assert_equal(*both_gears(b"".join(b"".join(section) for section in [good, *damaged])))


# What damage does to bytes: one is lost, one is another, a piece is gone, a line ends in the middle.
DAMAGE = st.tuples(st.integers(1300, 9000), st.sampled_from([b"", b"\t", b"\n", b"x", b"-", b"9" * 20, b"\xff", b" "]))


@settings(max_examples=40, deadline=None)
@given(changes=st.lists(DAMAGE, min_size=1, max_size=8), path=st.sampled_from([LARGE, FIXED]))
def test_the_gears_agree_on_damaged_lines(changes, path):
    data = bytearray(beginning(path, 10_000))
    for place, instead in sorted(changes, reverse=True):
        data[place : place + 1] = instead
    assert_equal(*both_gears(bytes(data)))


def test_the_gears_agree_where_all_lines_at_a_place_are_unlike_the_sample(monkeypatch):
    monkeypatch.setattr("analyzer.ingest.splits._SLAB", 4)
    lines = [f"Q\t{number}\t{'x' * (200 if 3 <= number < 14 else 1)}\t{number}\n" for number in range(4000)]
    data = "#fields\tQ\ta:int\tb:str\tc:int\n" + "".join(lines)
    table = read_block(Block(memoryview(data.encode()), 1, {})).tables["Q"].sort_by("line")
    assert table["a"].to_pylist() == table["c"].to_pylist() == list(range(4000))
