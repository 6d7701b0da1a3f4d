"""vmtrace bundle: what to attach to a bug report."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli.files import Force, ending_of, require_writable, write
from analyzer.cli.options import Logs

if TYPE_CHECKING:  # pyarrow comes with it
    from analyzer.report.redaction import Redactor

_SHOWN = 8


def bundle(
    logs: Logs,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="X.zip; - is standard output.")],
    budget: Annotated[
        int, typer.Option(min=1, metavar="KB", help="KB that the zip may have; Bugzilla takes 1000.")
    ] = 1000,
    redact: Annotated[
        bool, typer.Option("--redact/--keep-names", help="Replace names by pseudonyms and shift addresses.")
    ] = True,
    force: Force = False,
) -> None:
    """Pack findings, pictures, excerpts and the log for a bug report; what was replaced is told on stderr."""
    from analyzer.report.bundle import build_bundle

    ending_of(output, {".zip": "bundle"})
    require_writable(output, logs, force)
    packed = build_bundle(logs, budget, redact)
    write(output, packed.data)
    for line in _preview(packed.redactor):
        print(line, file=sys.stderr)
    for name, size in packed.left_out:
        print(f"left out: {name}, {size:,} bytes: more than --budget {budget} leaves", file=sys.stderr)
    print(f"bundle: {output}, {len(packed.data):,} bytes, {len(packed.members)} files", file=sys.stderr)


def _preview(redactor: "Redactor | None") -> list[str]:
    """What was replaced by what, some of each kind."""
    if redactor is None:
        return ["redacted: nothing; names and addresses are as they were recorded"]
    from analyzer.format import visible

    lines = []
    for kind, names in sorted(redactor.pseudonyms.items()):
        shown = ", ".join(f"{visible(name)} → {new}" for name, new in list(names.items())[:_SHOWN])
        lines.append(f"redacted: {kind}: {shown}" + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""))
    stayed = ["releases", "numbers", "functions of the kernel", *sorted(redactor.kept)]
    lines.append(f"kept: {', '.join(stayed)}")
    shifted = ", ".join(f"{number:,} of kind {kind}" for kind, number in sorted(redactor.shifted.items()))
    return [*lines, f"redacted: addresses shifted: {shifted or 'none'} (--keep-names leaves all as it is)"]
