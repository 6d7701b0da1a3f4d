"""Aggregations: sections of vmtrace's logs, dtrace's own rows, distributions and stacks."""

import json
import lzma
import math
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analyzer.ingest.aggregations import parse_aggregation, read_rows, rows_table

SAMPLES = Path(__file__).parent.parent / "samples" / "13.2"


def sections(log):
    """Name, columns, lines and first line of each `#aggregation` section of a recording."""
    lines = lzma.decompress((SAMPLES / f"{log}.log.xz").read_bytes()).decode().split("\n")
    starts = [number for number, line in enumerate(lines) if line.startswith("#aggregation\t")]
    for start in starts:
        end = next(number for number in range(start + 1, len(lines)) if lines[number].startswith("#"))
        _, name, *columns = lines[start].split("\t")
        yield name, columns, lines[start + 1 : end], range(start + 2, end + 1)


@pytest.mark.parametrize("log", ["agg-clean", "agg-5pct", "locks"])
def test_every_line_of_the_recordings_is_understood(log):
    for name, columns, lines, first in sections(log):
        table, unread = parse_aggregation(name, columns, lines, first)
        assert unread == []
        expected = [*columns[:-1], "low", "high", "count"] if columns[-1] == "quantize" else columns
        assert table.column_names == ["line", *expected]


@pytest.mark.parametrize("log", ["agg-clean", "agg-5pct"])
def test_each_fault_is_in_one_bucket_and_one_result(log):
    tables = {name: parse_aggregation(name, *rest)[0].to_pandas() for name, *rest in sections(log)}
    assert tables["latency"]["count"].sum() == tables["results"]["count"].sum()
    latency = tables["latency"]
    by_path = latency.groupby("path")["count"].sum()
    assert by_path.to_dict() == tables["results"].groupby("path")["count"].sum().to_dict()
    low = (latency["low"] * latency["count"]).groupby(latency["path"]).sum()
    high = (latency["high"] * latency["count"]).groupby(latency["path"]).sum()
    for path, ns in tables["total"].set_index("path")["ns"].items():
        assert low[path] <= ns < high[path]


def test_failed_inserts_stand_at_their_sites():
    tables = {name: parse_aggregation(name, *rest)[0].to_pandas() for name, *rest in sections("agg-5pct")}
    failed = tables["inserts"].query("rc == 12")["count"].sum()
    assert tables["sites"]["count"].sum() == failed
    growth = json.loads((SAMPLES / "known.json").read_text())["agg-5pct.log"]["counter_growth"]
    assert failed == growth["vm.uma.RADIX_NODE.stats.fails"]


def test_hold_times_are_those_of_the_released_locks():
    tables = {name: parse_aggregation(name, *rest)[0].to_pandas() for name, *rest in sections("locks")}
    assert tables["hold"]["count"].sum() == tables["lost"].set_index("what")["count"]["free"]
    assert set(tables["hold"]["mode"]) == {"read", "write"}


HEADER = "           value  ------------- Distribution ------------- count    "


def bucket(label, count):
    return f"{label:>16} |{'@' * 40} {count:<9}"


def bounds(*labels):
    rows, unread = read_rows([HEADER, *(bucket(label, 1) for label in labels), ""], range(99))
    assert unread == []
    return [(low, high) for low, high, _ in rows[0].buckets]


def test_bounds_of_quantize():
    assert bounds("0", "1", "2", "4") == [(0, 1), (1, 2), (2, 4), (4, 8)]
    assert bounds("-4", "-2", "-1", "0") == [(-8, -4), (-4, -2), (-2, -1), (0, 1)]


def test_bounds_of_lquantize():
    assert bounds("< 0", "0", "10", ">= 20") == [(-math.inf, 0), (0, 10), (10, 20), (20, math.inf)]


def test_bounds_of_llquantize():
    assert bounds("900", "1000", "2000") == [(900, 1000), (1000, 2000), (2000, 3000)]


def test_negative_counts_and_both_halves_of_a_bar():
    rows, unread = read_rows(
        [HEADER, f"{-1:>16} {'@' * 20:>20}|{'':20} {-3:<9}", f"{0:>16} {'':20}|{'@' * 20} {4:<9}", ""], range(99)
    )
    assert unread == []
    assert [count for _, _, count in rows[0].buckets] == [-3, 4]


@pytest.mark.parametrize(
    ("lines", "keys", "value"),
    [
        ([f"  {'sh':<50} {5:>16} {7:>16}"], ("sh", 5), 7),
        ([f" {5:>16} {-7:>16}"], (5,), -7),
        ([f" {7:>16}"], (), 7),
        ([f"  {'a b  c 1':<50} {7:>16}"], ("a b  c 1",), 7),
        ([f"  {'123':<50} {7:>16}"], ("123",), 7),
        ([f"  {'':<50} {7:>16}"], ("",), 7),
        ([f"  {'x' * 60:<50} {7:>16}"], ("x" * 60,), 7),
        ([f"  {'a':<50}  {'b':<50} {7:>16}"], ("a", "b"), 7),
        ([f" {5:>8} {6:>5} {1:>3} {123456789012345:>16} {7:>16}"], (5, 6, 1, 123456789012345), 7),
        ([f"  {'sh':<50}", f"{'':14}kernel`f+0x1", f"{'':14}0xff", f" {7:>16}"], ("sh", "kernel`f+0x1\n0xff"), 7),
        (["", f"{'':14}a`f", "", f"{'':14}b`g", f" {5:>16} {7:>16}"], ("a`f", "b`g", 5), 7),
    ],
)
def test_rows_of_printa(lines, keys, value):
    rows, unread = read_rows(lines, range(99))
    assert unread == []
    assert [(row.keys, row.value) for row in rows] == [(keys, value)]


@pytest.mark.parametrize("digits", ["9" * 19, "9" * 30])
def test_numbers_beyond_64_bits_are_no_values(digits):
    rows, unread = read_rows([f"  {'sh':<50} {digits}"], range(1, 2))
    assert (rows, [each.line for each in unread]) == ([], [1])
    _, unread = parse_aggregation("results", ["path", "count"], [f"1\t{digits}"], [1])
    assert [each.line for each in unread] == [1]
    assert rows_table(read_rows([f" {digits[:18]} {5:>16}"], [1])[0], ["key1"], frozenset({"key1"}), "value").num_rows


def test_what_is_not_understood_is_listed():
    _, unread = parse_aggregation("results", ["path", "rc", "count"], ["1\t2\t3", "1\tx\t3", "1\t2"], [10, 11, 12])
    assert [each.line for each in unread] == [11, 12]


@settings(deadline=None)
@given(st.lists(st.text(alphabet="|@ \t<>=-0129.`+xa[]value\n"), max_size=8), st.sampled_from(["rc", "site", "stack"]))
def test_no_text_makes_it_fail(lines, key):
    read_rows(lines, range(99))
    for value in ("count", "quantize"):
        table, _ = parse_aggregation("a", [key, value], lines, range(1, 99))
        assert table.column_names[:2] == ["line", key]


@settings(deadline=None)
@given(st.data())
def test_a_cut_loses_no_row_before_it(data):
    name, columns, lines, first = data.draw(st.sampled_from(list(sections("agg-5pct"))))
    cut = data.draw(st.integers(0, len(lines)))
    whole, _ = parse_aggregation(name, columns, lines, first)
    part, _ = parse_aggregation(name, columns, lines[:cut], first)
    assert part.equals(whole.slice(0, part.num_rows))
