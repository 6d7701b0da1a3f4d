"""The log file: never overwritten unasked, compressed by its name, kept whatever happens once tracing began."""

import errno
import fcntl
import gzip
import io
import lzma
import os
import stat
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any, cast

from analyzer.errors import CannotCreateError, IoError, UnavailableError
from analyzer.host.box import program


class _Whole:
    """A raw file that takes all or raises: the compressors do not look how much it took."""

    def __init__(self, raw: io.FileIO) -> None:
        self._raw = raw

    def write(self, data: Any) -> int:
        rest = memoryview(data).cast("B")
        while rest:
            rest = rest[self._raw.write(rest) :]
        return memoryview(data).nbytes

    def flush(self) -> None:
        """It holds nothing back."""


def _taken(path: Path) -> bool:
    """Whether another vmtrace is writing that file: it holds a lock on it, which ends with its process."""
    try:
        with path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:  # not there, not ours, or on a file system without locks
        return False
    return False


class Output:
    """Where a log goes: a file, or `-` for standard output.

    A new file is made at once under its own name, which fails if there is one.  With `force` the old file stays
    until `keep()`: before that a failed start must not cost anyone a log, and one that is being written never gives
    way.  What is said of it calls it `called`.

    Attributes:
        written: bytes of the log that were taken by the file, or by the program that compresses them.
        compressed: whether they pass a compressor, which may lose those it took last.
    """

    def __init__(self, name: str, *, force: bool, called: str = "") -> None:
        self.name = called or ("standard output" if name == "-" else name)
        self.to_stdout = name == "-"
        self.written = 0
        self._temporary: Path | None = None
        self._made: Path | None = None
        self._path = Path(name)
        self._raw = cast(Any, sys.stdout.buffer).raw if self.to_stdout else self._open(self._path, force)
        self._on_disk = stat.S_ISREG(os.fstat(self._raw.fileno()).st_mode)
        if self._on_disk and not self.to_stdout:
            with suppress(OSError):
                fcntl.flock(self._raw, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._synced, self._synced_at = 0, 0.0  # bytes and when
        self._zstd: subprocess.Popen | None = None
        self._file = self._compressor(name)
        self.compressed = self._file is not self._raw

    def _open(self, path: Path, force: bool) -> io.FileIO:
        try:
            if path.is_dir():
                raise CannotCreateError(f"{path} is a directory: give the log a name in it")
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                return io.FileIO(path, "w")
            if path.exists() and force:
                if _taken(path):
                    raise CannotCreateError(f"{path} is being written by another vmtrace: choose another name with -o")
                # A name of its own, made new: another collect's is let be, and what somebody put there not followed.
                temporary = path.with_name(f"{path.name}.{os.getpid()}.new")
                raw = io.FileIO(temporary, "x")
                self._temporary = temporary
                return raw
            raw = io.FileIO(path, "x")
            self._made = path
            return raw
        except FileExistsError:
            raise CannotCreateError(f"{path} exists: choose another name with -o, or overwrite with --force") from None
        except OSError as error:
            raise CannotCreateError(f"cannot write {path}: {error.strerror}; choose another name with -o") from None

    def _compressor(self, name: str) -> Any:
        if name.endswith(".gz"):
            return gzip.GzipFile(filename="", mode="wb", fileobj=_Whole(self._raw), mtime=0, compresslevel=3)
        if name.endswith(".xz"):
            return lzma.LZMAFile(cast(Any, _Whole(self._raw)), "wb", preset=1)
        if name.endswith(".zst"):  # in one thread it holds back a block of 128 KB, in several megabytes
            zstd = program("zstd")
            if zstd is None:
                self.discard()
                raise UnavailableError(f"zstd(1) not found, needed for {name}: pkg install zstd, or use .gz or .xz")
            self._zstd = subprocess.Popen(
                [zstd, "-q", "-c", "--single-thread"],
                stdin=subprocess.PIPE, stdout=self._raw, stderr=subprocess.PIPE, process_group=0,
            )  # fmt: skip
            return self._zstd.stdin
        return self._raw

    @property
    def pids(self) -> list[int]:
        """The processes that work for it here."""
        return [self._zstd.pid] if self._zstd is not None else []

    def write(self, data: bytes) -> None:
        """Append bytes; IoError where the disk is full or the reader has gone."""
        try:
            rest = memoryview(data)
            while rest:  # a raw file may take less than all
                taken = self._file.write(rest)
                self.written += taken
                rest = rest[taken:]
        except OSError as error:
            raise self._io_error(error) from None

    def keep(self) -> None:
        """From now on the file stays, and stands under its name."""
        try:
            if self._temporary is not None and _taken(self._path):
                raise IoError(f"{self.name} is another vmtrace's by now; this log is {self._temporary}")
            if self._temporary is not None:
                os.replace(self._temporary, self._path)
        except OSError as error:
            raise IoError(f"cannot overwrite {self.name}: {error.strerror}; the log is {self._temporary}") from None
        finally:
            self._temporary = self._made = None

    def sync(self) -> None:
        """Have what was written survive a panic of the box, where it goes to a file; at most once a second.

        Of .zst this holds for whole blocks only: zstd(1) cannot be told to let go of the last.
        """
        now = time.monotonic()
        if self.written > self._synced and now - self._synced_at > 1:
            self._synced, self._synced_at = self.written, now
            try:
                if isinstance(self._file, gzip.GzipFile):
                    self._file.flush()
                elif isinstance(self._file, lzma.LZMAFile):  # xz cannot be flushed, but a file may hold many streams
                    self._file.close()
                    self._file = self._compressor(".xz")
                if self._on_disk:
                    os.fsync(self._raw.fileno())
            except OSError as error:
                raise self._io_error(error) from None

    def discard(self) -> None:
        """Leave no trace of a log that never began."""
        for path in (self._temporary, self._made):
            if path is not None:
                path.unlink(missing_ok=True)

    def close(self) -> None:
        """End the file; IoError where its last bytes cannot be written."""
        try:
            if not self.to_stdout or self.compressed:
                self._file.close()
            if self._zstd is not None and self._zstd.wait() != 0:
                assert self._zstd.stderr is not None  # a pipe
                complaint = self._zstd.stderr.read().decode(errors="replace").strip()
                raise IoError(f"zstd could not write {self.name}: {complaint}; make room, or use another -o")
            if not self.to_stdout:
                self._raw.close()
        except OSError as error:
            raise self._io_error(error) from None

    def _io_error(self, error: OSError) -> IoError:
        if error.errno == errno.EPIPE:
            return IoError(f"the reader of {self.name} has gone: the trace was ended after {self.written} bytes")
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            return IoError(
                f"no space left for {self.name}: the trace was ended, its first {self.written} bytes are kept; "
                "make room, or use -o on another disk or a name ending in .xz"
            )
        return IoError(f"cannot write {self.name}: {error.strerror}; its first {self.written} bytes are kept")
