"""vmtrace doctor: what this host can do."""

import typer

_SIGNS = {True: "yes", False: "no", None: "?"}


def doctor(
    ssh: str = typer.Option(None, "--ssh", metavar="HOST", help="Look at another box."),
) -> None:
    """Say what this host can do, and the command that mends each lack."""
    from analyzer.host import box, doctor

    host = box.SshBox(ssh) if ssh else box.Box()
    try:
        if ssh:
            host.connect()
        for finding in doctor.examine(host):
            print(f"{_SIGNS[finding.good]:<4}{finding.text}" + (f"\n      -> {finding.mend}" if finding.mend else ""))
    finally:
        host.close()
