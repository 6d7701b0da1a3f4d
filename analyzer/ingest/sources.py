"""Sources: a path or standard input, compressed or not, as chunks of bytes."""

import gzip
import hashlib
import lzma
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import BufferedIOBase, BufferedReader, RawIOBase
from typing import Any, cast

from analyzer.errors import NoInputError

STDIN = "-"
CHUNK = 16 << 20
_PIECE = 1 << 20
_XZ_MEMORY = 256 << 20  # bytes; xz -9 asks for 65 MB, a hostile file for 4 GB
_MAGIC = {b"\x1f\x8b": "gzip", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zstd"}


class _Hashing(RawIOBase):
    """The raw file, its bytes counted and hashed as they pass."""

    def __init__(self, raw: Any) -> None:
        self._raw = raw
        self.sha256 = hashlib.sha256()
        self.size = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        # A piece at a time is hashed while the processor still has it at hand.
        count = self._raw.readinto(memoryview(buffer)[:_PIECE])
        self.sha256.update(memoryview(buffer)[:count])
        self.size += count
        return count


class Source:
    """One input.  Iterate over it once; then `sha256`, `size` and `damage` are known.

    Attributes:
        name: the path as it was given, "<stdin>" for "-".
        size: bytes of the file as it is stored, so far.
        total: bytes of the file as it is stored, None where that cannot be known: of a pipe, a device.
        text_size: bytes of the text, so far.
        skipped: how many of them were passed over, in lines that are longer than memory should be.
        damage: why the text ended before its time, empty when it did not.
    """

    def __init__(self, path: str) -> None:
        self.name = "<stdin>" if path == STDIN else path
        raw = _open(path)
        self._hashing = _Hashing(raw)
        self._raw: BufferedReader = BufferedReader(self._hashing, _PIECE)
        status = os.fstat(raw.fileno())
        self.total = status.st_size if stat.S_ISREG(status.st_mode) else None
        self.damage = ""
        self._head = b""
        self._ends: _UnixEnds | None = None
        self.text_size = self.skipped = 0

    @property
    def size(self) -> int:
        return self._hashing.size

    @property
    def sha256(self) -> str:
        """Of the file as it is stored, compressed or not: what sha256(1) says of it."""
        return self._hashing.sha256.hexdigest()

    def peek(self, size: int) -> bytes:
        """The first `size` bytes of the text, or all of it; they are given once more."""
        if len(self._head) < size:
            self._head = self._next(size)
        return self._head

    def unix_ends(self) -> None:
        """Give \\n for \\r\\n from the beginning on: what went over a terminal or a console has those."""
        self._ends = _UnixEnds(self._head, self._read_into)
        self._head = b""

    def chunks(self, size: int = CHUNK) -> Iterator[bytes]:
        """The text in pieces of `size` bytes; damage ends it early and is noted."""
        while chunk := self._next(size):
            yield chunk

    def fill(self, buffer: memoryview) -> int:
        """Put the next bytes of the text into `buffer`; how many: fewer than fit in only where the text ends."""
        have = min(len(self._head), len(buffer))
        buffer[:have] = self._head[:have]
        self._head = self._head[have:]
        more = self._read_into if self._ends is None else self._ends.read_into
        while have < len(buffer) and (count := more(buffer[have:])):
            have += count
        if have < len(buffer):
            self._drain()
        return have

    def _next(self, size: int) -> bytes:
        pieces: list[memoryview] = []
        while size and (not pieces or len(pieces[-1]) == _PIECE):
            buffer = memoryview(bytearray(min(size, _PIECE)))
            pieces.append(buffer[: self.fill(buffer)])
            size -= len(pieces[-1])
        return b"".join(pieces)

    def _read_into(self, buffer: memoryview) -> int:
        """Some bytes of the text; none where it ends, or where damage ends it."""
        try:
            stream = self._stream()
            if stream is self._raw:
                count = stream.readinto1(buffer)  # of one read, so that an error takes nothing away that was read
                self.text_size += count
                return count
            # read1 makes room for all that it is asked for, and a damaged stream loses what readinto had of it.
            piece = stream.read1(min(len(buffer), _PIECE))
        except (EOFError, OSError, lzma.LZMAError, zlib.error) as error:
            if not isinstance(error, OSError) or error.errno is None:
                self.damage = f"the compressed file cannot be unpacked to its end: {error}"
            elif self.text_size:
                self.damage = f"the file cannot be read to its end: {error.strerror}"
            else:
                raise NoInputError(f"{self.name}: {error.strerror}") from None
            return 0
        buffer[: len(piece)] = piece
        self.text_size += len(piece)
        return len(piece)

    def _stream(self) -> BufferedIOBase:
        if not hasattr(self, "_decompressed"):
            self._decompressed = _decompressed(self._raw)
        return self._decompressed

    def _drain(self) -> None:
        """Read what a decompressor left, so that the hash is the whole file's."""
        with suppress(OSError):  # it is told where the text ends
            while not self._raw.closed and self._raw.read(_PIECE):
                pass


def _open(path: str) -> Any:
    """The raw file: typeshed has no name for what both ways of it give."""
    if path == STDIN:
        return cast(Any, sys.stdin.buffer).raw
    try:
        return open(path, "rb", buffering=0)
    except IsADirectoryError:
        raise NoInputError(f"{path}: is a directory; name the logs in it") from None
    except OSError as error:
        raise NoInputError(f"{path}: {error.strerror}") from None


def _decompressed(raw: BufferedReader) -> BufferedIOBase:
    head = raw.peek(8)
    kind = next((name for magic, name in _MAGIC.items() if head.startswith(magic)), None)
    if kind == "gzip":
        return gzip.GzipFile(fileobj=raw)
    if kind == "xz":
        return BufferedReader(_Xz(raw), _PIECE)
    if kind == "zstd":
        return BufferedReader(_Zstd(raw), 1 << 16)
    return raw


class _UnixEnds:
    """Bytes of `head`, then of `read_into`, without the \\r of each \\r\\n."""

    def __init__(self, head: bytes, read_into: Callable[[memoryview], int]) -> None:
        self._held = head  # not yet looked at: a \r at the end may belong to the \n that comes next
        self._ready = b""
        self._read_into = read_into
        self._room = bytearray(_PIECE)

    def read_into(self, buffer: memoryview) -> int:
        while not self._ready:
            count = self._read_into(memoryview(self._room))
            text = self._held + self._room[:count]
            self._held = b"\r" if count and text.endswith(b"\r") else b""
            self._ready = bytes(text[: len(text) - len(self._held)].replace(b"\r\n", b"\n"))
            if not count and not self._ready:
                return 0
        piece, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(piece)] = piece
        return len(piece)


class _Xz(RawIOBase):
    """xz streams, one after another, as a raw file: lzma.LZMAFile has no limit to the memory that a file asks for."""

    def __init__(self, raw: BufferedReader) -> None:
        self._raw = raw
        self._packed = b""
        self._stream: lzma.LZMADecompressor | None = None  # between two streams there is none

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = b""
        while not piece:
            if not self._packed and (self._stream is None or self._stream.needs_input):
                self._packed = self._raw.read1(_PIECE)
                if not self._packed and self._stream is None:
                    return 0
                if not self._packed:
                    raise EOFError("it ends in the middle of a stream")
            if self._stream is None:
                self._packed = self._packed.lstrip(b"\0")  # streams may be padded
                self._stream = lzma.LZMADecompressor(memlimit=_XZ_MEMORY) if self._packed else None
                continue
            piece = self._stream.decompress(self._packed, len(buffer))
            self._packed = b""
            if self._stream.eof:
                self._packed, self._stream = self._stream.unused_data, None
        buffer[: len(piece)] = piece
        return len(piece)


class _Zstd(RawIOBase):
    """pyarrow's zstd stream as a raw file, so that what was read before damage is not lost."""

    def __init__(self, raw: BufferedReader) -> None:
        import pyarrow as pa

        self._stream = pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        piece = self._stream.read(min(len(buffer), 1 << 16))
        buffer[: len(piece)] = piece
        return len(piece)
