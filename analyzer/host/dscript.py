"""The bundled D scripts: which there are, what their headers say, and the text that is run."""

import re
from dataclasses import dataclass

from analyzer import measures
from analyzer.errors import UsageError
from analyzer.resources import resource

_PRAGMA = re.compile(r"^#pragma D option (\w+)(?:=(\S+))?$", re.MULTILINE)
_PROBE = re.compile(r"\b([a-z]+):(\w*):([\w*]*):([A-Za-z][\w-]*)")
_FIELDS = re.compile(r"#fields\\t([A-Z]+)((?:\\t\w+:\w+)+)")
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class DScript:
    """One script.

    Attributes:
        purpose: the first line of its header.
        first, last: the releases it is for, as __FreeBSD_version; `last` is None where it has no end.
        targeted: whether it is for one target (SCOPE in the header) and not for the whole machine.
    """

    name: str
    text: str
    purpose: str
    first: int
    last: int | None
    targeted: bool

    @property
    def options(self) -> dict[str, str]:
        """The options of its pragmas."""
        return {name: value or "" for name, value in _PRAGMA.findall(self.text)}

    @property
    def selects(self) -> bool:
        """Whether it prints a record only of some faults, SLOW of its arguments saying of which."""
        return "inline int SLOW" in self.text

    @property
    def probes(self) -> list[str]:
        """Every probe description in it, once, in order: `fbt::vm_fault:entry`."""
        return probes(self.text)

    @property
    def edition(self) -> int:
        """1 or 2, by the columns that it prints."""
        fields = {tag: re.findall(r"\\t(\w+):", columns) for tag, columns in _FIELDS.findall(self.text)}
        stated = re.search(r"#edition\\t(\d)", self.text)
        return measures.edition(fields, stated and stated.group(1))


def probes(text: str) -> list[str]:
    """Every probe description in D text, once, in order: `fbt::vm_fault:entry`."""
    return list(dict.fromkeys(":".join(parts) for parts in _PROBE.findall(code(text))))


def code(text: str) -> str:
    """The D text without comments and strings."""
    return re.sub(r'/\*.*?\*/|"(?:\\.|[^"\\])*"', " ", text, flags=re.DOTALL)


def names() -> list[str]:
    """The bundled scripts, in alphabetical order; clauses without a first line for the shell are none."""
    return sorted(path.stem for path in resource("dscripts").glob("*.d") if path.read_text().startswith("#!"))


def load(name: str) -> DScript:
    """The script `name` (with or without .d); UsageError where there is none."""
    stem = name.removesuffix(".d")
    if stem not in names():
        raise UsageError(f"no script {name!r}: choose one of {', '.join(names())}, see 'vmtrace script'")
    text = (resource("dscripts") / f"{stem}.d").read_text()
    purpose = re.search(rf"^ \* {stem}\.d - (.+)$", text, re.MULTILINE)
    releases = re.search(r"^ \* RELEASES (\d+) -(?: (\d+))?$", text, re.MULTILINE)
    scope = re.search(r"^ \* SCOPE (machine|target)$", text, re.MULTILINE)
    assert purpose and releases and scope  # every script of ours has them
    return DScript(
        stem,
        text,
        purpose.group(1),
        int(releases.group(1)),
        int(releases.group(2)) if releases.group(2) else None,
        scope.group(1) == "target",
    )


def render(script: DScript, options: dict[str, str], *, locks: bool = True) -> str:
    """Its text with other dtrace options than it came with; new ones are put before the first pragma.

    Args:
        locks: whether lock balance is asked; without it, UsageError where the script asks nothing else.
    """
    text, new = script.text if locks else _without_locks(script), []
    for name, value in options.items():
        line = f"#pragma D option {name}={value}" if value else f"#pragma D option {name}"
        text, found = re.subn(rf"^#pragma D option {name}(=\S+)?$", line, text, flags=re.MULTILINE)
        if not found:
            new.append(line + "\n")
    at = text.index("#pragma")
    return text[:at] + "".join(new) + text[at:]


def _without_locks(script: DScript) -> str:
    """Its text without the clauses on lock operations, the column that they fill renamed to measures.UNASKED."""
    text, clauses = re.subn(r"^lockstat:::rw-\w+ /self->(?:st|c) > 1/ \{.*\n", "", script.text, flags=re.MULTILINE)
    if not clauses:
        raise UsageError(f"--no-locks: {script.name}.d counts no lock operations in faults; vmwatch and vmfault do")
    return text.replace("\\tlocksum != 0 || ", "\\t").replace("locksum:addr", f"{measures.UNASKED}:addr")


def fitting(script: DScript, largest: int) -> dict[str, str]:
    """Buffer sizes as large as the kernel will give, where the script asks for more than `largest` bytes."""
    return {name: f"{largest >> 10}k" for name, size in _sizes(script.text).items() if size > largest}


def larger(text: str, largest: int) -> dict[str, str]:
    """The buffer sizes of a rendered script that the kernel lets grow, and up to what."""
    return {name: f"{largest >> 10}k" for name, size in _sizes(text).items() if size >> 10 < largest >> 10}


def largest_buffer(physmem: int, ncpu: int) -> int:
    """The largest buffer that the kernel gives, in bytes; for a box that is not known, no limit is.

    It refuses one above physmem / (128 * ncpu), and libdtrace then asks for half, and half again: up to half of what
    could be had is lost (facts sheet 8.12).
    """
    return physmem // (128 * ncpu) if physmem and ncpu else 1 << 62


def _sizes(text: str) -> dict[str, int]:
    return {name: _bytes(value) for name, value in _PRAGMA.findall(text) if name in ("bufsize", "aggsize")}


def _bytes(size: str) -> int:
    return int(size[:-1]) * _UNITS[size[-1]] if size[-1] in _UNITS else int(size)
