"""What to attach to a bug report: texts to paste, pictures, excerpts, the log; under a size that trackers take."""

import hashlib
import io
import lzma
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from analyzer.charts.images import render
from analyzer.errors import DataError, IoError, NoInputError, UsageError
from analyzer.ingest.read import VMTRACE, format_of
from analyzer.ingest.sources import Source
from analyzer.report.as_json import printable_json, render_json
from analyzer.report.build import build_document, ordered_findings
from analyzer.report.document import Document
from analyzer.report.excerpt import Excerpts
from analyzer.report.letter import Contents, letter
from analyzer.report.paste import Dialect, paste
from analyzer.report.redact import Redactor
from analyzer.report.text import plain_text
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import Summary
from analyzer.version import __version__

KB = 1000
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_TOP = 20
_FIRST = 2  # pictures that go before the log: the whole trace, and what the first finding's thread did

Files = list[tuple[str, bytes]]


@dataclass(frozen=True)
class Bundle:
    """A zip and what can be said of it.

    Attributes:
        data: the zip's bytes.
        members: names in it.
        left_out: names and sizes (bytes) of what did not fit.
        redactor: what was replaced; None where names were kept.
    """

    data: bytes
    members: tuple[str, ...]
    left_out: tuple[tuple[str, int], ...]
    redactor: Redactor | None


@dataclass(frozen=True)
class _Copy:
    """A log's text, decompressed: it is read several times, and standard input gives it once."""

    path: Path
    name: str
    sha256: str


def build_bundle(paths: list[str], budget: int, redact: bool) -> Bundle:
    """The bundle of some vmtrace logs, at most `budget` KB large.

    Raises DataError where a file is no vmtrace log, UsageError where the texts alone are larger than the budget,
    IoError where there is no room for a copy of the logs.
    """
    try:
        with TemporaryDirectory(prefix="vmtrace-") as folder:
            copies = [_spool(path, Path(folder) / f"text-{number}") for number, path in enumerate(paths, 1)]
            redactor = _redactor(copies) if redact else None
            stored = [_stored(copy, redactor, number) for number, copy in enumerate(copies, 1)]
            summary, excerpts = _read(stored)
            logs = [(path.name, path.read_bytes()) for path in stored]
    except NoInputError:
        raise
    except OSError as error:
        raise IoError(f"no room for the logs' text while the bundle is made: {error.strerror}; set TMPDIR") from None
    document = build_document(summary, _TOP)
    origins = [
        {"file": path.name} | ({} if redact else {"original": copy.name}) | {"original_sha256": copy.sha256}
        for path, copy in zip(stored, copies, strict=True)
    ]
    contents = Contents(document, tuple(excerpts), redacted=redact, budget=budget)
    must = [
        ("findings.json", render_json(document).encode()),
        ("provenance.json", _provenance(document, origins, redact)),
        ("report.txt", plain_text(document).encode()),
        *((f"excerpts/finding-{n}.log", text.encode()) for n, text in enumerate(excerpts, 1) if text),
    ]
    pictures, drawings = [], []
    for chart in document.charts:
        if chart.marks:
            png, svg = render(chart, "png", "svg")
            pictures.append((f"pictures/{chart.key}.png", png))
            drawings.append((f"pictures/{chart.key}.svg", svg))
    return _packed(contents, must, [*pictures[:_FIRST], *logs, *pictures[_FIRST:], *drawings], redactor)


def _spool(path: str, copy: Path) -> _Copy:
    source = Source(path)
    if format_of(source, None).format != VMTRACE:
        raise DataError(f"{source.name}: is no vmtrace log; a bundle is made of logs that vmtrace collected")
    with copy.open("wb") as file:
        for chunk in source.chunks():
            file.write(chunk)
        if source.damage:
            file.write(f"\n({source.damage})\n".encode())
    return _Copy(copy, source.name, source.sha256)


def _redactor(copies: list[_Copy]) -> Redactor:
    digest = hashlib.sha256(b"vmtrace bundle")  # not the hash that anybody publishes
    for copy in copies:
        with copy.path.open("rb") as file:
            while chunk := file.read(1 << 20):
                digest.update(chunk)
    redactor = Redactor(digest.digest())
    for copy in copies:
        redactor.learn(_lines(copy.path))
    return redactor


def _lines(path: Path) -> Iterator[str]:
    with lzma.open(path) if path.suffix == ".xz" else path.open("rb") as file:
        for line in file:
            yield line.removesuffix(b"\n").decode(errors="backslashreplace")


def _stored(copy: _Copy, redactor: Redactor | None, number: int) -> Path:
    """The log as it goes into the bundle."""
    stored = copy.path.with_name(f"log-{number}.log.xz")
    with lzma.open(stored, "wb", preset=6) as file:
        if redactor is None:
            with copy.path.open("rb") as text:
                shutil.copyfileobj(text, file, 1 << 20)
        else:
            file.writelines(f"{line}\n".encode() for line in redactor.redact(_lines(copy.path)))
    return stored


def _read(stored: list[Path]) -> tuple[Summary, list[str]]:
    """The logs' Summary, which names them as the bundle does, and the excerpt of each finding."""
    by_name = {str(path): path for path in stored}
    summary = summarize(by_name)
    named = Summary([replace(log, meta=log.meta | {"name": by_name[log.meta["name"]].name}) for log in summary.logs])
    texts: dict[tuple[str, str], str] = {}
    pairs = ordered_findings(named)
    for log, path in zip(named.logs, (by_name[log.meta["name"]] for log in summary.logs), strict=True):
        mine = [finding for part, finding in pairs if part is log]
        for finding, text in zip(mine, Excerpts(mine, log).read(_lines(path)), strict=True):
            texts[log.meta["name"], finding.headline] = text
    return named, [texts[log.meta["name"], finding.headline] for log, finding in pairs]


def _provenance(document: Document, origins: list[dict[str, str]], redacted: bool) -> bytes:
    whole = {
        "vmtrace": __version__,
        "redacted": redacted,
        "logs": origins,
        "about": [list(row) for row in document.provenance],
    }
    return (printable_json(whole, indent=1) + "\n").encode()


def _packed(contents: Contents, must: Files, more: Files, redactor: Redactor | None) -> Bundle:
    """As many of `more` as fit, tried in their order; the texts name what is in and what is left out."""
    chosen: Files = []

    def packed(files: Files) -> bytes:
        left = [(name, len(data)) for name, data in more if (name, data) not in files]
        return _zip([*_letters(contents, [*must, *files], left), *must, *files])

    best = packed(chosen)
    if len(best) > contents.budget * KB:
        needed = -(-len(best) // KB)
        raise UsageError(f"--budget {contents.budget}: the texts alone need {needed} KB; give at least that much")
    for name, data in more:
        tried = packed([*chosen, (name, data)])
        if len(tried) <= contents.budget * KB:
            chosen.append((name, data))
            best = tried
    left = tuple((name, len(data)) for name, data in more if (name, data) not in chosen)
    return Bundle(best, tuple(zipfile.ZipFile(io.BytesIO(best)).namelist()), left, redactor)


def _letters(contents: Contents, files: Files, left: list[tuple[str, int]]) -> Files:
    blocks = letter(contents, [(name, len(data)) for name, data in files], left)
    dialects: dict[str, Dialect] = {"README.md": "markdown", "bugzilla.txt": "plain", "phabricator.txt": "remarkup"}
    return [(name, paste(blocks, dialect).encode()) for name, dialect in dialects.items()]


def _zip(files: Files) -> bytes:
    """The files and their sums, sorted, without a clock."""
    sums = "".join(f"{hashlib.sha256(data).hexdigest()}  {name}\n" for name, data in sorted(files))
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in sorted([*files, ("SHA256SUMS", sums.encode())]):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr = 3, 0o644 << 16  # the same on every system
            packed = name.endswith((".png", ".xz"))
            entry.compress_type = zipfile.ZIP_STORED if packed else zipfile.ZIP_DEFLATED
            archive.writestr(entry, data, compresslevel=9)
    return out.getvalue()
