"""What actions and aggregations put into an element of dtrace's JSON, typed."""

import json
from typing import Any, NamedTuple

from analyzer.ingest.aggregations import Bucket, bounds
from analyzer.ingest.foreign.json_stream import Twins

# By the key that tells it; a printf() puts out a message and then its arguments.
_SYMBOLS = ("sym", "usym", "mod", "umod", "tracemem")
_STACKS = {"stack-frames": "stack", "ustack-frames": "ustack"}
_FUNCTIONS = ("count", "sum", "min", "max", "average", "avg", "stddev")
_SHOWN = 200  # characters of what is not understood


class Output(NamedTuple):
    """One thing that an action put out: its kind, and a number or a text."""

    kind: str
    number: int | None
    text: str | None


class Member(NamedTuple):
    """One line of what print() shows of a type; `number` where its value is one."""

    name: str
    type: str
    number: int | None
    text: str | None


class Measure(NamedTuple):
    """What one function gathered under one key: a value, or a distribution."""

    function: str
    keys: tuple[int | str, ...]
    stack_at: tuple[int, ...]
    value: int | None
    buckets: tuple[Bucket, ...] | None


class NotUnderstoodError(Exception):
    """Some JSON that no rule here knows: its text, cut short."""

    def __init__(self, value: object, expected: str) -> None:
        super().__init__(json.dumps(value)[:_SHOWN])
        self.expected = expected


def whole(value: object) -> int | None:
    """A whole number that fits 64 bits with its sign, else None."""
    if not isinstance(value, int) or isinstance(value, bool):
        return None
    return value if -(2**63) <= value < 2**63 else None


def output(item: object) -> Output:
    """One item of `output` that is neither an aggregation nor print()'s; raises NotUnderstoodError."""
    if isinstance(item, dict):
        if isinstance(item.get("value"), int | str | float):
            number = whole(item["value"])
            return Output("value", number, None if number is not None else str(item["value"]))
        if isinstance(item.get("message"), str):
            return Output("message", None, item["message"])
        for name, kind in _STACKS.items():
            if name in item:
                return Output(kind, None, _stack(item[name]))
        for kind in _SYMBOLS:
            if isinstance(item.get(kind), str):
                return Output(kind, None, item[kind])
    raise NotUnderstoodError(item, "what an action puts out")


def members(item: dict) -> list[Member]:
    """What print() showed, a line for each member and each element of an array; raises NotUnderstoodError."""
    found: list[Member] = []
    entries = item["type"]
    if not isinstance(entries, list):
        raise NotUnderstoodError(item, "the members of a type")
    for entry in entries:
        if not isinstance(entry, dict) or not isinstance(entry.get("name"), str):
            raise NotUnderstoodError(entry, "a member of a type")
        name, value = str(entry.get("member-name", "")), entry.get("value")
        if isinstance(value, list):
            inner = members({"type": value})
            found += [Member(f"{name}[{place}]{each.name}", *each[1:]) for place, each in enumerate(inner)]
        else:
            found.append(Member(name, entry["name"], _hexadecimal(value), None if value is None else str(value)))
    return found


def _hexadecimal(value: object) -> int | None:
    try:
        number = int(value, 16) if isinstance(value, str) and (value == "0" or value.startswith("0x")) else None
    except ValueError:
        return None
    return number if number is None or number < 2**64 else None


def measures(row: object) -> list[Measure]:
    """The values and distributions of one row; more than one where printa() was given several aggregations.

    Raises NotUnderstoodError.
    """
    if not isinstance(row, dict) or not isinstance(row.get("keys"), list):
        raise NotUnderstoodError(row, "the keys of a row")
    keys: list[int | str] = []
    stacks = []
    for key in row["keys"]:
        found = output(key)
        if found.kind in _STACKS.values():
            stacks.append(len(keys))
        keys.append(str(found.text) if found.number is None else found.number)
    gathered = []
    for name, given in row.items():
        if name == "keys":
            continue
        several = given if isinstance(given, Twins) else [given]
        for place, each in enumerate(several):
            function = name if place == 0 else f"{name} {place + 1}"
            gathered.append(Measure(function, tuple(keys), tuple(stacks), *_gathered(name, each, row)))
    if not gathered:  # dtrace 15.0 stops where a key is sym() or func()
        raise NotUnderstoodError(row, "a value behind the keys")
    return gathered


def _gathered(name: str, given: Any, row: dict) -> tuple[int | None, tuple[Bucket, ...] | None]:
    if name == "buckets":
        try:
            labels = [f"{bucket.get('operator', '')} {_certain(bucket['value'])}".strip() for bucket in given]
            counts = [_certain(bucket["count"]) for bucket in given]
            limits = list(bounds(labels))
        except (AttributeError, KeyError, TypeError, ValueError):
            raise NotUnderstoodError(row, "the buckets of a distribution") from None
        return None, tuple((low, high, count) for (low, high), count in zip(limits, counts, strict=True))
    if name in _FUNCTIONS and whole(given) is not None:
        return given, None
    raise NotUnderstoodError(row, "a value of count, sum, min, max, average or stddev, or buckets")


def _certain(value: object) -> int:
    """A whole number of 64 bits; raises ValueError."""
    number = whole(value)
    if number is None:
        raise ValueError(value)
    return number


def _stack(frames: object) -> str:
    if not isinstance(frames, list) or not all(isinstance(frame, dict) and "symbol" in frame for frame in frames):
        raise NotUnderstoodError(frames, "the frames of a stack")
    return "\n".join(str(frame["symbol"]) for frame in frames)
