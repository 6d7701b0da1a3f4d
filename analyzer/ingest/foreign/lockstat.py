"""lockstat(1)'s reports: contention and hold times by lock and caller, with histograms and stacks."""

import pyarrow as pa
from lark.exceptions import UnexpectedInput

from analyzer.ingest.grammar import Node, expectation, load_grammar
from analyzer.ingest.lines import whole_lines
from analyzer.ingest.parsed import Parsed, Unread

OBJECT_LOCKS = ("vm object", "vmobject")  # up to 14, and on 15

_EVENT = {"line": pa.int64(), "event": pa.string(), "events": pa.int64(), "seconds": pa.float64()}
_ROW = {
    "line": pa.int64(),
    "event": pa.string(),
    "count": pa.int64(),
    "indv": pa.int64(),
    "cuml": pa.int64(),
    "rcnt": pa.float64(),
    "mean": pa.int64(),
    "unit": pa.string(),
    "lock": pa.string(),
    "caller": pa.string(),
    "object": pa.bool_(),
}
_BUCKET = {"row": pa.int64(), "low": pa.float64(), "high": pa.float64(), "count": pa.int64()}
_FRAME = {"row": pa.int64(), "depth": pa.int64(), "frame": pa.string()}


def parse_lockstat(data: bytes) -> Parsed:
    """lockstat's text, hold or contention, with -h and -s too.

    EV: kinds of events (line, event, events, seconds).
    LS: one row per event, lock and caller (line, event, count, indv, cuml in percent, rcnt, mean, unit: of the mean,
        as the heading says: "nsec", "spin", …; lock, caller, object: whether it is a VM object's lock).  lockstat
        prints the most frequent only.
    LH: histograms (row: the line in LS; low <= x < high in its unit, count): lockstat labels a bucket by its upper
        limit.
    ST: stacks (row, depth, frame), innermost first.
    A last line without its newline was cut: it is left out, with a Notice "cut".
    """
    lines, notices = whole_lines(data)
    parser = load_grammar("lockstat", "line")
    events, rows, buckets, frames = [], [], [], []
    unit = ""
    unread: list[Unread] = []
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            tree: Node = parser.parse(line).children[0]
        except UnexpectedInput as error:
            column, expected = expectation(error)
            unread.append(Unread(number, column, line, expected))
            continue
        parts = [str(token).strip() for token in tree.children]
        if tree.data == "event":
            name, count, seconds = parts
            events.append({"line": number, "event": name, "events": int(count), "seconds": float(seconds)})
        elif tree.data == "header":
            unit = parts[0]
        elif tree.data == "row" and events:
            rows.append({"line": number, "event": events[-1]["event"], "unit": unit, **_row(parts)})
        elif tree.data in ("bucket", "frame") and rows:
            owner = rows[-1]["line"]
            if tree.data == "bucket":
                high = float(parts[0])
                buckets.append({"row": owner, "low": high / 2, "high": high, "count": int(parts[1])})
            frames += [{"row": owner, "frame": frame} for frame in parts[2 if tree.data == "bucket" else 0 :]]
        elif tree.data in ("row", "bucket", "frame"):
            unread.append(Unread(number, 1, line, "an event and a lock before it"))
    depth: dict[int, int] = {}
    for frame in frames:
        frame["depth"] = depth.setdefault(frame["row"], 0)
        depth[frame["row"]] += 1
    tables = {
        "EV": pa.Table.from_pylist(events, pa.schema(_EVENT)),
        "LS": pa.Table.from_pylist(rows, pa.schema(_ROW)),
        "LH": pa.Table.from_pylist(buckets, pa.schema(_BUCKET)),
        "ST": pa.Table.from_pylist(frames, pa.schema(_FRAME)),
    }
    return Parsed(tables, {"format": "lockstat"}, notices, unread)


def _row(parts: list[str]) -> dict:
    count, individual, cumulative, references, mean, lock, caller = parts
    return {
        "count": int(count),
        "indv": int(individual.rstrip("%")),
        "cuml": int(cumulative.rstrip("%")),
        "rcnt": float(references),
        "mean": int(mean),
        "lock": lock,
        "caller": caller,
        "object": lock in OBJECT_LOCKS,
    }
