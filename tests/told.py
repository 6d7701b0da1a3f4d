"""What was said of the recordings, kept in tests/told: a change of what is said, on purpose or not, is seen as a diff.

    KEEP_TOLD=1 python -m pytest tests    keeps it anew
"""

import os
from dataclasses import replace
from pathlib import Path

from recordings import summarized

from analyzer.summary.summary import Summary
from analyzer.verdict.verdict import Verdict
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


def words(verdict: Verdict) -> list[str]:
    """All that a verdict says, a line each."""
    lines = [f"  {verdict.scope}"]
    for found in verdict.findings:
        lines.append(f"  {found.severity}, {found.certainty}: {found.headline}")
        marks = (f"{mark.kind}, {mark.certainty}: {mark.headline}" for mark in found.marks)
        lines += [f"      {text}" for text in (found.detail, found.next_step, *marks) if text]
        lines.append(f"      {found.events} events, lines {[row['line'] for row in found.rows[:5]]}")
    for key, answer in verdict.answers.items():
        lines.append(f"  {key}: {answer.certainty}, {answer.count}, {answer.reason or 'no reason'}")
    return lines
