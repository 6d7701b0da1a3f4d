"""The text to paste into a bug report: the verdict, the records that show it, how to read them, what is attached."""

import re
from dataclasses import dataclass

from analyzer.format import count
from analyzer.ingest.records import RecordType
from analyzer.report.document import Document, Finding
from analyzer.report.paste import Block
from analyzer.report.record_lines import labelled, learn_fields

_PSEUDONYM = re.compile(r"\b(?:process|path|host|user|text|module)-\d+\b")
_SHOWN = 40  # lines of an excerpt; its file has all
_SURE = {
    "proved": "the trace shows it, and no gap can explain it",
    "suspected": "the trace shows it, but something that was lost or not recorded could explain it",
    "not measured": "the script or the release cannot see it, or records were lost",
    "clean": "it was looked for in a trace without gaps, and is not there",
}
# docs/log-format.md
_RECORDS = {
    "F": "one page fault, printed at its return; ts is its entry. lockxor or held is the lock it left held, or 0",
    "M": "one page that moved to another object; rc 1 is a failed vm_page_rename, infault 1 is inside a page fault",
    "A": "one failed radix insert (rc 12: no node was to be had) and its stack",
    "X": "what must not happen, said at once: double-free of a page, or lock-held: object and the thread that owns it",
    "E": "a function was entered, with its first four arguments",
    "R": "a function returned, with its result",
    "L": "an operation on a reader/writer lock, and the code that did it",
}


@dataclass(frozen=True)
class Contents:
    """What a bundle tells.

    Attributes:
        document: the report.
        excerpts: for each finding the piece of the log that shows it; empty where none does.
        redacted: whether names are pseudonyms.
        budget: KB.
    """

    document: Document
    excerpts: tuple[str, ...]
    redacted: bool
    budget: int


def letter(contents: Contents, files: list[tuple[str, int]], left: list[tuple[str, int]]) -> list[Block]:
    """The text; `files` and `left` out are names and sizes in bytes."""
    document = contents.document
    blocks = [Block("title", document.findings[0].headline), Block("paragraph", document.subtitle)]
    blocks += [Block("paragraph", line) for line in document.scope]
    blocks.append(Block("heading", "Findings"))
    for number, (finding, excerpt) in enumerate(zip(document.findings, contents.excerpts, strict=True), 1):
        blocks += _finding(number, finding, excerpt)
    blocks += _reading(contents)
    inside = {name for name, _ in files}
    charts = [(chart, f"pictures/{chart.key}.png") for chart in document.charts]
    pictures = [Block("picture", f"{chart.title}. {chart.alt}", file) for chart, file in charts if file in inside]
    if pictures:
        blocks += [Block("heading", "Pictures"), *pictures]
    blocks += [Block("heading", "Where it comes from")]
    blocks += [Block("item", f"{what}: {value}") for what, value in document.provenance]
    blocks += _attached(contents, files, left)
    return blocks


def _finding(number: int, finding: Finding, excerpt: str) -> list[Block]:
    blocks = [Block("paragraph", f"{number}. {finding.label.upper()}: {finding.headline}")]
    blocks += [Block("item", mark) for mark in finding.marks]
    if finding.detail:
        blocks.append(Block("paragraph", finding.detail))
    if finding.next_step:
        blocks.append(Block("paragraph", f"Look at next: {finding.next_step}{_whose(finding.next_step)}"))
    if excerpt:
        lines = _evidence(excerpt)
        text = "\n".join(lines[:_SHOWN])
        file = f"excerpts/finding-{number}.log"
        more = f" ({count(len(lines) - _SHOWN)} more lines there)" if len(lines) > _SHOWN else ""
        blocks += [Block("paragraph", f"The records, from {file}{more}:"), Block("code", text)]
    return blocks


def _evidence(excerpt: str) -> list[str]:
    """The records with their columns' names; stacks and messages as they are."""
    records: dict[str, RecordType] = {}
    lines = []
    for line in excerpt.splitlines():
        if line.startswith("#fields\t"):
            learn_fields(records, line)
        elif not line.startswith("#"):
            lines.append(labelled(line, records))
    return lines


def _whose(text: str) -> str:
    """Whom to ask for the name behind a pseudonym."""
    names = sorted(set(_PSEUDONYM.findall(text)))
    return f" (Ask who sent this what {' and '.join(names)} stands for.)" if names else ""


def _reading(contents: Contents) -> list[Block]:
    words = [f"{word}: {_SURE[word]}" for word in _SURE if any(word == f.certainty for f in contents.document.findings)]
    lines = [line for excerpt in contents.excerpts for line in excerpt.splitlines()]
    tags = sorted({line.split("\t", 2)[1] for line in lines if line.startswith("#fields\t")})
    blocks = [Block("heading", "How to read it"), *(Block("item", text) for text in words)]
    blocks += [Block("item", f"{tag}: {_RECORDS[tag]}") for tag in tags if tag in _RECORDS]
    if tags:
        blocks.append(Block("paragraph", "ts is in ns on the clock of #timestamp, dur is in ns."))
    if contents.redacted:
        blocks.append(
            Block(
                "paragraph",
                "Names of processes, hosts, users and files are pseudonyms, the same one for the same name. Addresses "
                "are shifted by a constant for each kind (objects, pages, threads, user addresses, code), so that "
                "equal ones are equal; those of functions with an offset are as they were. Processes that "
                "every FreeBSD runs keep their names; the words of a command are gone. Who sent this has the list.",
            )
        )
    return blocks


def _attached(contents: Contents, files: list[tuple[str, int]], left: list[tuple[str, int]]) -> list[Block]:
    blocks = [Block("heading", "What is attached"), *(Block("item", _sized(*file)) for file in sorted(files))]
    if left:
        names = ", ".join(_sized(*file) for file in left)
        blocks.append(Block("paragraph", f"Left out to stay under {contents.budget:,} KB: {names}."))
    log = next((name for name, _ in files if name.endswith(".log.xz")), "")
    example = log or next((name for name, _ in files if name.endswith(".log")), "")
    if example:
        blocks.append(Block("paragraph", f"To look further: vmtrace report {example}. SHA256SUMS has all sums."))
    return blocks


def _sized(name: str, size: int) -> str:
    return f"{name} ({count(-(-size // 1000))} KB)"
