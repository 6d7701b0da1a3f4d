"""Long output in a pager, as git does it."""

import os
import shlex
import subprocess
import sys

_ENVIRONMENT = {"LESS": "FRX", "MORE": "FRX"}  # quit where one screen is enough, show colours, leave the text standing


def page(text: str) -> None:
    """Show the text in $PAGER or less(1); print it where PAGER is "cat" or empty, or the pager cannot be run."""
    command = shlex.split(os.environ.get("PAGER", "less"))
    if command in ([], ["cat"]):
        sys.stdout.write(text)
        return
    try:
        subprocess.run(command, input=text.encode(errors="backslashreplace"), env=_ENVIRONMENT | dict(os.environ))
    except OSError:
        sys.stdout.write(text)
