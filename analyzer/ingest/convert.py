"""Lines of one record type, checked by the grammar and converted to columns.

What is accepted is a regular expression made of the grammar's own terminals (RecordType.pattern); pyarrow's CSV reader
then converts the lines.
"""

from collections.abc import Collection

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv

from analyzer.ingest.block_lines import bounds
from analyzer.ingest.escapes import unescape
from analyzer.ingest.records import TEXT, RecordType

_GROUP = 16  # lines that are matched in one call: a fifth faster than one by one
_LONG_NUMBER = "[0-9]{19}|[0-9a-f]{17}"  # may need more than 64 bits


def read_lines(
    selected: pa.LargeBinaryArray, kind: RecordType, columns: Collection[str] | None
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """The records on lines with their newlines, all of one tag and without a stack.

    Returns the table (columns of #fields, or those of them that are in `columns`), which lines are in it, and which
    lark refuses too.  What is in neither may be good or bad.
    """
    matched = _matched(selected, kind.pattern)
    good = selected if matched.all() else selected.filter(pa.array(matched))
    try:
        return _convert(good, kind, columns), matched, ~matched
    except pa.ArrowInvalid:
        # A number does not fit into 64 bits.
        short = pc.invert(pc.match_substring_regex(good, _LONG_NUMBER))
        read = matched.copy()
        read[matched] = short.to_numpy(zero_copy_only=False)
        return _convert(good.filter(short), kind, columns), read, ~matched


def _matched(selected: pa.LargeBinaryArray, pattern: str) -> np.ndarray:
    """Which lines the pattern accepts: groups of lines are tried first, the lines of the others one by one."""
    places, text = bounds(selected)
    groups = np.append(places[:-1:_GROUP], places[-1])
    together = pa.LargeBinaryArray.from_buffers(pa.large_binary(), len(groups) - 1, [None, pa.py_buffer(groups), text])
    matched = np.repeat(_matches(together, pattern), _GROUP)[: len(selected)]
    doubtful = np.flatnonzero(~matched)
    if len(doubtful):
        matched[doubtful] = _matches(selected.take(pa.array(doubtful)), pattern)
    return matched


def _matches(texts: pa.LargeBinaryArray, pattern: str) -> np.ndarray:
    return pc.match_substring_regex(texts, pattern).to_numpy(zero_copy_only=False)


def _convert(selected: pa.LargeBinaryArray, kind: RecordType, columns: Collection[str] | None) -> pa.Table:
    names = [name for name, _ in kind.columns]
    kept = [name for name in names if columns is None or name in columns]
    if not len(selected) or not kept:
        return pa.schema([kind.schema.field(name) for name in kept]).empty_table()
    places, text = bounds(selected)
    tagged = [""] if kind.tag else []
    table = csv.read_csv(
        pa.BufferReader(text.slice(places[0], places[-1] - places[0])),
        read_options=csv.ReadOptions(
            column_names=[*tagged, *names], use_threads=False, block_size=int(places[-1] - places[0]) + 1
        ),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(
            column_types={field.name: field.type for field in kind.schema},
            null_values=[],
            strings_can_be_null=False,
            include_columns=kept,
        ),
    )
    return unescape_columns(table.combine_chunks())


def unescape_columns(table: pa.Table) -> pa.Table:
    """Undo %S in all text columns, once for each different string."""
    for place, field in enumerate(table.schema):
        if field.type == TEXT:
            column = table.column(place).combine_chunks()
            if isinstance(column, pa.ChunkedArray):
                column = column.chunk(0)
            values = [unescape(value) for value in column.dictionary.to_pylist()]
            column = pa.DictionaryArray.from_arrays(column.indices, pa.array(values, pa.string()))
            if len(set(values)) < len(values):
                column = column.dictionary_decode().dictionary_encode()
            table = table.set_column(place, field, column)
    return table
