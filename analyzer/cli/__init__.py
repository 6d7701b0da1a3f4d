"""The command line: each command parses its options and calls one function below.

Command modules import only the standard library, typer and analyzer.errors at the top;
what a command needs is imported when it runs, so that `--help` and `collect` stay light.
"""

import os
import sys
from typing import Annotated, Any, cast

import typer

from analyzer.cli.commands import SETTINGS, Commands
from analyzer.cli.completion import Shell, completion
from analyzer.cli.ending import DEBUG, run
from analyzer.errors import Interrupted
from analyzer.version import __version__

app = typer.Typer(
    name="vmtrace",
    help="Finds out what the FreeBSD virtual-memory fault path really does on a live kernel.",
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=SETTINGS,
    cls=Commands,
)


@app.callback(invoke_without_command=True)
def _root(
    context: typer.Context,
    version: bool = typer.Option(False, "--version", help="Print the version and exit.", is_eager=True),
    shell: Annotated[
        Shell | None, typer.Option("--completion", help="Print completion for this shell's start-up file.")
    ] = None,
    debug: bool = typer.Option(False, "--debug", help=f"Show where a defect of vmtrace is; as {DEBUG}=1."),
) -> None:
    if debug:
        os.environ[DEBUG] = "1"
    if version:
        print(f"vmtrace {__version__}")
        raise typer.Exit
    if shell is not None:
        commands = cast(Any, context.command).commands.items()
        print(completion(shell, {name: _options(command) for name, command in commands}), end="")
        raise typer.Exit
    if context.invoked_subcommand is None:
        print(context.get_help())


def _options(command: Any) -> list[str]:
    return [*(name for option in command.params for name in option.opts if name.startswith("-")), "--help"]


def main() -> None:
    """Run the command line."""
    code = run(lambda: app(standalone_mode=False))
    if code == Interrupted.exit_code:
        os._exit(code)  # threads that still read a block are not waited for
    sys.exit(code)
