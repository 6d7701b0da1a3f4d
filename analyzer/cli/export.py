"""vmtrace export: a log in the formats of other tools."""

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from analyzer.cli.options import AsFormat


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
    output: Annotated[Path, typer.Option("--output", "-o", help="A folder for tables, a file for the others.")],
    as_format: AsFormat = None,
) -> None:
    """Write a log as Parquet, CSV or NDJSON tables, folded stacks, or a speedscope or Chrome trace."""
    from analyzer.ingest.read import read_whole
    from analyzer.report.export import export as write

    _, _, parsed = read_whole(log, as_format)
    for path in write(parsed.tables, form.value, output):
        print(f"export: {path}", file=sys.stderr)
    if parsed.unread:
        print(f"export: {len(parsed.unread):,} lines could not be read and are not in it", file=sys.stderr)
