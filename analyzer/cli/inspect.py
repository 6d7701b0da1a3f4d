"""vmtrace inspect: what a file is, and what of it was understood."""

from typing import Annotated

import typer

from analyzer.cli.options import AsFormat


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Any log; '-' is standard input.")],
    as_format: AsFormat = None,
    top: Annotated[int, typer.Option(min=1, metavar="N", help="Lines shown that were not understood.")] = 20,
) -> None:
    """Say what a file is, how many records of each kind it holds, and which lines were not understood."""
    from analyzer.format import counted, visible
    from analyzer.ingest.inspected import inspect_source
    from analyzer.ingest.read import format_of, words_of
    from analyzer.ingest.sources import Source

    source = Source(file)
    told = format_of(source, as_format)
    print(f"{visible(source.name)}: {words_of(told.format)}")
    print(f"  told by {visible(told.sign)}")
    found = inspect_source(source, told.format)
    for key, value in found.meta.items():
        if isinstance(value, str | int):
            print(f"  {key}: {visible(str(value))}")
    for tag, (rows, columns) in found.tables.items():
        print(f"  {tag}: {counted(rows, 'row')} ({', '.join(columns)})")
    for kind, number in found.notices.items():
        print(f"  {counted(number, 'notice')} of kind {kind}")
    print(f"  {found.shares()}")
    print(f"  {counted(found.unread_count, 'line')} not understood")
    for line in found.unread[:top]:
        print(f"    line {line.line}, column {line.column}: {visible(line.text)!r}; expected {line.expected}")
    if found.unread_count > top:
        print(f"    and {found.unread_count - min(top, len(found.unread)):,} more; --top shows them")
