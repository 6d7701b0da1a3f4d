"""The fast gear: well-formed records of one tag.  Lines that it refuses are for lark."""

from collections.abc import Collection

import numpy as np
import pyarrow as pa

from analyzer.ingest.block_lines import Lines
from analyzer.ingest.bulk import read_in_bulk
from analyzer.ingest.convert import read_lines
from analyzer.ingest.records import RecordType

_MANY = 2000  # lines from which on it pays to look at what they have in common
_SHARE = 32  # of so many lines of the block one must be among them: the whole block is looked through


def read_records(
    lines: Lines, numbers: np.ndarray, kind: RecordType, columns: Collection[str] | None = None
) -> tuple[pa.Table, np.ndarray, np.ndarray]:
    """The records on the lines `numbers`, all of one tag and without a stack.

    Returns the table (columns of #fields, or those of them that are in `columns`), the numbers of the lines
    that are in it, and the numbers of the lines that lark refuses too.  What is in neither may be good or bad.
    """
    wanted = columns is None or any(name in columns for name, _ in kind.columns)
    if not (kind.tag and wanted and len(numbers) >= max(_MANY, lines.count // _SHARE)):
        table, read, refused = read_lines(lines.select(numbers), kind, columns)
        return table, numbers[read], numbers[refused]
    table, sure = read_in_bulk(lines, numbers, kind, columns)
    if sure.all():
        return table, numbers, numbers[:0]
    rest = numbers[~sure]
    others, read, refused = read_lines(lines.select(rest), kind, columns)
    good = np.concatenate([numbers[sure], rest[read]])
    order = np.argsort(good, kind="stable")
    both = pa.concat_tables([table, others]).unify_dictionaries().combine_chunks()
    return both.take(pa.array(order)), good[order], rest[refused]
