"""dtrace's two streams, joined in the order in which they arrive, whole lines only."""

import os
import queue
import selectors
import subprocess
import threading
from collections.abc import Callable
from typing import IO

_CHUNK = 1 << 16
LINE = 1 << 20  # bytes of a line that wait for its end
_QUEUED = 1024  # chunks, 64 MB: what a slow disk may hold up before dtrace is made to wait


class Streams:
    """Reads stdout and stderr of a process in a thread, so that a slow writer does not hold up dtrace."""

    def __init__(self, process: subprocess.Popen) -> None:
        self.ended = False
        self._queue: queue.Queue[tuple[str, bytes] | None] = queue.Queue(_QUEUED)
        threading.Thread(target=self._read, args=(process.stdout, process.stderr), daemon=True).start()

    def get(self, timeout: float) -> tuple[str, bytes] | None:
        """The next ("out" or "err", bytes); None when nothing came for `timeout` seconds, or both have `ended`."""
        if self.ended:
            return None
        try:
            item = self._queue.get(timeout=timeout)
        except queue.Empty:
            return None
        self.ended = item is None
        return item

    def _read(self, out: IO[bytes], err: IO[bytes]) -> None:
        with selectors.DefaultSelector() as selector:
            # dtrace flushes stdout after each pass, stderr at once: a message that waits is older than data that wait.
            selector.register(err, selectors.EVENT_READ, (0, "err"))
            selector.register(out, selectors.EVENT_READ, (1, "out"))
            while selector.get_map():
                for key, _ in sorted(selector.select(), key=lambda ready: ready[0].data):
                    data = os.read(key.fd, _CHUNK)
                    if data:
                        self._queue.put((key.data[1], data))
                    else:
                        selector.unregister(key.fileobj)
        self._queue.put(None)


class Joiner:
    """Makes whole lines of the log out of the pieces of two streams.

    `write` gets whole lines of stdout, as they are; `message` gets each line of stderr.
    """

    def __init__(self, write: Callable[[bytes], None], message: Callable[[bytes], None]) -> None:
        self._write = write
        self._message = message
        self._rest = {"out": b"", "err": b""}

    def feed(self, stream: str, data: bytes) -> None:
        whole, newline, rest = (self._rest[stream] + data).rpartition(b"\n")
        if len(rest) > LINE:  # no script prints such a line; without an end it would fill the memory
            whole, newline, rest = whole + newline + b"#host.cut\t" + rest, b"\n", b""
        self._rest[stream] = rest
        if stream == "out" and newline:
            self._write(whole + newline)
        elif newline:
            for line in whole.split(b"\n"):
                self._message(line)

    def finish(self) -> bytes:
        """Both have ended: passes on a last message, gives what stdout began and did not end."""
        if self._rest["err"]:
            self._message(self._rest["err"])
        return self._rest["out"]
