"""Summaries of logs, kept between calls.

An entry is a saved Summary (summary/saved.py), named by the log's size, its sha256, the filter, and what made it:
vmtrace's version, its grammars and its code.  A log is hashed only where an entry of its size exists.  What was seen
of a file (device, inode, size, times of change) points to its hash, so that a file that has not changed is not read;
its time of inode change cannot be set back by a program.  What cannot be read is made again; where nothing can be
written, nothing is kept.
"""

import hashlib
import os
from contextlib import suppress
from functools import cache as remembered
from pathlib import Path

from analyzer.errors import DataError
from analyzer.resources import resource
from analyzer.summary.filters import Filter
from analyzer.summary.saved import read_summary, write_summary
from analyzer.summary.summary import Summary
from analyzer.version import __version__

LIMIT = 200_000_000  # bytes; the entries that were not used for longest go
_MADE_BY = ("ingest", "summary")  # packages that a Summary depends on


class Cache:
    """A folder of saved Summaries.

    Attributes:
        failure: why nothing can be kept, "" while it can.
    """

    def __init__(self, folder: Path | None = None, limit: int = LIMIT) -> None:
        self.folder = folder or _folder()
        self.limit = limit
        self.failure = ""

    def place(self, path: str, chosen: Filter) -> "Place | None":
        """Where the Summary of that log stands, or will; None for what is no file."""
        try:
            return Place(self, path, chosen) if Path(path).is_file() else None
        except OSError:
            return None

    def write(self, name: str, data: bytes) -> None:
        """Write an entry at once or not at all, and drop what is too much."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            fresh = self.folder / f".{name}.{os.getpid()}"
            fresh.write_bytes(data)
            fresh.replace(self.folder / name)
            self._prune()
        except OSError as error:  # a full disk or a folder that is not ours: the report is what counts
            self.failure = error.strerror or str(error)

    def read(self, name: str) -> bytes | None:
        """An entry, which counts as used; None where it is not there."""
        try:
            data = (self.folder / name).read_bytes()
        except OSError:
            return None
        with suppress(OSError):
            os.utime(self.folder / name)
        return data

    def _prune(self) -> None:
        entries = []
        for entry in self.folder.iterdir():
            with suppress(FileNotFoundError):  # another vmtrace has just renamed or dropped it
                entries.append((entry.stat().st_mtime_ns, entry.stat().st_size, entry))
        total = sum(size for _, size, _ in entries)
        for _, size, entry in sorted(entries):
            if total <= self.limit:
                return
            entry.unlink(missing_ok=True)
            total -= size


class Place:
    """The entry of one log and one filter."""

    def __init__(self, cache: Cache, path: str, chosen: Filter) -> None:
        self._cache = cache
        self._path = path
        self._chosen = chosen
        self._seen = _seen(path)

    def find(self) -> Summary | None:
        """The Summary that was kept of this content."""
        sha256 = self._hash()
        data = self._cache.read(self._entry(sha256)) if sha256 else None
        if data is None:
            return None
        try:
            summary = read_summary(data, self._path)
        except DataError:
            return None
        for log in summary.logs:
            log.meta["name"] = self._path
        return summary

    def keep(self, summary: Summary) -> None:
        """Keep the Summary, unless the file changed while it was read."""
        if _seen(self._path) != self._seen:
            return
        sha256 = summary.logs[0].meta["sha256"]
        self._cache.write(self._entry(sha256), write_summary(summary))
        self._cache.write(self._pointer(), sha256.encode())

    def _hash(self) -> str | None:
        """The sha256 of the file, where there may be an entry of it."""
        pointer = self._cache.read(self._pointer())
        if pointer is not None:
            return pointer.decode("ascii", "replace")
        size = self._seen[2]
        if not self._cache.folder.is_dir() or not any(self._cache.folder.glob(f"{size}-*")):
            return None
        with open(self._path, "rb") as file:
            sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        self._cache.write(self._pointer(), sha256.encode())
        return sha256

    def _pointer(self) -> str:
        return "seen-" + _digest(repr(self._seen))

    def _entry(self, sha256: str) -> str:
        return f"{self._seen[2]}-" + _digest(repr((sha256, self._chosen, _maker())))


def _seen(path: str) -> tuple[int, ...]:
    status = os.stat(path)
    return (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@remembered
def _maker() -> str:
    """What the Summary of a log depends on beside the log."""
    package = Path(__file__).parent.parent
    files = [file for name in _MADE_BY for file in sorted((package / name).rglob("*.py"))]
    digest = hashlib.sha256(__version__.encode())
    for file in [*files, *sorted(resource("grammars").glob("*.lark"))]:
        digest.update(file.read_bytes())
    return digest.hexdigest()


def _folder() -> Path:
    """XDG_CACHE_HOME/vmtrace; the variable counts only where its path is absolute, as its specification says."""
    chosen = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(chosen) if os.path.isabs(chosen) else Path(os.path.expanduser("~/.cache"))) / "vmtrace"
