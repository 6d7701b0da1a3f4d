"""What a host can do, and the command that mends each lack."""

from dataclasses import dataclass

from analyzer import measures, packages
from analyzer.errors import VmtraceError
from analyzer.host import dscript, facts, failmod, messages, panic
from analyzer.host.box import Box


@dataclass(frozen=True)
class Finding:
    """One line: `good` is None where nothing can be said."""

    good: bool | None
    text: str
    mend: str = ""


def examine(box: Box) -> list[Finding]:
    """Everything that recording and reporting need; changes nothing on the box."""
    known = facts.ask(box)
    freebsd = known["system"] == "FreeBSD"
    found = [_system(box, known, freebsd)]
    if freebsd:
        found += _recording(box, known)
    if not box.remote:
        found += _reports()
    return found


def _system(box: Box, known: facts.Facts, freebsd: bool) -> Finding:
    if not freebsd:
        name = known["system"] or "unknown system"
        return Finding(False, f"{name}: records nothing, reads logs", "vmtrace collect --ssh root@BOX")
    if known.osreldate < 1000000:
        return Finding(False, f"FreeBSD {known['release']}: no script is for it", "use 10.0 or later")
    return Finding(True, f"FreeBSD {known['release']} (osreldate {known.osreldate}, kernel {known['ident']})")


def _recording(box: Box, known: facts.Facts) -> list[Finding]:
    root = known["user"] == "0"
    found = [Finding(root, "root" if root else f"user {known['user']}, not root", "" if root else "su root")]
    if known["security.jail.jailed"] == "1":
        text = "inside a jail, where dtrace may not trace the kernel"
        found.append(Finding(False, text, "run it on the host of the jail"))
    for program in ("dtrace", "ktrace", "kdump"):
        there = bool(known[program])
        mend = "" if there else messages.MISSING[program]
        found.append(Finding(there, f"{program} {known[program] or 'not found'}", mend))
    loaded = known["dtraceall"] == "loaded"
    state, mend = ("loaded", "") if loaded else ("not loaded", "kldload dtraceall")
    found.append(Finding(loaded, f"module dtraceall {state}", mend))
    if root and loaded and known["dtrace"]:
        found += _dtrace(box, known)
    else:
        found.append(Finding(None, "probes and CTF: not looked at, dtrace cannot run yet", "mend the above first"))
    return found


def _dtrace(box: Box, known: facts.Facts) -> list[Finding]:
    # -e compiles and enables nothing: a struct of the kernel's own needs its type data.
    ctf = box.run("dtrace -e -n 'BEGIN { trace(((struct vm_object *)0)->lock.rw_lock); }'")
    found = [
        Finding(
            ctf.status == 0,
            "kernel CTF" if ctf.status == 0 else f"no kernel CTF: {ctf.complaint}",
            "" if ctf.status == 0 else "a kernel with makeoptions WITH_CTF=1 and options DDB_CTF, as GENERIC has",
        )
    ]
    scripts = [dscript.load(name) for name in dscript.names()]
    panic_probes = [probe for probe in dscript.probes(panic.clauses()) if probe.startswith("fbt:")]
    wanted = list(dict.fromkeys([probe for script in scripts for probe in script.probes] + panic_probes))
    try:
        there = facts.listed(box, wanted)
    except VmtraceError as error:
        return [*found, Finding(False, str(error), "see docs/collect.md")]
    found += [finding for script in scripts for finding in _script(script, there, known)]
    absent = [probe for probe in panic_probes if not any(matches(probe, each) for each in there)]
    return [*found, _fail_point(box), _panic(box, absent)]


def _script(script: dscript.DScript, there: list[facts.Probe], known: facts.Facts) -> list[Finding]:
    """Whether it can run here, and what it cannot show."""
    try:
        facts.check_release(script, known)
    except VmtraceError:
        return [Finding(None, f"{script.name}.d: not for this release", "vmtrace collect chooses one that is")]
    if not any(each.provider == "fbt" and each.function in ("vm_fault", "vm_fault_hold") for each in there):
        return [Finding(False, f"{script.name}.d: no probe on the fault handler", "kldload fbt")]
    lost = measures.unseen(
        script.name, script.edition, known.osreldate, lambda probe: any(matches(probe, each) for each in there)
    )
    whole = Finding(True, f"{script.name}.d" + ("" if lost else ": shows all that it can show"))
    return [whole, *(Finding(False, f"{script.name}.d: {reason}") for reason in lost)]


def _fail_point(box: Box) -> Finding:
    """Whether radix nodes can be made to fail (docs/fault-injection.md)."""
    point = box.run(f"sysctl -n {failmod.POINT}")
    if point.status == 0 and not point.out.startswith("off"):
        armed = f"{failmod.POINT} is armed ({point.out.strip()}): allocations of the kernel fail"
        return Finding(False, armed, f"sysctl {failmod.POINT}=off")
    if point.status == 0:
        whose = "module vmfail" if failmod.is_loaded(box) else "the kernel's own: it fails for the whole machine"
        return Finding(True, f"fail point {failmod.POINT} ({whose})")
    sources = box.run("test -e /usr/src/sys/conf/kmod.mk").status == 0
    first = "" if sources else "the sources of this kernel in /usr/src, then "
    return Finding(False, "no fail point: failures cannot be made", f"{first}vmtrace failmod; {failmod.BUILD}")


def _panic(box: Box, absent: list[str]) -> Finding:
    """What of collect --survive-panic can be done here."""
    lacks = [f"no {probe}" for probe in absent]
    if box.run("command -v rtprio").status:
        lacks.append("no rtprio(1)")
    if box.run("sysctl -n security.bsd.allow_destructive_dtrace").out.strip() == "0":
        lacks.append("security.bsd.allow_destructive_dtrace=0 (loader.conf)")
    if lacks:
        return Finding(None, f"collect --survive-panic: {', '.join(lacks)}")
    return Finding(True, "collect --survive-panic: chill in panic, real-time priority")


def matches(description: str, probe: facts.Probe) -> bool:
    """Whether a description, as a script writes it, is for this probe; only its function may hold `*`."""
    provider, module, function, name = description.split(":")
    if provider in ("dtrace", "profile"):
        return True  # always there with the module
    begins, star, ends = function.partition("*")
    same = not function or probe.function == function
    if star:
        same = probe.function.startswith(begins) and probe.function.endswith(ends)
    return probe.provider == provider and probe.name == name and same and module in ("", probe.module)


def _reports() -> list[Finding]:
    lacking = packages.missing()
    if not lacking:
        return [Finding(True, "packages for reports")]
    lack = f"packages for reports: {', '.join(lacking)} not found; collect does not need them"
    return [Finding(False, lack, packages.install_command(lacking))]
