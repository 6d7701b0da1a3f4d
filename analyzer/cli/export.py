"""vmtrace export: a log in the formats of other tools."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.files import STDOUT, Force, require_writable
from analyzer.cli.options import AsFormat
from analyzer.errors import UsageError


class Form(StrEnum):
    PARQUET = "parquet"
    CSV = "csv"
    NDJSON = "ndjson"
    FOLDED = "folded"
    SPEEDSCOPE = "speedscope"
    CHROME = "chrome"


def export(
    log: Annotated[str, typer.Argument(metavar="LOG", help="Any log; '-' is standard input.")],
    form: Annotated[Form, typer.Option("--to", help="Tables, stacks for flamegraph.pl, or a trace to look at.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="PATH", help="A folder for tables; for the others a file, or -.")
    ],
    as_format: AsFormat = None,
    force: Force = False,
) -> None:
    """Write a log as Parquet, CSV or NDJSON tables, folded stacks, or a speedscope or Chrome trace."""
    from analyzer.ingest.parsed import count_unread
    from analyzer.ingest.read import format_of, read_whole
    from analyzer.ingest.sources import Source
    from analyzer.report.export import TABULAR, table_files
    from analyzer.report.export import export as write

    if form in TABULAR and output == STDOUT:
        raise UsageError(f"--to {form}: writes a file for each table; name a folder with -o")
    if form not in TABULAR:
        require_writable(output, [log], force)
    source = Source(log)
    parsed = read_whole(source, format_of(source, as_format).format)
    for path in table_files(parsed.tables, form.value, output).values() if form in TABULAR else ():
        if path.parent.is_dir():
            require_writable(path, [log], force)
    for path in write(parsed.tables, form.value, output):
        print(f"export: {path}", file=sys.stderr)
    for notice in parsed.notices:
        if notice.kind == "cut":
            print(f"export: {notice.text}; what comes after is not in it", file=sys.stderr)
    if parsed.unread:
        print(f"export: {count_unread(parsed.unread):,} lines could not be read and are not in it", file=sys.stderr)
