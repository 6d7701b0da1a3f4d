"""How values are written, the same in every output.  Depends on nothing: analyses, charts and reports use it."""

import math
from collections.abc import Callable
from decimal import Decimal
from typing import Any

NOT_MEASURED = "—"

# Kinds of table columns, with what a value of the kind is:
#   text      str, one line
#   code      str, may have several lines (stacks)
#   int       int, a count
#   id        int, a number that names something: process, thread, CPU, line
#   ns        int or float, a duration in ns
#   time      int or float, ns since the trace began
#   share     float, 0 to 1
#   interval  (float, float), two shares
#   number    float, without a unit
#   p         float, the p value of a test
#   addr      int, or str that is one already
# A pair of int or ns is a range: the value lies in it.
KINDS = ("text", "code", "int", "id", "ns", "time", "share", "interval", "number", "p", "addr")
NUMERIC_KINDS = ("int", "id", "ns", "time", "share", "interval", "number", "p")

_UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1.0, "ns"))


def count(number: float) -> str:
    """19012 -> "19,012"."""
    return f"{round(number):,}"


def counted(number: int, noun: str, plural: str = "") -> str:
    """(1, "fault") -> "1 fault", (2, "fault") -> "2 faults"."""
    return f"{count(number)} {noun if number == 1 else plural or noun + 's'}"


def duration(ns: float) -> str:
    """A duration in three digits: 41337 ns -> "41.3 µs"."""
    if ns == 0:
        return "0 ns"
    sign, ns = ("-" if ns < 0 else ""), _three_digits(abs(ns))
    size, unit = next((pair for pair in _UNITS if ns >= pair[0]), _UNITS[-1])
    return f"{sign}{_plain(ns / size)} {unit}"


def duration_range(low: float, high: float) -> str:
    """(1024, 2048) -> "1.02–2.05 µs"; (500, 2048) -> "500 ns–2.05 µs"."""
    (first, first_unit), (last, last_unit) = duration(low).split(), duration(high).split()
    if first_unit == last_unit:
        return f"{first}–{last} {last_unit}"
    return f"{first} {first_unit}–{last} {last_unit}"


def moment(ns: float) -> str:
    """A time since the trace began, to the microsecond: 12345678901 ns -> "12.345679 s"."""
    return f"{ns / 1e9:,.6f} s"


def share(part: float) -> str:
    """A share of 1 in three digits: 0.05261 -> "5.26 %".  Only a whole is "100 %", only nothing is "0 %"."""
    percent = part * 100
    if 0 < percent < 100:
        return f"{min(_plain(_three_digits(percent)), '99.9', key=float)} %"
    return f"{_plain(_three_digits(percent))} %"


def interval(low: float, high: float) -> str:
    """Two shares: (0.0312, 0.0874) -> "3.12–8.74 %", (-0.01, 0.02) -> "-1 to 2 %"."""
    return f"{share(low).removesuffix(' %')}{' to ' if low < 0 else '–'}{share(high)}"


def number(value: float) -> str:
    """A number in three digits, thousands in full: 1.0163 -> "1.02", 19012.4 -> "19,012"."""
    return count(value) if abs(value) >= 1000 else _plain(_three_digits(value))


def probability(p: float) -> str:
    """A p value: 0.01234 -> "0.0123", 1e-9 -> "< 0.0001"."""
    return "< 0.0001" if p < 0.0001 else _plain(_three_digits(p))


def address(value: int | str) -> str:
    """0xfffff800…; a text is taken as it is."""
    return visible(value) if isinstance(value, str) else f"0x{value:x}"


def visible(text: str) -> str:
    """Text with every control, format or undisplayable character as an escape, so that it stays on its line."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def cell(kind: str, value: Any) -> str:
    """A table's value as text, by the column's kind (KINDS); None is NOT_MEASURED."""
    if is_unknown(value):
        return NOT_MEASURED
    if kind == "interval":
        return interval(*value)
    if isinstance(value, tuple) and math.inf in (-value[0], value[1]):  # lquantize ends open
        return f"< {_WRITE[kind](value[1])}" if math.isinf(value[0]) else f"≥ {_WRITE[kind](value[0])}"
    if isinstance(value, tuple):
        return duration_range(*value) if kind == "ns" else f"{_WRITE[kind](value[0])}–{_WRITE[kind](value[1])}"
    if kind == "code":
        return "\n".join(map(visible, str(value).split("\n")))
    return _WRITE[kind](value)


def is_unknown(value: object) -> bool:
    """Whether a table's value is missing: None or NaN."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def _text(value: object) -> str:
    return visible(str(value))


def _three_digits(number: float) -> float:
    return float(f"{number:.3g}")


def _plain(number: float) -> str:
    # Never 1e-05: the reader compares these by eye.
    text = format(Decimal(f"{number:.3g}"), "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


_WRITE: dict[str, Callable[[Any], str]] = {
    "text": _text, "int": count, "id": str, "ns": duration, "time": moment, "share": share, "number": number,
    "p": probability, "addr": address,
}  # fmt: skip
