"""vmtrace failmod: the source of the module that makes allocations fail."""

import typer


def failmod(
    output: str = typer.Option("vmfail", "-o", "--output", metavar="DIR", help="A new folder for the source."),
) -> None:
    """Write a kernel module's source: loaded, a stock kernel has the fail point that `collect --fail-point` arms."""
    from analyzer.host import failmod

    for name in failmod.write(output):
        print(name)
    print(f"on the box, as root: cd {output} && {failmod.BUILD}")
