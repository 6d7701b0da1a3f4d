"""One block of a vmtrace log through the two gears."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.ingest.aggregations import parse_aggregation
from analyzer.ingest.block_lines import Lines
from analyzer.ingest.blocks import Block
from analyzer.ingest.fast import read_records
from analyzer.ingest.messages import PREFIX
from analyzer.ingest.parsed import EXPLAINED, Notice, Parsed, Unread, merged_meta
from analyzer.ingest.sections import Section, are_inside, find_sections, read_sections
from analyzer.ingest.slow import INDENT, SlowReader

Columns = Mapping[str, Collection[str]]


def read_block(block: Block, columns: Columns | None = None, lark_alone: bool = False) -> Parsed:
    """The tables of one block; `line` numbers every row by its line in the log.

    Args:
        columns: for each tag the columns to convert; all where it is None.  A line is refused for any column that the
            grammar refuses; whether a number fits into 64 bits is asked of these alone.
        lark_alone: read every line with lark.  Much slower, and the result is the same: a test holds it to that.
    """
    lines = Lines(block)
    slow = SlowReader(block.records, columns)
    tables: dict[str, list[pa.Table]] = {}
    sections = find_sections(lines, _tags(lines, block))
    inside = are_inside(lines, sections)
    inside[lines.beginning_with(PREFIX.encode())] = False
    for first, last, header in _runs(lines):
        if header is not None:
            slow.read(block.first_line + header, lines.text(header))
        _records(lines, block.first_line, first, last, inside, slow, tables, columns, lark_alone)
    for alike in sections:
        read, refused = ([], alike.all()) if lark_alone else read_sections(lines, alike)
        parts = [_numbered(table, block.first_line) for table in read]
        for section in refused:
            table, unread = _read_section(lines, block.first_line, section, inside)
            parts.append(table)
            slow.unread.extend(unread)
        tables.setdefault(f"@{alike.name}", []).append(_joined(parts).sort_by("line") if refused else parts[0])
    if lines.tail:
        tail = lines.tail.decode(errors="backslashreplace")
        last = block.first_line + lines.count
        slow.refuse(last, len(tail) + 1, tail, "the rest of the line: the log ends here")
        slow.notices.append(Notice(last, "no-trailer", 1, "", "the last line has no end: the log was cut off"))
    for tag, table in slow.tables():
        tables.setdefault(tag, []).append(_keep(table, tag, columns))
    joined = {tag: _joined(parts) for tag, parts in tables.items()}
    unread = sorted(slow.unread, key=lambda refused: refused.line)
    return Parsed(joined, slow.meta, _with_time(slow.notices, joined), unread, _last_ts(joined))


def read_directives(block: Block) -> dict[str, Any]:
    """The directives of one block, as in Parsed.meta; not those of sections, of which a day's log is full."""
    lines = Lines(block)
    slow = SlowReader(block.records)
    for number in np.setdiff1d(lines.beginning_with(b"#"), lines.beginning_with(b"#aggregation")).tolist():
        slow.read(block.first_line + number, lines.text(number))
    return slow.meta


def merge_parsed(parts: list[Parsed]) -> Parsed:
    """All blocks of one log as one; of directives the first stays."""
    tags = sorted({tag for part in parts for tag in part.tables})
    return Parsed(
        {tag: _joined([part.tables[tag] for part in parts if tag in part.tables]) for tag in tags},
        merged_meta(part.meta for part in parts),
        [notice for part in parts for notice in part.notices],
        [line for part in parts for line in part.unread],
    )


def _tags(lines: Lines, block: Block) -> set[str]:
    """The tags of the records that are known somewhere in the block."""
    fields = (lines.text(n).split("\t") for n in lines.beginning_with(b"#fields\t"))
    return {*block.records, *(words[1] for words in fields)}


def _runs(lines: Lines) -> Iterator[tuple[int, int, int | None]]:
    """Runs of lines that one set of record types holds for: first, end, and the #fields line before the run."""
    first = 0
    header = None
    for head in lines.beginning_with(b"#fields"):
        yield first, int(head), header
        first, header = int(head) + 1, int(head)
    yield first, lines.count, header


def _records(
    lines: Lines,
    offset: int,
    first: int,
    last: int,
    inside: np.ndarray,
    slow: SlowReader,
    tables: dict[str, list[pa.Table]],
    columns: Columns | None,
    lark_alone: bool,
) -> None:
    left = ~inside[first:last]
    refused: list[np.ndarray] = []
    for tag, kind in () if lark_alone else slow.records.items():
        numbers = lines.beginning_with(tag.encode() + b"\t", first, last)
        if kind.has_stack or not len(numbers):
            continue
        table, good, bad = read_records(lines, numbers, kind, None if columns is None else columns.get(tag, ()))
        left[good - first] = False
        refused.append(bad)
        if len(good):
            tables.setdefault(tag, []).append(table.add_column(0, "line", pa.array(good + offset)))
    left[lines.beginning_with(b"\n", first, last) - first] = False
    unexplained = np.sort(np.concatenate(refused))[EXPLAINED:] if refused else np.empty(0, np.int64)
    numbers = np.flatnonzero(left) + first
    prefixes = ("#", PREFIX, INDENT, *(f"{tag}\t" for tag in slow.records))
    known = np.concatenate([lines.that_begin_with(prefix.encode(), numbers) for prefix in prefixes])
    _slowly(lines, offset, numbers, ~np.isin(numbers, known), np.isin(numbers, unexplained), slow)


def _slowly(
    lines: Lines, offset: int, numbers: np.ndarray, strange: np.ndarray, unexplained: np.ndarray, slow: SlowReader
) -> None:
    """Lines for the slow gear; of `strange` ones, which begin as nothing does, and `unexplained` ones it knows enough.

    Of a flood of those only the place is kept: a block may have millions.
    """
    flood = strange | unexplained
    breaks = np.flatnonzero((np.diff(numbers) != 1) | ~flood[1:] | ~flood[:-1]) + 1
    for start, stop in zip([0, *breaks.tolist()], [*breaks.tolist(), len(numbers)], strict=True):
        for place in range(start, stop):
            number = int(numbers[place])
            why = slow.expected if strange[place] else "not examined: too many refused lines nearby"
            if not flood[place]:
                slow.read(number + offset, lines.text(number))
            elif len(slow.unread) <= EXPLAINED:
                slow.refuse(number + offset, 1, lines.text(number), why)
            else:
                length = int(lines.lengths(numbers[place:stop]).sum())
                slow.refuse_run(number + offset, 1, lines.text(number), why, length, stop - place)
                break


def _read_section(
    lines: Lines, offset: int, section: Section, inside: np.ndarray
) -> tuple[pa.Table, list[Unread]]:
    """One section by lark; messages of dtrace that fall into it are none of its lines."""
    numbers = range(section.header + 1, section.end)
    body = [lines.text(number) if inside[number] else "" for number in numbers]
    first = section.header + 1 + offset
    return parse_aggregation(section.name, list(section.columns), body, range(first, first + len(body)))


def _numbered(table: pa.Table, offset: int) -> pa.Table:
    """The table with `line` in the log."""
    return table.set_column(0, "line", pc.add(table["line"], offset))


def _keep(table: pa.Table, tag: str, columns: Columns | None) -> pa.Table:
    if columns is None:
        return table
    return table.select([name for name in table.column_names if name == "line" or name in columns.get(tag, ())])


def _joined(parts: list[pa.Table]) -> pa.Table:
    """Parts of one block; where #fields changed between them, what is missing becomes null.

    A column that has numbers in one part and texts in another has texts.
    """
    if len(parts) == 1:
        return parts[0]
    kinds: dict[str, set[pa.DataType]] = {}
    for field in (field for part in parts for field in part.schema):
        kinds.setdefault(field.name, set()).add(field.type)
    mixed = {name for name, found in kinds.items() if len(found) > 1}
    parts = [_with_texts(part, mixed) for part in parts] if mixed else parts
    return pa.concat_tables(parts, promote_options="permissive").unify_dictionaries().combine_chunks()


def _with_texts(part: pa.Table, names: set[str]) -> pa.Table:
    fields = [field.with_type(pa.string()) if field.name in names else field for field in part.schema]
    return part.cast(pa.schema(fields))


def _with_time(notices: list[Notice], tables: dict[str, pa.Table]) -> list[Notice]:
    """The notices, in the order of lines, each with the timestamp of the last record before it."""
    notices = sorted(notices, key=lambda notice: notice.line)
    timed = _timed(tables)
    if not timed or not notices:
        return notices
    both = pa.concat_tables(timed).sort_by("line")
    at = np.searchsorted(both["line"].to_numpy(), [notice.line for notice in notices]) - 1
    stamps = both["ts"].to_numpy()
    return [
        replace(notice, after_ts=int(stamps[place]) if place >= 0 else None)
        for notice, place in zip(notices, at, strict=True)
    ]


def _last_ts(tables: dict[str, pa.Table]) -> int | None:
    ends = []
    for table in _timed(tables):
        place = int(table["line"].to_numpy().argmax())
        ends.append((table["line"][place].as_py(), table["ts"][place].as_py()))
    return max(ends)[1] if ends else None


def _timed(tables: dict[str, pa.Table]) -> list[pa.Table]:
    return [table.select(["line", "ts"]) for table in tables.values() if "ts" in table.column_names and len(table)]
