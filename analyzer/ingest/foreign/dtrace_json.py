"""dtrace's structured output, `-x oformat=json` of FreeBSD 15 and late 14.

Built from the documented shape (docs/freebsd-vm-tracing.md, 7.7): no recording of it exists, so nothing here is proved.
"""

import json
import re
from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from itertools import chain

import pyarrow as pa

from analyzer.ingest.aggregations import Row, bounds
from analyzer.ingest.foreign.dtrace_text import aggregation_tables, handler_faults
from analyzer.ingest.messages import PREFIX, parse_message
from analyzer.ingest.parsed import Notice, Parsed

_MOST = 1 << 24  # characters of one element
_LIST = re.compile(r'"probes"\s*:\s*\[')
_BETWEEN = re.compile(r"[\s,]*")
_PROBE = {
    "element": pa.int64(),
    "ts": pa.int64(),
    "cpu": pa.int64(),
    "id": pa.int64(),
    "provider": pa.string(),
    "module": pa.string(),
    "function": pa.string(),
    "name": pa.string(),
}
_OUTPUT = {"element": pa.int64(), "item": pa.int64(), "kind": pa.string(), "number": pa.int64(), "text": pa.string()}
_VALUES = ("count", "sum", "min", "max", "avg", "stddev")
_STACKS = ("stack-frames", "ustack-frames")


def parse_oformat(chunks: Iterable[bytes]) -> Parsed:
    """The JSON as it comes, one element of `probes` at a time.

    J: firings (element, ts, cpu, id, provider, module, function, name); ts is the time of output, not of the firing.
    V: what they put out (element, item, kind, number, text); kind "value" (of trace or of a printf argument, `number`
        where it is one), "message" (printf's text), "stack", "ustack", "sym", or "other" with the JSON as it stood.
    A1, A2, …: aggregations as in `parse_dtrace`, with a column `aggregation`, its name.
    F: faults, where the handler's entry and return are among the probes (see `handler_faults`).
    DROP elements are Notices.  A text that ends inside an element, or goes on as no JSON, gives a Notice "cut".
    """
    reader = _Reader()
    for number, element in enumerate(_elements(chunks), 1):
        if isinstance(element, str):
            reader.notices.append(Notice(number, "cut", 1, "", element, reader.last))
        else:
            reader.read(number, element)
    return reader.parsed()


def _elements(chunks: Iterable[bytes]) -> Iterator[dict | str]:
    """The elements of `probes`; at last a text, where they do not end as they should."""
    decoder = json.JSONDecoder()
    decode = getincrementaldecoder("utf-8")(errors="backslashreplace").decode
    buffer, inside, tried, reason = "", False, 0, ""
    for chunk in chain(chunks, [None]):
        buffer += decode(chunk or b"", chunk is None)
        if not inside:
            start = _LIST.search(buffer)
            if start is None:
                continue
            inside, buffer = True, buffer[start.end() :]
        # An unfinished element is tried again only when as much again has come.
        if chunk is not None and len(buffer) < 2 * tried:
            continue
        place = 0
        while True:
            place = _BETWEEN.match(buffer, place).end()
            if buffer.startswith("]", place):
                return
            try:
                element, place = decoder.raw_decode(buffer, place)
            except json.JSONDecodeError as error:
                reason = error.msg
                break
            if isinstance(element, dict):
                yield element
            else:
                yield f"an element is no object: {json.dumps(element)[:80]}"
        buffer = buffer[place:]
        tried = len(buffer)
        if tried > _MOST:
            break
    yield f"the list of probes does not go on as JSON: {reason}" if inside else "no list of probes"


class _Reader:
    """Rows of all tables, gathered element by element."""

    def __init__(self) -> None:
        self.probes: list[dict] = []
        self.outputs: list[dict] = []
        self.records: list[dict] = []
        self.rows: dict[str, list[Row]] = {}
        self.notices: list[Notice] = []
        self.last: int | None = None

    def read(self, number: int, element: dict) -> None:
        if element.get("provider") == "dtrace" and element.get("name") == "DROP":
            self.notices.append(_drop(number, element, self.last))
            return
        probe = {"element": number, "ts": _number(element.get("timestamp"))}
        probe |= {name: _number(element.get(name)) for name in ("cpu", "id")}
        probe |= {name: str(element.get(name, "")) for name in ("provider", "module", "function", "name")}
        self.probes.append(probe)
        self.last = probe["ts"]
        values: list[int | str] = []
        output = element.get("output")
        for place, item in enumerate(output if isinstance(output, list) else [], 1):
            if isinstance(item, dict) and "aggregation-data" in item:
                self._aggregation(number, item)
                continue
            found = _output(item)
            self.outputs.append({"element": number, "item": place, **found})
            if found["kind"] == "value":
                values.append(found["text"] if found["number"] is None else found["number"])
        record = {"line": number, "cpu": probe["cpu"], "function": probe["function"], "name": probe["name"]}
        self.records.append(record | {"values": values})

    def _aggregation(self, number: int, item: dict) -> None:
        rows = self.rows.setdefault(str(item.get("aggregation-name", "")), [])
        data = item["aggregation-data"]
        for entry in data if isinstance(data, list) else []:
            row = _row(number, entry)
            if row is None:
                other = {"number": None, "text": json.dumps(entry)}
                self.outputs.append({"element": number, "item": 0, "kind": "other", **other})
            else:
                rows.append(row)

    def parsed(self) -> Parsed:
        tables = {
            "J": pa.Table.from_pylist(self.probes, pa.schema(_PROBE)),
            "V": pa.Table.from_pylist(self.outputs, pa.schema(_OUTPUT)),
        }
        faults, doubts = handler_faults(self.records)
        if faults is not None:
            tables["F"] = faults
        count = 0
        for name, rows in self.rows.items():
            for table in aggregation_tables(rows).values():
                count += 1
                tables[f"A{count}"] = table.add_column(0, "aggregation", pa.array([name] * len(table), pa.string()))
        return Parsed(tables, {"format": "dtrace-json", "time": "output"}, [*self.notices, *doubts], [])


def _number(value: object) -> int | None:
    whole = isinstance(value, int) and not isinstance(value, bool)
    return value if whole and -(2**63) <= value < 2**63 else None


def _drop(number: int, element: dict, last: int | None) -> Notice:
    """The message is the one that text output has; its words tell the kind."""
    text = str(element.get("msg", "")).strip()
    said = parse_message(text if text.startswith(PREFIX) else PREFIX + text, number, last)
    kind = said.kind if said is not None and said.kind != "unknown" else "drop"
    count = _number(element.get("count"))
    return Notice(number, kind, 1 if count is None else count, said.where if said else "", text, last)


def _output(item: object) -> dict:
    if isinstance(item, dict):
        if "value" in item:
            number = _number(item["value"])
            return {"kind": "value", "number": number, "text": None if number is not None else str(item["value"])}
        if "message" in item:
            return {"kind": "message", "number": None, "text": str(item["message"])}
        for frames in _STACKS:
            if isinstance(item.get(frames), list):
                return {"kind": frames.partition("-")[0], "number": None, "text": _stack(item[frames])}
        if "sym" in item:
            return {"kind": "sym", "number": None, "text": str(item["sym"])}
    return {"kind": "other", "number": None, "text": json.dumps(item)}


def _stack(frames: list) -> str:
    return "\n".join(str(frame.get("symbol", "")) if isinstance(frame, dict) else str(frame) for frame in frames)


def _row(number: int, entry: object) -> Row | None:
    if not isinstance(entry, dict) or not isinstance(entry.get("keys", []), list):
        return None
    keys: list[int | str] = []
    stacks = []
    for key in entry.get("keys", []):
        inner = next((key[name] for name in _STACKS if name in key), None) if isinstance(key, dict) else None
        if isinstance(inner, list):
            stacks.append(len(keys))
            keys.append(_stack(inner))
        elif isinstance(key, dict):
            keys.append(str(key.get("value", json.dumps(key))))
        else:
            keys.append(key if _number(key) is not None else str(key))
    if isinstance(entry.get("buckets"), list):
        try:
            labels = [str(bucket["value"]) for bucket in entry["buckets"]]
            counts = [int(bucket["count"]) for bucket in entry["buckets"]]
            limits = list(bounds(labels))
        except (KeyError, TypeError, ValueError):
            return None
        buckets = tuple((low, high, count) for (low, high), count in zip(limits, counts, strict=True))
        return Row(number, tuple(keys), tuple(stacks), None, buckets)
    value = next((_number(entry[name]) for name in _VALUES if name in entry), None)
    return None if value is None else Row(number, tuple(keys), tuple(stacks), value, None)
