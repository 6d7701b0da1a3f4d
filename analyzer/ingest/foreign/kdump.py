"""kdump(1)'s text: the fault records of ktrace, and every other record as a timeline."""

import re
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from lark import Token
from lark.exceptions import UnexpectedInput

from analyzer.ingest.blocks import parse_directive
from analyzer.ingest.foreign.fault_pairs import PROTECTIONS, TIMELINE, FaultPairs
from analyzer.ingest.grammar import Node, expectation, load_grammar, terminal
from analyzer.ingest.parsed import Notice, Parsed, Unread
from analyzer.ingest.releases import KERN_RESULTS
from analyzer.ingest.slow import directive_value

_SAMPLE = 2000  # lines that tell which columns kdump printed
_PART = 8 << 20  # bytes that are read at once: what is held beside them is many times as much
_FURTHER = (b" " * 7, b"\t")  # how a line begins on which a record goes on (CONTINUATION)
_ABSOLUTE = 100_000_000 * 10**9  # ns: a trace of three years, or a date of 1973
_RECORD = pa.schema(
    [
        *((name, TIMELINE.field(name).type) for name in ("line", "pid", "tid", "comm", "type", "body")),
        ("time", pa.string()),
        ("va", pa.uint64()),
        ("prot", pa.uint64()),
        ("rc", pa.int64()),
    ]
)


def _regex(name: str) -> str:
    return terminal("kdump", name, "line")


@dataclass(frozen=True)
class Layout:
    """Which columns kdump printed before the type."""

    tid: bool
    times: int
    cpu: bool

    def regex(self) -> str:
        """The columns, named, for RE2."""
        parts = [f"(?P<pid>{_regex('PID')})", f"(?P<tid>{_regex('TID')})" * self.tid, f"(?P<comm>{_regex('COMM')})"]
        times = ["time", *(f"time{number}" for number in range(1, self.times))][: self.times]
        parts += [f"(?P<{name}>{_regex('TIME')})" for name in times]
        return "".join(parts) + _regex("CPU") * self.cpu

    def rule(self) -> str:
        """The rule `exact` and its COMM, for lark."""
        columns = ["TIME"] * self.times + ["CPU"] * self.cpu
        kinds = "|".join(_regex(name) for name in ("TYPE", "_PFLT", "_PRET"))
        behind = "".join(_regex(name) for name in columns)
        first = "PID TID" if self.tid else "PID"
        return (
            f"\nexact: {first} COMM_HERE {' '.join(columns)} (fault | result | other)"
            f"\n    | {first} COMM_LOST _LOST -> lost"
            f"\n    | CONTINUATION -> continuation"
            f"\nCOMM_HERE: /{_regex('COMM')}(?={behind}(?:{kinds}))/\n"
        )


def parse_kdump(chunks: Iterable[bytes], bulk: bool = True) -> Iterator[Parsed]:
    """kdump's text, whatever flags it was called with (-H -T -E -R -d -n -c -A), in parts of about _PART bytes.

    Tables: K, the timeline of all records (line, pid, tid, comm, ts, type, body; a body keeps its further lines),
    and F, PFLT and PRET as `FaultPairs` makes them.  ts is ns since 1970 (-T) or since the first record (-E, -R), null
    without times; meta["time"] says which: "absolute", "elapsed" or "none".  tid is null without -H.
    A last line without its newline was cut: it is left out, with a Notice "cut".  Lines that begin with # are
    directives of `vmtrace collect --ktrace`, and stand in meta.
    Without `bulk` lark reads every line: the same tables, a hundred times slower.
    """
    reader = _Reader(bulk)
    rest = b""
    for chunk in chunks:
        rest += chunk
        while (end := _end_of_part(rest)) > 0:
            yield reader.read(rest[:end], last=False)
            rest = rest[end:]
    yield reader.read(rest, last=True)


def _end_of_part(data: bytes) -> int:
    """Where `data` may be parted: before a line that begins a record; 0 where it is short, or has no such place."""
    if len(data) < _PART:
        return 0
    end = _PART
    while (newline := data.rfind(b"\n", 0, end)) >= 0:
        if not data.startswith(_FURTHER, newline + 1) and newline + 1 < len(data):
            return newline + 1
        end = newline
    return 0


class _Reader:
    """What is known from the parts before: the columns, the clock, faults that are open."""

    def __init__(self, bulk: bool) -> None:
        self._bulk = bulk
        self._before = 0  # lines of the parts before
        self._layout: Layout | None = None
        self._clock = _Clock()
        self._pairs = FaultPairs()
        self._begun = False

    def read(self, data: bytes, last: bool) -> Parsed:
        """The next part, of whole lines; only the `last` may end in the middle of one."""
        whole, newline, rest = data.decode(errors="backslashreplace").rpartition("\n")
        lines = pc.split_pattern(pa.array([whole] if newline else [], pa.large_string()), "\n").flatten()
        notices = []
        if rest:
            notices.append(Notice(self._before + len(lines) + 1, "cut", 1, "", "the last line has no end"))
        lines, about = _directives(lines)
        if self._layout is None:
            self._layout = detect_layout(lines.slice(0, _SAMPLE).to_pylist())
        records = _read_bulk(lines, self._layout) if self._bulk else _RECORD.empty_table()
        refused = np.setdiff1d(np.flatnonzero(pc.not_equal(lines, "").to_numpy(False)) + 1, records["line"].to_numpy())
        further = _further(lines, refused) if self._bulk else refused[:0]
        slow, slow_further, lost, unread = _read_slow(lines, np.setdiff1d(refused, further), self._layout)
        records = pa.concat_tables([records, slow]).sort_by("line")
        further = np.union1d(further, slow_further)
        first = records["line"][0].as_py() if len(records) else len(lines) + 1
        unread += [
            Unread(number, 1, lines[number - 1].as_py(), "a record") for number in further[further < first].tolist()
        ]
        bodies = _bodies(records, lines, further[further > first])
        records = records.set_column(0, "line", pc.add(records["line"], self._before))
        timeline = records.select(["line", "pid", "tid", "comm", "type"])
        timeline = timeline.append_column("ts", self._clock.read(records["time"])).append_column("body", bodies)
        timeline = timeline.select(TIMELINE.names).cast(TIMELINE)
        faults, ends = (pc.equal(records["type"], kind) for kind in ("PFLT", "PRET"))
        tables, doubts = self._pairs.take(
            timeline, records["va"].filter(faults), records["prot"].filter(faults), records["rc"].filter(ends), last
        )
        before, self._before = self._before, self._before + len(lines)
        lost = [replace(notice, line=notice.line + before) for notice in lost]
        unread = [replace(each, line=each.line + before) for each in unread]
        return Parsed(
            tables={"F": tables["F"], "K": timeline, "PFLT": tables["PFLT"], "PRET": tables["PRET"]},
            meta={"format": "kdump", "time": self._clock.kind, "threads": self._layout.tid} | about,
            notices=sorted([*notices, *lost, *doubts], key=lambda notice: notice.line),
            unread=sorted(unread, key=lambda each: each.line),
        )


def _directives(lines: pa.Array) -> tuple[pa.Array, dict[str, Any]]:
    """The lines with directives blanked, and what those said.  kdump itself begins no line with #."""
    about: dict[str, Any] = {}
    marked = pc.starts_with(lines, "#")
    for text in lines.filter(marked).to_pylist():
        with suppress(UnexpectedInput):
            key, value = directive_value(parse_directive(text))
            about.setdefault(key, value)
    return pc.if_else(marked, "", lines) if about else lines, about


@cache
def record_pattern() -> re.Pattern:
    """The beginning of a record with any columns before its type; digits may be taken for a tid or CPU wrongly."""
    kinds = "|".join(_regex(name) for name in ("TYPE", "_PFLT", "_PRET"))
    columns = f"(?P<tid>{_regex('TID')})?{_regex('COMM')}(?P<times>(?:{_regex('TIME')})*)(?P<cpu>{_regex('CPU')})?"
    return re.compile(f"{_regex('PID')}{columns}(?:{kinds})")


def detect_layout(lines: list[str]) -> Layout:
    """The columns that every record among `lines` has before its type."""
    found = [match for match in map(record_pattern().match, lines) if match]
    return Layout(
        tid=bool(found) and all(match["tid"] for match in found),
        times=min((len(match["times"].split()) for match in found), default=0),
        cpu=bool(found) and all(match["cpu"] for match in found),
    )


def _read_bulk(lines: pa.Array, layout: Layout) -> pa.Table:
    """The fast gear: all records whose lines fit the terminals (schema _RECORD)."""
    kinds = "|".join(_regex(name) for name in ("TYPE", "_PFLT", "_PRET"))
    pattern = f"^{layout.regex()}(?P<type>{kinds})(?:{_regex('ABI')})?(?P<body>.*)$"
    found = pc.extract_regex(lines, pattern)
    fitting = pc.is_valid(found)
    numbers = pa.array(np.flatnonzero(fitting.to_numpy(False)) + 1)
    found = found.filter(fitting)
    kind = pc.utf8_trim(found.field("type"), " ")
    body = found.field("body")
    table = {
        "line": numbers,
        "pid": _number(found.field("pid")),
        "tid": _number(found.field("tid")) if layout.tid else pa.nulls(len(numbers), pa.int64()),
        "comm": pc.utf8_trim(found.field("comm"), " "),
        "type": kind,
        "body": body,
        "time": pc.utf8_trim(found.field("time"), " ") if layout.times else pa.nulls(len(numbers), pa.string()),
    }
    fault = pc.equal(kind, "PFLT")
    end = pc.equal(kind, "PRET")
    faults = pc.extract_regex(body.filter(fault), f"^(?P<va>{_regex('VA')})(?P<prot>{_regex('PROT')})$")
    ends = pc.extract_regex(body.filter(end), f"^(?P<rc>{_regex('RESULT')})$")
    count = len(numbers)
    table["va"] = _scatter(count, fault, pc.cast(pc.struct_field(faults, "va"), pa.uint64()))
    table["prot"] = _scatter(count, fault, _mapped(pc.struct_field(faults, "prot"), protection, pa.uint64()))
    table["rc"] = _scatter(count, end, _mapped(pc.struct_field(ends, "rc"), result, pa.int64()))
    refused = pc.or_(pc.and_(fault, pc.is_null(table["va"])), pc.and_(end, pc.is_null(table["rc"])))
    return pa.table(table).select(_RECORD.names).cast(_RECORD).filter(pc.invert(refused))


def _further(lines: pa.Array, numbers: np.ndarray) -> np.ndarray:
    """Those of the lines `numbers` on which the record before goes on."""
    some = lines.take(pa.array(numbers - 1, pa.int64()))
    return numbers[pc.match_substring_regex(some, f"^(?:{_regex('CONTINUATION')})$").to_numpy(False)]


def _read_slow(
    lines: pa.Array, numbers: np.ndarray, layout: Layout
) -> tuple[pa.Table, np.ndarray, list[Notice], list[Unread]]:
    """lark on the lines `numbers`: records, lines on which a record goes on, lost records, and what is no line."""
    parser = load_grammar("kdump", "exact", layout.rule())
    records, further, lost, unread = [], [], [], []
    for number in numbers.tolist():
        line = lines[number - 1].as_py()
        try:
            tree: Node = parser.parse(line)
        except UnexpectedInput as error:
            column, expected = expectation(error)
            unread.append(Unread(number, column, line, expected))
            continue
        if tree.data == "continuation":
            further.append(number)
        elif tree.data == "lost":
            pid = int(tree.children[0])
            lost.append(Notice(number, "drop", 1, f"pid {pid}", line))
        else:
            records.append({"line": number, **_record(tree)})
    return pa.Table.from_pylist(records, _RECORD), np.array(further, np.int64), lost, unread


def _record(tree: Node) -> dict[str, Any]:
    """One record as lark read it."""
    tail = tree.children[-1]
    tokens = {token.type: str(token) for token in tree.children if isinstance(token, Token)}
    parts = {token.type: str(token) for token in tail.children}
    times = [token for token in tree.children if isinstance(token, Token) and token.type == "TIME"]
    record = {
        "pid": int(tokens["PID"]),
        "tid": int(tokens["TID"]) if "TID" in tokens else None,
        "comm": tokens["COMM_HERE"].strip(" "),
        "time": times[0].strip(" ") if times else None,
        "type": parts.get("TYPE", "").strip(" "),
        "body": parts.get("BODY", ""),
    }
    if tail.data == "fault":
        record |= {"type": "PFLT", "body": parts["VA"] + parts["PROT"]}
        record |= {"va": int(parts["VA"], 16), "prot": protection(parts["PROT"])}
    elif tail.data == "result":
        record |= {"type": "PRET", "body": parts["RESULT"], "rc": result(parts["RESULT"])}
    return record


def protection(text: str) -> int:
    """The mask of ` 0x2<VM_PROT_WRITE>` (12 and later) or ` VM_PROT_WRITE` (before)."""
    text, _, unknown = text.strip().partition("<invalid>")
    number, bracket, _ = text.partition("<")
    if bracket:
        return int(number, 16)
    return sum(PROTECTIONS[name] for name in text.split("|")) | int(unknown or 0)


def result(text: str) -> int:
    """The number of `KERN_FAILURE` or `<invalid=5>`."""
    if text.startswith("KERN_"):
        return KERN_RESULTS.index(text)
    return int(text.removeprefix("<invalid=").removesuffix(">"))


def _number(column: pa.Array) -> pa.Array:
    return pc.cast(pc.utf8_trim(column, " "), pa.int64())


def _mapped(column: pa.Array, function: Callable[[str], object], kind: pa.DataType) -> pa.Array:
    """`function` on each of the few values of a column; null stays null."""
    encoded = column.dictionary_encode()
    values = pa.array([function(value) for value in encoded.dictionary.to_pylist()], kind)
    return values.take(encoded.indices)


def _scatter(count: int, mask: pa.Array, values: pa.Array) -> pa.Array:
    return pc.replace_with_mask(pa.nulls(count, values.type), mask, values)


class _Clock:
    """Times as ns; which of -T, -E and -R kdump printed first, the first part with times tells.

    kind: "absolute", "elapsed" or "none".
    """

    def __init__(self) -> None:
        self.kind = "none"
        self._since_before = False
        self._last = 0

    def read(self, times: pa.ChunkedArray) -> pa.Array:
        """The times of the next records, as kdump printed them."""
        if times.null_count == len(times):
            return pa.nulls(len(times), pa.int64())
        times = times.combine_chunks()
        digits = pc.subtract(pc.utf8_length(times), pc.find_substring(times, ".")).to_numpy() - 1
        ticks = pc.cast(pc.replace_substring(times, ".", ""), pa.int64()).to_numpy()
        ns = ticks * np.where(digits == 6, 1000, 1)
        if self.kind == "none":
            self.kind = "absolute" if ns.max() >= _ABSOLUTE else "elapsed"
            # Time since the start seldom runs back; time since the previous record is now longer, now shorter.
            backwards = np.count_nonzero(np.diff(ns) < 0) > len(ns) / 10
            self._since_before = self.kind == "elapsed" and bool(backwards)
        if self._since_before:
            ns = np.cumsum(ns) + self._last
            self._last = int(ns[-1])
        return pa.array(ns)


def _bodies(records: pa.Table, lines: pa.Array, further: np.ndarray) -> pa.ChunkedArray | pa.Array:
    """Bodies with the lines on which they go on."""
    if not len(further):
        return records["body"]
    bodies = records["body"].to_pylist()
    owners = np.searchsorted(records["line"].to_numpy(), further) - 1
    more = lines.take(pa.array(further - 1, pa.int64())).to_pylist()
    gathered: dict[int, list[str]] = {}
    for owner, line in zip(owners.tolist(), more, strict=True):
        gathered.setdefault(owner, []).append(line)
    for owner, parts in gathered.items():
        bodies[owner] = "\n".join([bodies[owner], *parts])
    return pa.array(bodies, pa.string())
