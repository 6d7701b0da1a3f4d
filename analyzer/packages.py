"""The packages that reports need, and the command that installs them here."""

import platform
import sys
from importlib.util import find_spec

FOR_REPORTS = ("pandas", "pyarrow", "plotly", "matplotlib", "lark")


def missing() -> list[str]:
    """Those of them that this Python has not."""
    return [name for name in FOR_REPORTS if find_spec(name) is None]


def import_arrow_alone() -> None:
    """Import pyarrow for a command that makes no DataFrame, without what it would import beside itself.

    That is pandas at the first value that it is given, and data sets at the first group-by: half of what such a command
    takes.  Where they are wanted after all, they are found.
    """
    sys.meta_path.insert(0, _Unwanted)
    try:
        import pyarrow as pa
        import pyarrow.acero

        pa.scalar(0)
    finally:
        sys.meta_path.remove(_Unwanted)


class _Unwanted:
    """Says to an import of them that there is none."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name in ("pandas", "pyarrow.dataset"):
            raise ModuleNotFoundError(name)


def install_command(names: list[str]) -> str:
    """FreeBSD has them as packages, compiled; elsewhere pip brings them."""
    if platform.system() == "FreeBSD":
        flavor = f"py{sys.version_info.major}{sys.version_info.minor}"
        return "pkg install " + " ".join(f"{flavor}-{name}" for name in names)
    return "pip install " + " ".join(names)
