"""The command line: each command parses its options and calls one function below.

Command modules import only the standard library, typer and analyzer.errors at the top;
what a command needs is imported when it runs, so that `--help` and `collect` stay light.
"""

import os
import sys

import typer

from analyzer.cli import (
    bundle,
    check,
    collect,
    diff,
    doctor,
    export,
    failmod,
    inspect,
    prove,
    report,
    script,
    show,
    summarize,
    watch,
)
from analyzer.cli.ending import DEBUG, run
from analyzer.version import __version__

app = typer.Typer(
    name="vmtrace",
    help="Finds out what the FreeBSD virtual-memory fault path really does on a live kernel.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    debug: bool = typer.Option(False, "--debug", help=f"Show where a defect of vmtrace is; as {DEBUG}=1."),
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
    if version:
        print(f"vmtrace {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


app.command()(collect.collect)
app.command()(watch.watch)
app.command()(script.script)
app.command()(doctor.doctor)
app.command()(prove.prove)
app.command()(failmod.failmod)
app.command()(report.report)
app.command()(diff.diff)
app.command()(check.check)
app.command()(summarize.summarize)
app.command()(bundle.bundle)
app.command()(show.show)
app.command()(inspect.inspect)
app.command()(export.export)


def main() -> None:
    """Run the command line."""
    sys.exit(run(lambda: app(standalone_mode=False)))
