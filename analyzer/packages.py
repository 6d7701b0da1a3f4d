"""The packages that reports need, and the command that installs them here."""

import platform
import sys
from importlib.util import find_spec

FOR_REPORTS = ("pandas", "pyarrow", "plotly", "matplotlib", "lark")


def missing() -> list[str]:
    """Those of them that this Python has not."""
    return [name for name in FOR_REPORTS if find_spec(name) is None]


def install_command(names: list[str]) -> str:
    """FreeBSD has them as packages, compiled; elsewhere pip brings them."""
    if platform.system() == "FreeBSD":
        flavor = f"py{sys.version_info.major}{sys.version_info.minor}"
        return "pkg install " + " ".join(f"{flavor}-{name}" for name in names)
    return "pip install " + " ".join(names)
