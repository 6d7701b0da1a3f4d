"""The packages that reports need, and the command that installs them here."""

import platform
import sys
from importlib.util import find_spec

FOR_REPORTS = ("pandas", "pyarrow", "plotly", "matplotlib", "lark")


def missing() -> list[str]:
    """Those of them that this Python has not."""
    return [name for name in FOR_REPORTS if find_spec(name) is None]


def keep_pandas_from_arrow() -> None:
    """For a command that makes no DataFrame: pyarrow looks for pandas at the first value that it is given.

    Importing it is half of what such a command takes.  Where a DataFrame is wanted after all, pyarrow finds it.
    """
    import pyarrow as pa

    sys.meta_path.insert(0, _NoPandas)
    try:
        pa.scalar(0)
    finally:
        sys.meta_path.remove(_NoPandas)


class _NoPandas:
    """Says to an import of pandas that there is none."""

    @classmethod
    def find_spec(cls, name: str, path: object = None, target: object = None) -> None:
        if name == "pandas":
            raise ModuleNotFoundError(name)


def install_command(names: list[str]) -> str:
    """FreeBSD has them as packages, compiled; elsewhere pip brings them."""
    if platform.system() == "FreeBSD":
        flavor = f"py{sys.version_info.major}{sys.version_info.minor}"
        return "pkg install " + " ".join(f"{flavor}-{name}" for name in names)
    return "pip install " + " ".join(names)
