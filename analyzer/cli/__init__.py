"""The command line: each command parses its options and calls one function below.

Command modules import only the standard library, typer and analyzer.errors at the top;
what a command needs is imported when it runs, so that `--help` and `collect` stay light.
"""

import sys

import typer

from analyzer.cli import bundle, check, collect, diff, doctor, export, inspect, prove, report, script, show, summarize
from analyzer.errors import UsageError, VmtraceError
from analyzer.version import __version__

app = typer.Typer(
    name="vmtrace",
    help="Finds out what the FreeBSD virtual-memory fault path really does on a live kernel.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

# typer 0.28 carries click inside; its public BadParameter leads to the base of all usage errors.
_ClickUsageError = typer.BadParameter.__bases__[0]


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
) -> None:
    if version:
        print(f"vmtrace {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


app.command()(collect.collect)
app.command()(script.script)
app.command()(doctor.doctor)
app.command()(prove.prove)
app.command()(report.report)
app.command()(diff.diff)
app.command()(check.check)
app.command()(summarize.summarize)
app.command()(bundle.bundle)
app.command()(show.show)
app.command()(inspect.inspect)
app.command()(export.export)


def main() -> None:
    """Run the command line; every error becomes one line on stderr and an exit code of sysexits(3)."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # no terminal is too poor for a report
    try:
        sys.exit(app(standalone_mode=False) or 0)
    except VmtraceError as error:
        code = _complain(str(error), error.exit_code)
    except _ClickUsageError as error:
        code = _complain(f"{error.format_message()} (see 'vmtrace --help')", UsageError.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        code = _complain("interrupted", 130)
    except BrokenPipeError:
        sys.stderr.close()  # the reader has gone; Python would complain once more at exit
        code = 74
    sys.exit(code)


def _complain(message: str, code: int) -> int:
    print(f"vmtrace: {message}", file=sys.stderr)
    return code
