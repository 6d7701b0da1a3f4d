"""The path bit `zero` made to mean zero-fill.

pmap_zero_page fires for page-table pages too, which pmap_enter asks for.  Where the script sees whether the fault
allocated a page, `zero` without `alloc` is such a page, and no step of the fault's path
(docs/freebsd-vm-tracing.md, 13.19).
"""

from dataclasses import replace
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer import measures
from analyzer.ingest.parsed import Parsed


def keep_own_pages(parsed: Parsed, head: dict[str, Any]) -> Parsed:
    """One block of a vmtrace log; in the column `path` of records and sections `zero` is zero-fill.

    Args:
        head: the directives of the log's beginning.
    """
    fields = {tag: [name for name, _ in columns] for tag, columns in head.get("fields", {}).items()}
    if not measures.tells_own_pages(head.get("script"), fields, head.get("osreldate"), head.get("edition")):
        return parsed
    return replace(parsed, tables={tag: _own(table) for tag, table in parsed.tables.items()})


def _own(table: pa.Table) -> pa.Table:
    place = table.schema.get_field_index("path")
    if place < 0 or not pa.types.is_integer(table.schema.field(place).type):
        return table
    path = table.column(place)
    zero, told = (pa.scalar(bits, path.type) for bits in (measures.ZERO, measures.ZERO | measures.ALLOC))
    foreign = pc.equal(pc.bit_wise_and(path, told), zero)
    if not pc.any(foreign).as_py():
        return table
    return table.set_column(place, "path", pc.if_else(foreign, pc.subtract(path, zero), path))
