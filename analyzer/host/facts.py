"""What the box is, whether it can be traced, and which script fits it."""

from dataclasses import dataclass

from analyzer.errors import NoInputError, PermissionDeniedError, UnavailableError, UsageError
from analyzer.host import dscript, messages
from analyzer.host.box import Box, quoted

_ASK = """
say() { printf '%s\\t%s\\n' "$1" "$2"; }
say system "$(uname -s)"
say release "$(uname -r)"
say uname "$(uname -a)"
say ident "$(uname -i 2>/dev/null)"
say user "$(id -u)"
for name in hw.ncpu hw.physmem hw.pagesize kern.osreldate security.jail.jailed; do
	say $name "$(sysctl -n $name 2>/dev/null)"
done
say dtraceall "$(kldstat -q -m dtraceall 2>/dev/null && echo loaded)"
for name in dtrace ktrace kdump; do say $name "$(command -v $name)"; done
"""

COUNTING = "vmwatch"  # the script that counts in the kernel, and records the faults that it is told to
# Which of these exist says where the faults are handled, and whether lock probes tell readers from writers (11.0).
_FEATURES = ("fbt::vm_fault:entry", "fbt::vm_fault_hold:entry", "lockstat:::rw-acquire")


@dataclass(frozen=True)
class Facts:
    """Answers of the base system, as it printed them; "" where it did not know."""

    answers: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.answers.get(name, "")

    def number(self, name: str) -> int:
        """An answer as a number, 0 where it is none."""
        return int(self[name]) if self[name].isdigit() else 0

    @property
    def osreldate(self) -> int:
        return self.number("kern.osreldate")


@dataclass(frozen=True)
class Probe:
    """One row of `dtrace -l`."""

    provider: str
    module: str
    function: str
    name: str


def ask(box: Box) -> Facts:
    """Ask the box what it is; changes nothing there."""
    lines = box.run(_ASK).out.splitlines()
    return Facts(dict(line.split("\t", 1) for line in lines if "\t" in line))


def require(box: Box, facts: Facts, programs: tuple[str, ...]) -> None:
    """Check system, root and programs; the error says what is missing and how to mend it."""
    if facts["system"] != "FreeBSD":
        raise UnavailableError(
            f"{box.name} runs {facts['system'] or 'an unknown system'}, and faults are recorded on FreeBSD: "
            "run it there, or use --ssh root@BOX"
        )
    if facts["user"] != "0":
        raise PermissionDeniedError(
            f"recording needs root, and on {box.name} you are user {facts['user']}: "
            + ("use --ssh root@BOX" if box.remote else "run it with su(1), sudo or doas")
        )
    for program in programs:
        if not facts[program]:
            raise UnavailableError(f"{program} not found on {box.name}: {messages.MISSING[program]}")


def require_process(box: Box, pid: int) -> None:
    """A process to trace must be there; 0 stands for none."""
    if pid and box.run(f"kill -0 {pid}").status:
        raise NoInputError(f"no process {pid} on {box.name}: 'ps ax' lists what runs")


def load_modules(box: Box, facts: Facts) -> None:
    """Load dtraceall where it is not."""
    if facts["dtraceall"] == "loaded":
        return
    answer = box.run("kldload dtraceall")
    # A kernel may have DTrace inside; kldload then says so.
    if answer.status and "already" not in answer.err:
        raise UnavailableError(
            f"dtrace's kernel modules cannot be loaded on {box.name}: {answer.complaint}; "
            "try 'kldload dtraceall', see 'vmtrace doctor', or record with --ktrace"
        )


def listed(box: Box, descriptions: list[str]) -> list[Probe]:
    """The probes that exist, of those described."""
    wanted = " ".join(f"-n {quoted([description])}" for description in descriptions)
    answer = box.run(f"dtrace -l {wanted}")
    rows = [line.split() for line in answer.out.splitlines() if line.strip()[:1].isdigit()]
    if not rows:
        failure = messages.failure(answer.err)
        if failure is not None:
            raise failure
    # lockstat's module and function may be empty columns
    return [Probe(row[1], row[2], row[3] if len(row) == 5 else "", row[-1]) for row in rows]


def choose(box: Box, facts: Facts, name: str | None, *, narrowed: bool) -> dscript.DScript:
    """The script to run: the one named, else the one that fits the probes and how much is traced.

    A whole machine is counted in the kernel, at any rate; of a few processes (`narrowed`) every fault is recorded.
    """
    features = listed(box, list(_FEATURES))
    functions = {probe.function for probe in features if probe.provider == "lockstat"}
    handlers = {probe.function for probe in features if probe.provider == "fbt"}
    if not handlers:
        raise UnavailableError(
            f"{box.name} has no probe on vm_fault: its kernel needs KDTRACE_HOOKS and the module fbt; "
            "see 'vmtrace doctor'"
        )
    # 10.x names the lock function in its lockstat probes; where there is none, the release number decides.
    old = "rw_wlock" in functions or (not functions and 0 < facts.osreldate < 1100000)
    if name is None:
        return dscript.load("vmfault10" if old else "vmfault" if narrowed else COUNTING)
    return dscript.load(name)


def check_release(script: dscript.DScript, facts: Facts) -> None:
    """UsageError where the script is not for the running release."""
    after_last = script.last is not None and facts.osreldate > script.last
    if facts.osreldate and (facts.osreldate < script.first or after_last):
        span = _release(script.first) + (f" to {_release(script.last)}" if script.last else " or later")
        raise UsageError(
            f"{script.name}.d is for FreeBSD {span}, and this is {facts['release']}: "
            f"choose another, 'vmtrace script {script.name}' says why"
        )


def _release(osreldate: int) -> str:
    major, rest = divmod(osreldate, 100000)
    return f"{major}.x" if rest == 99999 else f"{major}.{rest // 1000}"
