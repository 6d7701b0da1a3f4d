"""Written values can be read back and never say more than is known."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analyzer import format as written

_SIZES = {"ns": 1, "µs": 1e3, "ms": 1e6, "s": 1e9}


@given(st.floats(min_value=1e-3, max_value=1e15))
def test_durations_read_back_to_three_digits(ns):
    number, unit = written.duration(ns).split()
    assert float(number) * _SIZES[unit] == pytest.approx(ns, rel=0.0051)
    assert "e" not in number


@given(st.floats(min_value=0, max_value=1, exclude_min=True, exclude_max=True, allow_subnormal=False))
def test_only_a_whole_is_100_percent_and_only_nothing_is_0(part):
    text = written.share(part)
    assert text not in ("100 %", "0 %") and "e" not in text
    assert float(text.removesuffix(" %")) == pytest.approx(part * 100, rel=0.0051)


def test_values_as_people_write_them():
    assert written.duration(41337) == "41.3 µs"
    assert written.duration(999_999) == "1 ms"
    assert written.share(0.05261) == "5.26 %"
    assert (written.share(0), written.share(1)) == ("0 %", "100 %")
    assert written.interval(0.0312, 0.0874) == "3.12–8.74 %"
    assert written.count(19012) == "19,012"
    assert [written.counted(n, "fault") for n in (0, 1, 2)] == ["0 faults", "1 fault", "2 faults"]
    assert written.cell("addr", 0xFFFFF80001A14800) == "0xfffff80001a14800"
    assert written.cell("id", 100051) == "100051"
    assert written.cell("time", 2_868_757_123) == "2.868757 s"


@pytest.mark.parametrize("kind", written.KINDS)
@pytest.mark.parametrize("value", [None, float("nan")])
def test_what_was_not_measured_says_so(kind, value):
    assert written.cell(kind, value) == written.NOT_MEASURED


@given(st.text())
def test_text_stays_on_its_line_and_code_on_its_lines(text):
    assert written.cell("text", text).isprintable()
    code = written.cell("code", text)
    assert code.count("\n") == text.count("\n") and code.replace("\n", "").isprintable()
