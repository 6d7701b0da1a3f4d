"""Where the grammars, D scripts and kernel module are: inside the package of a wheel, beside it in a checkout."""

from pathlib import Path

_PACKAGE = Path(__file__).parent


def resource(kind: str) -> Path:
    """The folder `kind`: "grammars", "dscripts" or "kmod"."""
    installed = _PACKAGE / kind
    return installed if installed.is_dir() else _PACKAGE.parent / kind
