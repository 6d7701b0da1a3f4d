"""What the user asks `vmtrace collect` for."""

from dataclasses import dataclass, field

from analyzer.host.box import Box, SshBox
from analyzer.host.until import Until


@dataclass(frozen=True)
class Request:
    """The options of `vmtrace collect`; empty or None where not given.

    Attributes:
        called: what `output` is called in messages, where its own name is nobody's concern.
        everywhere: whether a fail point may reach the whole machine.
    """

    script: str | None = None
    output: str = "vmtrace.log"
    duration: float | None = None
    pid: int = 0
    execname: str = ""
    command: list[str] = field(default_factory=list)
    fail_point: str | None = None
    everywhere: bool = False
    no_locks: bool = False
    options: dict[str, str] = field(default_factory=dict)
    ktrace: bool = False
    ssh: str | None = None
    force: bool = False
    until: Until | None = None
    then: str = ""
    slower: int = 0
    survive_panic: bool = False
    called: str = ""

    @property
    def narrowed(self) -> bool:
        """Whether only some processes are traced."""
        return bool(self.pid or self.execname)

    @property
    def box(self) -> Box:
        return SshBox(self.ssh) if self.ssh else Box()
