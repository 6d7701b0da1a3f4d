"""What is left on the box at the end, and where in the kernel it hangs."""

from dataclasses import dataclass

from analyzer.errors import VmtraceError
from analyzer.host.box import Box

# An -o for each column: what follows a = is a header to FreeBSD's ps(1).  procstat(1) ends at the first process that is
# gone, so it is asked for each.
_ASK = """
for pid in $(ps -ax -o pid= -o pgid= | while read -r pid group; do [ "$group" = {group} ] && echo "$pid"; done); do
	procstat -kk "$pid"
done
"""


@dataclass(frozen=True)
class Thread:
    """One thread, and its kernel stack as `procstat -kk` prints it, innermost function first."""

    pid: int
    tid: int
    name: str
    stack: str

    def __str__(self) -> str:
        return f"pid {self.pid} ({self.name}) in {self.stack or '?'}"


def threads(box: Box, group: int) -> list[Thread]:
    """The threads of a process group; none where the box cannot be asked any more."""
    try:
        answer = box.run(_ASK.format(group=group))
    except VmtraceError:
        return []
    found = []
    for line in answer.out.splitlines():
        columns = line.split(None, 4)
        if len(columns) == 5 and columns[0].isdigit():
            found.append(Thread(int(columns[0]), int(columns[1]), columns[2], columns[4].strip()))
    return found


def told(found: list[Thread]) -> str:
    """In words, for an error."""
    if not found:
        return "it may hang in the kernel; 'procstat -kk -a' there says where"
    return "it hangs in the kernel: " + "; ".join(map(str, found[:2]))


def lines(found: list[Thread]) -> bytes:
    """Directives of the log."""
    return "".join(f"#host.left\t{each.pid}\t{each.tid}\t{each.name}\t{each.stack}\n" for each in found).encode()
