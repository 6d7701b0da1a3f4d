"""What was said of the recordings, kept in tests/told: a change of what is said, on purpose or not, is seen as a diff.

    KEEP_TOLD=1 python -m pytest tests/test_verdict.py tests/test_diff.py tests/test_report.py    keeps it anew
"""

import os
from dataclasses import replace
from pathlib import Path

from recordings import summarized

from analyzer.summary.summary import Summary
from analyzer.version import __version__

_FOLDER = Path(__file__).parent / "told"


def assert_told(name: str, text: str) -> None:
    """`text` is what is kept under that name."""
    file = _FOLDER / f"{name}.txt"
    text = text.replace(f"vmtrace {__version__}", "vmtrace").rstrip("\n") + "\n"
    if os.environ.get("KEEP_TOLD"):
        file.write_text(text)
    assert text == file.read_text()


def anywhere(name: str) -> Summary:
    """The Summary of a recording that lies nowhere."""
    return Summary([replace(log, meta=log.meta | {"name": f"{name}.log"}) for log in summarized(name).logs])
