"""`vmtrace prove`: run a load that knows its faults, trace it with each script, and say measure by measure what holds.

The outcome is remembered on the box, for this kernel and this text of a script; `collect` writes it into later logs.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from analyzer import measures
from analyzer.errors import DataError, TemporaryError, UsageError
from analyzer.host import counters, doctor, dscript, facts, failmod, proof, provenance, session
from analyzer.host.box import PATH, Box, quoted
from analyzer.host.failpoint import FailPoint, require_off
from analyzer.host.output import Output
from analyzer.host.progress import Progress
from analyzer.host.result import EndedEarlyError, Result

# A second count beside the script's own clauses: whether lock probes fire in faults at all, how many renames, and which
# process's faults failed.
_WITNESS = """
fbt::vm_fault:entry, fbt::vm_fault_hold:entry { self->proving = 2; }
lockstat:::rw-acquire, lockstat:::rw-release /self->proving > 1/ { @witness[probename] = count(); }
fbt::vm_fault:return, fbt::vm_fault_hold:return
/self->proving > 1 && (int)arg1 != 0/ { @failed[execname, pid, (int)arg1] = count(); }
fbt::vm_fault:return, fbt::vm_fault_hold:return { self->proving = 1; }
fbt::vm_page_rename:entry, fbt::vm_page_iter_rename:entry { @witness[probefunc] = count(); }
dtrace:::END { printf("#aggregation\\twitness\\tprobe\\tcount\\n"); printa("%s\\t%@d\\n", @witness); }
dtrace:::END { printf("#aggregation\\tfailed\\texecname\\tpid\\trc\\tcount\\n"); }
dtrace:::END { printa("%S\\t%d\\t%d\\t%@d\\n", @failed); }
"""

# Without Python on the box: faults of every common kind, whose numbers only the kernel's counters know.
_SHELL = """
i=0
while [ $i -lt 40 ]; do
	dd if=/dev/zero of=/dev/null bs=2m count=1 2>/dev/null
	(:)
	i=$((i + 1))
done
find /usr/share /usr/lib -type f 2>/dev/null | head -100 | xargs cat >/dev/null 2>&1
printf '{"name": "dd", "parts": []}' >"$1"
"""

_FAILING = "5%return(1)"
_FOLDER = 'mktemp -d "${TMPDIR:-/tmp}/vmtrace-load.XXXXXX"'
_PYTHON = "for each in python3 python3.13 python3.12 python3.11 python3.9; do command -v $each && break; done"
_CLEAN = ["/usr/bin/env", f"PATH={PATH}"]
_MEMORY = '"${XDG_STATE_HOME:-$HOME/.local/state}/vmtrace"'
_OURS = f"[ -O {_MEMORY} ]"  # HOME may still be that of the user who called sudo(8)
_KEEP = f"""
mkdir -p {_MEMORY} && {_OURS} || {{ echo {_MEMORY} belongs to another user >&2; exit 1; }}
new=$(mktemp {_MEMORY}/new.XXXXXX) && printf %s "$text" >"$new" && mv -f "$new" {_MEMORY}/proved
"""


@dataclass(frozen=True)
class Proof:
    """What came of one script."""

    script: str
    edition: int
    answers: list[proof.Answer]

    def words(self) -> str:
        """As the box remembers it: `vmfault faults=exact copy=wrong …` (measures.proved reads it)."""
        pairs = (f"{each.measure}={each.outcome.replace(' ', '-')}" for each in self.answers)
        return " ".join([self.script, *pairs])


@dataclass(frozen=True)
class Load:
    """The command that makes the faults, and what it is.

    Attributes:
        folder: on the box, for what it leaves: its statement and its files.
    """

    words: list[str]
    folder: str
    python: bool

    def command(self, kind: str) -> list[str]:
        return [*self.words, f"{self.folder}/statement", kind]


def prove(box: Box, name: str | None, say: Callable[[str], None]) -> tuple[facts.Facts, bool, list[Proof]]:
    """Prove the script named, or each that fits; gives what the box is, whether the load was in Python, and the proofs.

    Args:
        say: called with a line for the user, before each script.
    """
    known = facts.ask(box)
    facts.require(box, known, ("dtrace",))
    facts.load_modules(box, known)
    scripts = _scripts(known, name)
    point = FailPoint(failmod.POINT, _FAILING, narrowed=True) if failmod.is_loaded(box) else None
    if point:
        require_off(box, point)
    load = _load(box)
    try:
        proofs = []
        for script in scripts:
            say(f"{script.name}: tracing a load {'in Python' if load.python else 'in sh, which has fewer measures'}")
            proofs.append(_proof(box, known, script, load, point))
    finally:
        box.run(f"rm -rf {quoted([load.folder])}")
    _remember(box, known, proofs)
    return known, load.python, proofs


def status(proofs: list[Proof]) -> int:
    """0 all exact, 1 something wrong, 2 something could not be asked."""
    outcomes = {answer.outcome for each in proofs for answer in each.answers}
    if proof.WRONG in outcomes:
        return 1
    return 0 if outcomes == {proof.EXACT} else 2


def remembered(box: Box, known: facts.Facts, script: dscript.DScript) -> str:
    """What was proved of this script on this kernel: `RELEASE SCRIPT measure=outcome …`; "" where nothing was."""
    key = _key(known, script)
    return next((line.removeprefix(key) for line in _recalled(box) if line.startswith(key)), "")


def _recalled(box: Box) -> list[str]:
    """What the box remembers; nothing where another user could have written it."""
    return box.run(f"{_OURS} && cat {_MEMORY}/proved 2>/dev/null").out.splitlines()


def _key(known: facts.Facts, script: dscript.DScript) -> str:
    """What a proof holds for: this kernel, and this text of the script."""
    return f"{known['uname']}\t{provenance.sha256(script.text)}\t"


def _remember(box: Box, known: facts.Facts, proofs: list[Proof]) -> None:
    """One line a script in a small file of root's."""
    new = {_key(known, dscript.load(each.script)): f"{known['release']} {each.words()}" for each in proofs}
    old = _recalled(box)
    kept = [line for line in old if not line.startswith(tuple(new))]
    text = "".join(f"{line}\n" for line in [*kept, *(key + value for key, value in new.items())])
    answer = box.run(f"text={quoted([text])}\n{_KEEP}")
    if answer.status:
        raise TemporaryError(f"what was proved cannot be kept on {box.name}: {answer.complaint}")


def _scripts(known: facts.Facts, name: str | None) -> list[dscript.DScript]:
    """Those that record faults and fit the release."""
    if name is not None:
        script = dscript.load(name)
        facts.check_release(script, known)
        if "faults" not in measures.probes(script.name, script.edition):
            raise UsageError(f"{script.name}.d records no faults, and no load knows what it must say: choose another")
        return [script]
    found = []
    for each in dscript.names():
        script = dscript.load(each)
        try:
            facts.check_release(script, known)
        except UsageError:
            continue
        if "faults" in measures.probes(script.name, script.edition):
            found.append(script)
    return found


def _load(box: Box) -> Load:
    python = box.run(_PYTHON).out.strip() if box.remote else sys.executable
    answer = box.run(_FOLDER)
    if answer.status:
        raise TemporaryError(f"no folder for the load on {box.name}: {answer.complaint}")
    if python:
        text = (Path(__file__).parent / "load.py").read_text()
        return Load([*_CLEAN, python, "-I", "-c", text], answer.out.strip(), True)  # -I: nothing from this folder
    return Load([*_CLEAN, "/bin/sh", "-c", _SHELL, "load"], answer.out.strip(), False)


def _proof(
    box: Box, known: facts.Facts, script: dscript.DScript, load: Load, point: FailPoint | None
) -> Proof:
    there = facts.listed(box, script.probes)
    unseen: dict[str, str] = {}
    asked = []
    shown = measures.probes(script.name, script.edition).keys() & proof.ASKED
    if script.targeted:
        shown &= proof.OF_STEPS
    if "lock-balance" in shown:
        shown -= {"lock-held"}  # it says that by the balance
    for measure in shown:
        reason = measures.why_unseen(
            measure,
            script.name,
            script.edition,
            known.osreldate,
            lambda probe: any(doctor.matches(probe, each) for each in there),
        )
        if reason is None:
            asked.append(measure)
        else:
            unseen[measure] = reason
    answers = _ask(box, known, script, load.command("few" if script.targeted else "whole"), asked, None)
    if point and load.python and "failed-inserts" in asked:
        answers += _ask(box, known, script, load.command("sparse"), ["failed-inserts"], point)
    found = {answer.measure: answer for answer in answers}
    found |= {measure: proof.Answer(measure, proof.NOT_SEEN, reason=why) for measure, why in unseen.items()}
    return Proof(script.name, script.edition, [found[name] for name in measures.names() if name in found])


def _ask(
    box: Box,
    known: facts.Facts,
    script: dscript.DScript,
    command: list[str],
    asked: list[str],
    point: FailPoint | None,
) -> list[proof.Answer]:
    """Trace the load once, and what it says of each measure."""
    try:
        result, log = _trace(box, known, script, command, point)
        why = _unusable(result, log)
    except EndedEarlyError:
        raise KeyboardInterrupt from None
    except (DataError, TemporaryError) as error:
        why = str(error)
    else:
        if result.signalled:
            raise KeyboardInterrupt
    if why:
        return [proof.Answer(measure, proof.NOT_ASKED, reason=why) for measure in asked]
    statement = json.loads(box.run(f"cat {quoted(command[-2:-1])}").out)
    trace = proof.digest(log)
    growth = result.growth
    if script.targeted:  # the kernel counts the whole machine
        growth = {counters.ZERO_ALREADY: growth.get(counters.ZERO_ALREADY, 0)}
    judge = proof.Judge(trace, statement, growth, known.number("hw.ncpu"))
    return [judge.answer(measure) for measure in asked]


def _unusable(result: Result, log: bytes) -> str:
    """Why a trace proves nothing; "" where it is whole."""
    if result.failure is not None:
        said = [line for line in log.split(b"\n") if line.startswith(b"dtrace: ")]
        return said[-1].decode(errors="replace") if said else str(result.failure)
    if result.status:
        return f"the load ended with status {result.status}"
    if result.tally.lost:
        return "the trace lost " + ", ".join(f"{count:,} {kind}" for kind, count in result.tally.lost.items())
    return "" if result.tally.complete else "the trace was cut off"


def _trace(
    box: Box, known: facts.Facts, script: dscript.DScript, command: list[str], point: FailPoint | None
) -> tuple[Result, bytes]:
    """One recording, of the whole machine where the script can, as the kernel's counters are of it."""
    fitting = dscript.fitting(script, dscript.largest_buffer(known.number("hw.physmem"), known.number("hw.ncpu")))
    plan = session.Plan(
        name=script.name,
        text=dscript.render(script, fitting) + ("" if script.targeted else _WITNESS),
        larger={},
        pid=0,
        execname="",
        narrow=script.targeted,
        duration=None,
        command=command,
        fail_point=point,
    )
    with tempfile.TemporaryDirectory(prefix="vmtrace-") as folder:
        log = Path(folder) / "log"
        output = Output(str(log), force=False, called="the load")
        result = session.record(box, plan, known, output, b"", Progress())
        return result, log.read_bytes()
