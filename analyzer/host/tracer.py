"""dtrace(1) on the box: started, stopped, ended at once."""

import os
import subprocess
import time

from analyzer.host import left, limits
from analyzer.host.box import Box, kill, quoted, send
from analyzer.host.streams import Streams

_END = "VMTRACE-END-OF-SCRIPT"
SELF = b"vmtrace-self "  # what the line on stderr begins with that names the processes

# The standard input is the lifeline: at its end, or told "stop", dtrace gets SIGTERM, prints what it has and its END
# probe; told "now", it is killed, and after a while where vmtrace is gone.  SIGTERM, because sh(1) starts a background
# job with SIGINT ignored.
_RUN = """
folder=$(mktemp -d /tmp/vmtrace.XXXXXX) || exit 73
trap 'rm -rf "$folder"{after}' EXIT
{before}
cat >"$folder/{name}.d" <<'{end}'
{text}{end}
exec 3<&0
{command} </dev/null 3<&- &
tracer=$!
{{
	read -r word
	kill -TERM $tracer
	left={drain}
	read -r word || while [ $left -gt 0 ] && kill -0 $tracer; do sleep 1; left=$((left - 1)); done
	kill -KILL $tracer
}} <&3 >/dev/null 2>&1 &
watcher=$!
exec 3<&-
echo "{self}$$ $tracer $watcher" >&2
wait $tracer 2>/dev/null
status=$?
kill $watcher 2>/dev/null
exit $status
"""


def command(name: str, arguments: list[str], folder: str = "$folder") -> str:
    """dtrace's command line.  -Z: a script names functions of several releases."""
    return f'dtrace -Z -s "{folder}/{name}.d" {quoted(arguments)}'.rstrip()


def script(name: str, text: str, arguments: list[str], reader: str = "") -> str:
    """The sh(1) that runs dtrace on the box; with a `reader`, a process there, both at real-time priority meanwhile."""
    dtrace, before, after = command(name, arguments), ":", ""
    if reader:
        dtrace, before, after = f"rtprio 1 {dtrace}", f"rtprio 1 -{reader}", f"; rtprio -t -{reader}"
    return _RUN.format(
        self=SELF.decode(), name=name, end=_END, text=text, command=dtrace, before=before, after=after,
        drain=round(limits.DRAIN),
    )  # fmt: skip


class Tracer:
    """A running dtrace.

    Attributes:
        group: its process group on the box, 0 until the line that names it has come.
    """

    def __init__(self, box: Box, name: str, text: str, arguments: list[str], *, real_time: bool = False) -> None:
        self._box = box
        reader = ""
        if real_time:  # who takes the output away: vmtrace here, sshd over there
            reader = "$PPID" if box.remote else str(os.getpid())
        self._process: subprocess.Popen = box.start(script(name, text, arguments, reader))
        self.streams = Streams(self._process)
        self.group = 0

    def stop(self) -> None:
        """Let it end with its trailer."""
        send(self._process, "stop\n")

    def abort(self) -> None:
        """End it at once; what it has not printed is lost."""
        send(self._process, "stop\nnow\n")

    def end(self) -> None:
        """Before tracing began: away with it."""
        self.abort()
        until = time.monotonic() + limits.KILLED
        while not self.streams.ended and time.monotonic() < until:
            self.streams.get(limits.TICK)

    def hangs(self) -> list[left.Thread]:
        """Its threads on the box, when it does not end even when killed."""
        found = left.threads(self._box, self.group) if self.group else []
        kill(self._process)  # what carries its output here
        return found

    def status(self) -> int:
        """Its exit status once its streams have ended; 128 + N where signal N killed it."""
        try:
            status = self._process.wait(limits.KILLED)
        except subprocess.TimeoutExpired:
            kill(self._process)
            return 128 + 9
        return status if status >= 0 else 128 - status
