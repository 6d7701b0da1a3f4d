"""`vmtrace report --follow`: what a growing log says, drawn anew until ^C."""

import re
import time
from typing import BinaryIO

from analyzer.errors import DataError, NoInputError
from analyzer.host import limits
from analyzer.host.heartbeat import Heartbeat
from analyzer.host.live import Live
from analyzer.host.progress import Phase
from analyzer.host.screen import Screen
from analyzer.host.signals import Signals
from analyzer.host.streams import LINE
from analyzer.host.view import Names

_CHUNK = 1 << 20
_MESSAGE = re.compile(rb"^dtrace: .*$", re.MULTILINE)
_PACKED = (b"\x1f\x8b", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")


def follow(path: str, names: Names, interval: float) -> None:
    """Draw what the log says every `interval` seconds, until q or a signal; then its end is the caller's to read."""
    try:
        log = open(path, "rb")  # noqa: SIM115
    except OSError as error:
        raise NoInputError(f"{path}: {error.strerror}") from None
    live, heart = Live(), Heartbeat()
    with log, Signals() as signals:
        screen = Screen(live, names, path, interval)
        rest = _read(log, b"", live, heart)
        screen.phase(Phase.TRACING, "")
        screen.trace(heart, time.monotonic())
        heart.begin(time.monotonic())
        screen.draw()
        try:
            while not (signals.asked() or screen.quit):
                rest = _read(log, rest, live, heart)
                screen.tick()
                time.sleep(limits.TICK)
        finally:
            screen.end()


def _read(log: BinaryIO, rest: bytes, live: Live, heart: Heartbeat) -> bytes:
    """Take the whole lines that have come; gives the begun one."""
    while data := log.read(_CHUNK):
        if log.tell() == len(data) and data.startswith(_PACKED):
            raise DataError(f"{log.name}: is compressed, and such a log cannot be followed; collect into a plain file")
        whole, newline, rest = (rest + data).rpartition(b"\n")
        if newline:
            live.lines(whole + newline)
            heart.lines(whole + newline, time.monotonic())
            for message in _MESSAGE.findall(whole):
                live.tally.message(message)
        if len(rest) > LINE:  # no script prints such a line; without an end it would fill the memory
            rest = b""
    return rest
