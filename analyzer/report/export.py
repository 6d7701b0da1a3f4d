"""Tables and spans in the formats of other tools."""

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from analyzer.errors import CannotCreateError, DataError, UsageError
from analyzer.format import visible
from analyzer.report.as_json import printable_json
from analyzer.report.spans import Span, depths, frames_of, lock_spans, process_names, thread_spans

TABULAR = ("parquet", "csv", "ndjson")
PICTURES = ("folded", "speedscope", "chrome")
_WEIGHTS = ("count", "value")
_ROWS = 65536
_FORMULA = ("=", "+", "-", "@", "\n", "＝", "＋", "－", "＠")  # the wide ones too: spreadsheets of the east take them


def export(tables: dict[str, pa.Table], form: str, out: Path) -> list[Path]:
    """`tables`, by record tag, as `form`; returns the files written.

    TABULAR: `out` is a folder, made if need be, with a file for each table that has rows.  In csv and ndjson addresses
    and flags (uint64) stand as 0x…; in csv a text that a spreadsheet would run as a formula has an apostrophe before
    it, and signs that steer a terminal or are not seen stand as escapes.  PICTURES: `out` is a file, or "-" for
    standard output: "folded" for flamegraph.pl, "speedscope" for
    speedscope.app, "chrome" for chrome://tracing and Perfetto.  Raises DataError where nothing in the tables can be
    shown so, CannotCreateError where a file cannot be made.
    """
    try:
        if form in TABULAR:
            return _write_tables(tables, form, out)
        if form == "folded":
            return _write(out, (f"{line}\n" for line in folded(tables)))
        if form == "speedscope":
            return _write(out, _json(speedscope(tables)))
        if form == "chrome":
            return _write(out, chrome(tables))
    except OSError as error:
        raise CannotCreateError(f"cannot write {out}: {error.strerror}; choose another place with -o") from error
    raise UsageError(f"--to {form} is no format; choose one of {', '.join((*TABULAR, *PICTURES))}")


def folded(tables: dict[str, pa.Table]) -> list[str]:
    """One line a stack, root first: `a;b;c 12`.

    Where functions were traced (E and R) the number is ns of a function's own time, else how often a stack was seen.
    """
    totals: dict[tuple[str, ...], int] = {}
    if _length(tables, "E"):
        names = process_names(tables)
        for (pid, _), spans in thread_spans(_only(tables, "E", "R")).items():
            for path, ns in _own_times(spans):
                key = (names.get(pid, str(pid)), *path)
                totals[key] = totals.get(key, 0) + ns
    else:
        for key, count in _stacks(tables):
            totals[key] = totals.get(key, 0) + count
    if not totals:
        raise DataError("no stacks and no traced functions to fold; export a log of vmevents or one with stacks")
    return [f"{';'.join(_frame(part) for part in key)} {totals[key]}" for key in sorted(totals) if totals[key] > 0]


def speedscope(tables: dict[str, pa.Table]) -> dict:
    """speedscope's file: a profile a thread where there are spans, else one of the stacks."""
    frames: dict[str, int] = {}
    profiles = []
    names = process_names(tables)
    for (pid, tid), spans in thread_spans(tables).items():
        events: list[dict] = []
        open_: list[Span] = []
        for span in (*spans, None):
            while open_ and (span is None or open_[-1].end <= span.start):
                closed = open_.pop()
                events.append({"type": "C", "frame": frames[closed.name], "at": closed.end})
            if span is not None:
                events.append({"type": "O", "frame": frames.setdefault(span.name, len(frames)), "at": span.start})
                open_.append(span)
        profiles.append(
            {
                "type": "evented",
                "name": f"{names.get(pid, '')} pid {pid} tid {tid}".strip(),
                "unit": "nanoseconds",
                "startValue": events[0]["at"],
                "endValue": events[-1]["at"],
                "events": events,
            }
        )
    stacks = [] if profiles else list(_stacks(tables))
    if stacks:
        samples = [[frames.setdefault(frame, len(frames)) for frame in stack] for stack, _ in stacks]
        weights = [count for _, count in stacks]
        profiles.append(
            {
                "type": "sampled",
                "name": "stacks",
                "unit": "none",
                "startValue": 0,
                "endValue": sum(weights),
                "samples": samples,
                "weights": weights,
            }
        )
    if not profiles:
        raise DataError("no faults, functions or stacks to show; speedscope needs a log with one of them")
    return {
        "$schema": "https://www.speedscope.app/file-format-schema.json",
        "exporter": "vmtrace",
        "name": "vmtrace",
        "activeProfileIndex": 0,
        "shared": {"frames": [{"name": name} for name in frames]},
        "profiles": profiles,
    }


def chrome(tables: dict[str, pa.Table]) -> Iterator[str]:
    """A Trace Event file, piece by piece: one track a thread; held locks are asynchronous spans of their process."""
    threads = thread_spans(tables)
    locks = lock_spans(tables)
    if not threads and not locks:
        raise DataError("no faults, functions or locks to show; chrome needs a log with one of them")
    return _lines(_chrome_events(threads, locks, process_names(tables)))


def _chrome_events(
    threads: dict[tuple[int, int], list[Span]], locks: list[Span], names: dict[int, str]
) -> Iterator[dict]:
    known = sorted({*threads, *((span.pid, span.tid) for span in locks)})
    for pid in sorted({pid for pid, _ in known}):
        name = names.get(pid, f"pid {pid}")
        yield {"ph": "M", "name": "process_name", "pid": pid, "tid": 0, "args": {"name": name}}
    for pid, tid in known:
        yield {"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": f"tid {tid}"}}
    for spans in threads.values():
        for span in spans:
            event = {"name": span.name, "cat": span.kind, "pid": span.pid, "tid": span.tid, "ts": span.start / 1000}
            args = span.args | ({} if span.ended else {"end": "not seen"})
            if span.end == span.start:
                yield event | {"ph": "i", "s": "t", "args": args}
            else:
                yield event | {"ph": "X", "dur": (span.end - span.start) / 1000, "args": args}
    for number, span in enumerate(locks):
        event = {"name": span.name, "cat": "lock", "id": number, "pid": span.pid, "tid": span.tid}
        args = span.args | ({} if span.ended else {"end": "not seen"})
        yield event | {"ph": "b", "ts": span.start / 1000, "args": args}
        yield event | {"ph": "e", "ts": span.end / 1000}


def _lines(events: Iterable[dict]) -> Iterator[str]:
    yield '{"displayTimeUnit": "ns", "traceEvents": ['
    between = "\n"
    for event in events:
        yield between + json.dumps(event)
        between = ",\n"
    yield "\n]}\n"


def _json(document: dict) -> Iterator[str]:
    yield from json.JSONEncoder().iterencode(document)
    yield "\n"


def _write(out: Path, pieces: Iterable[str]) -> list[Path]:
    if str(out) == "-":
        sys.stdout.writelines(pieces)
        return []
    with _whole(out), out.open("w", encoding="utf-8", newline="\n") as file:
        file.writelines(pieces)
    return [out]


@contextmanager
def _whole(path: Path) -> Iterator[None]:
    """A file that cannot be written to its end is taken away."""
    try:
        yield
    except OSError:
        if path.is_file():  # no device
            path.unlink()
        raise


def _write_tables(tables: dict[str, pa.Table], form: str, folder: Path) -> list[Path]:
    files = table_files(tables, form, folder)
    if not files:
        raise DataError("no table has a row: there is nothing to export")
    folder.mkdir(parents=True, exist_ok=True)
    for tag, path in files.items():
        table = tables[tag]
        with _whole(path):
            if form == "parquet":
                pa.parquet.write_table(table, path)
            elif form == "csv":
                pa.csv.write_csv(_harmless(_plain(table)), path)
            else:
                _write(path, _ndjson(_plain(table)))
    return list(files.values())


def table_files(tables: dict[str, pa.Table], form: str, folder: Path) -> dict[str, Path]:
    """The file of each table that has rows."""
    return {tag: folder / f"{tag}.{form}" for tag, table in tables.items() if table.num_rows}


def _plain(table: pa.Table) -> pa.Table:
    """Addresses as 0x…, for JSON's numbers end at 2**53, and stacks as text."""
    for place, column in enumerate(table.schema):
        values = None
        if pa.types.is_uint64(column.type):
            values = [None if value is None else hex(value) for value in table[column.name].to_pylist()]
        elif pa.types.is_nested(column.type):
            values = ["\n".join(frames_of(value)) for value in table[column.name].to_pylist()]
        if values is not None:
            table = table.set_column(place, column.name, pa.array(values, pa.string()))
    return table


def _harmless(table: pa.Table) -> pa.Table:
    """A process may be named =cmd(): no spreadsheet shall run it, and no terminal heed what steers it."""
    for place, column in enumerate(table.schema):
        kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
        if pa.types.is_string(kind) or pa.types.is_large_string(kind):
            texts = table[column.name].cast(kind).combine_chunks().dictionary_encode()
            harmless = pa.array([_shown(text) for text in texts.dictionary.to_pylist()], kind)
            table = table.set_column(place, column.name, harmless.take(texts.indices))
    return table


def _shown(text: str) -> str:
    shown = "\n".join(map(visible, text.split("\n")))
    return f"'{shown}" if shown.startswith(_FORMULA) else shown


def _ndjson(table: pa.Table) -> Iterator[str]:
    for batch in table.to_batches(max_chunksize=_ROWS):
        for row in batch.to_pylist():
            yield printable_json(row) + "\n"


def _own_times(spans: list[Span]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Each span's time by its names from the root, and taken from those of the span around it."""
    path: list[str] = []
    for span, depth in zip(spans, depths(spans), strict=True):
        path[depth:] = [span.name]
        yield tuple(path), span.end - span.start
        if depth:
            yield tuple(path[:-1]), span.start - span.end


def _stacks(tables: dict[str, pa.Table]) -> Iterator[tuple[tuple[str, ...], int]]:
    """Stacks of all tables that have some, root first, and how often each was seen."""
    for tag in sorted(tables):
        names = tables[tag].column_names
        if "stack" in names:
            weight = next((name for name in _WEIGHTS if name in names), None)
            for row in tables[tag].to_pylist():
                frames = frames_of(row["stack"])
                if frames:
                    yield tuple(reversed(frames)), 1 if weight is None else row[weight]


def _frame(name: str) -> str:
    """A frame's name without the signs that the format itself uses."""
    return visible(name.replace(";", ":").replace("\n", " ").replace("\r", " "))


def _only(tables: dict[str, pa.Table], *tags: str) -> dict[str, pa.Table]:
    return {tag: tables[tag] for tag in tags if tag in tables}


def _length(tables: dict[str, pa.Table], tag: str) -> int:
    return tables[tag].num_rows if tag in tables else 0
