"""vmtrace doctor: what this host can do."""

import typer

from analyzer.errors import UnavailableError

_SIGNS = {True: "yes", False: "no", None: "?"}


def doctor(
    ssh: str = typer.Option(None, "--ssh", metavar="HOST", help="Look at another box."),
) -> None:
    """Say what this host can do, and the command that mends each lack; exit with 69 where one line says no."""
    from analyzer.host import box, doctor

    host = box.SshBox(ssh) if ssh else box.Box()
    try:
        host.connect()
        found = doctor.examine(host)
        for finding in found:
            print(f"{_SIGNS[finding.good]:<4}{finding.text}" + (f"\n      -> {finding.mend}" if finding.mend else ""))
    finally:
        host.close()
    if any(finding.good is False for finding in found):
        raise typer.Exit(UnavailableError.exit_code)
