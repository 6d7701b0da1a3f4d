"""vmtrace script: list the D scripts, or print one to copy to a box."""

import sys

import typer


def script(name: str = typer.Argument(None, metavar="[NAME]", help="The script to print.")) -> None:
    """List the D scripts with their purpose, or print one, to run where there is no Python."""
    from analyzer.host import dscript

    if name is not None:
        sys.stdout.write(dscript.load(name).text)
        return
    for each in dscript.names():
        print(f"{each:<10} {dscript.load(each).purpose}")
