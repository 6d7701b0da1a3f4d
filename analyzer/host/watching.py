"""`vmtrace watch`: a recording whose log is thrown away at its end, unless it is asked for or something happened."""

import tempfile
from dataclasses import replace
from pathlib import Path

from analyzer.errors import VmtraceError
from analyzer.host import recording
from analyzer.host.live import Live
from analyzer.host.request import Request
from analyzer.host.screen import Screen
from analyzer.host.view import Names


def watch(request: Request, names: Names, interval: float) -> int:
    """Show what a recording counts, until `q`, ^C or what `request` ends with; gives the exit status."""
    live = Live()
    with tempfile.TemporaryDirectory(prefix="vmtrace-") as folder:
        log = _Kept(Path(folder) / "log", request.output, request.force)
        screen = Screen(live, names, request.ssh or "this machine", interval, log.write)
        try:
            status = recording.record(replace(request, output=str(log.path), called="the trace"), screen, live)
        except VmtraceError:
            screen.end()
            if log.path.exists():
                screen.say(log.write())
            raise
        if request.until is not None and status == 1:
            screen.say(log.write())
        return status


class _Kept:
    """The log so far, and the file that it is copied to."""

    def __init__(self, path: Path, target: str, force: bool) -> None:
        self.path, self._target, self._force = path, target, force

    def write(self) -> str:
        """Copy it; says what came of it.  What it wrote itself it overwrites."""
        try:
            with open(self.path, "rb") as log, open(self._target, "wb" if self._force else "xb") as copy:
                while data := log.read(1 << 20):
                    copy.write(data)
                self._force = True
                return f"{self._target}: {copy.tell():,} bytes written"
        except FileExistsError:
            return f"{self._target} exists: choose another name with -o, or overwrite with --force"
        except OSError as error:
            return f"cannot write {self._target}: {error.strerror}"
