"""Where the grammars and D scripts are: inside the package when installed from a wheel, beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(kind: str) -> Path:
    """The folder `kind`, "grammars" or "dscripts"."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
