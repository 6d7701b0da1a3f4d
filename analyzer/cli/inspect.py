"""vmtrace inspect: what a file is, and what of it was understood."""

from typing import Annotated

import typer

from analyzer.cli.options import AsFormat


def inspect(
    file: Annotated[str, typer.Argument(metavar="FILE", help="Any log; '-' is standard input.")],
    as_format: AsFormat = None,
    top: Annotated[int, typer.Option(min=1, help="Lines shown that were not understood.")] = 20,
) -> None:
    """Say what a file is, how many records of each kind it holds, and which lines were not understood."""
    from analyzer.format import counted, visible
    from analyzer.ingest.read import read_whole

    name, words, parsed = read_whole(file, as_format)
    print(f"{visible(name)}: {words}")
    for key, value in parsed.meta.items():
        if isinstance(value, str | int):
            print(f"  {key}: {visible(str(value))}")
    for tag, table in parsed.tables.items():
        print(f"  {tag}: {counted(len(table), 'row')} ({', '.join(table.column_names)})")
    kinds: dict[str, int] = {}
    for notice in parsed.notices:
        kinds[notice.kind] = kinds.get(notice.kind, 0) + 1
    for kind, number in kinds.items():
        print(f"  {counted(number, 'notice')} of kind {kind}")
    print(f"  {counted(len(parsed.unread), 'line')} not understood")
    for line in parsed.unread[:top]:
        print(f"    line {line.line}, column {line.column}: {visible(line.text)!r}; expected {line.expected}")
    if len(parsed.unread) > top:
        print(f"    and {len(parsed.unread) - top:,} more; --top shows them")
