"""What a trace can show: each script, of each edition, on each release (dscripts/measures.toml).

A measure is one thing that a script can tell of a fault.  Standard library only: `doctor` asks on the box what its
kernel can show, the verdict asks of a log what could have been seen in it.
"""

import tomllib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from analyzer.resources import resource


@dataclass(frozen=True)
class _Entry:
    """Some scripts and a measure, from release to release: the probes that it takes, or why it cannot be seen."""

    measure: tuple[str, ...]
    scripts: tuple[str, ...]
    editions: tuple[int, ...] = (1, 2)
    first: int = 0
    last: int = 9999999
    probes: tuple[str, ...] = ()
    why: str = ""

    def fits(self, measure: str, script: str, edition: int) -> bool:
        return measure in self.measure and script in self.scripts and edition in self.editions


@cache
def _table() -> tuple[dict[str, str], tuple[_Entry, ...]]:
    data = tomllib.loads((resource("dscripts") / "measures.toml").read_text())
    entries: list[dict[str, Any]] = [
        {key: tuple(value) if isinstance(value, list) else value for key, value in entry.items()}
        for entry in data["seen"] + data["blind"]
    ]
    return data["lost"], tuple(_Entry(**entry) for entry in entries)


def names() -> tuple[str, ...]:
    """Every measure, in the table's order."""
    return tuple(_table()[0])


UNASKED = "unasked"  # what the lock sum's column is called where it was not asked (collect --no-locks)


def edition(fields: Mapping[str, Collection[str]], stated: object = None) -> int:
    """The edition of the script that wrote a log: 1 or 2, by the columns of its records.

    Args:
        fields: by tag, the names of the columns (`#fields`).
        stated: the value of `#edition`, which vmevents prints: its columns are the same in both.
    """
    if str(stated) in ("1", "2"):
        return int(str(stated))
    faults = fields.get("F", ())
    return 2 if faults and "frees" not in faults else 1


ZERO, ALLOC = 0x2, 0x20  # of a path


def tells_own_pages(
    script: str | None, fields: Mapping[str, Collection[str]], osreldate: int | None, stated: object = None
) -> bool:
    """Whether a log says which faults allocated a page for themselves; arguments as in `edition`."""
    return script is not None and why_unseen("path-alloc", script, edition(fields, stated), osreldate) is None


def own_path(path: int) -> int:
    """The path of a log that tells own pages: what was zeroed in a fault that allocated none is a page-table page."""
    return path & ~ZERO if path & (ZERO | ALLOC) == ZERO else path


def probes(script: str, edition: int) -> dict[str, list[str]]:
    """What the script must look at to show what it shows, by measure; of "a | b" either."""
    found: dict[str, list[str]] = {}
    for entry in _table()[1]:
        for measure in entry.measure:
            if entry.probes and entry.fits(measure, script, edition):
                found.setdefault(measure, []).extend(entry.probes)
    return found


def unseen(script: str, edition: int, osreldate: int, there: Callable[[str], bool]) -> list[str]:
    """What a script that is for this release cannot show on this kernel: a sentence for each reason."""
    reasons: dict[str, list[str]] = {}
    for measure in names():
        if not any(entry.fits(measure, script, edition) for entry in _table()[1]):
            continue
        what, _, why = (why_unseen(measure, script, edition, osreldate, there) or "").partition(": ")
        if what:
            reasons.setdefault(why, []).append(what)
    return [f"{', '.join(lost)}: {why}" for why, lost in reasons.items()]


def why_unseen(
    measure: str,
    script: str,
    edition: int,
    osreldate: int | None,
    there: Callable[[str], bool] = lambda probe: True,
) -> str | None:
    """Why a measure cannot be seen, in a sentence; None where it can.

    Args:
        measure: one of `names()`; KeyError for any other.
        osreldate: None where a log does not name its release; then only what every release shows can be seen.
        there: whether the kernel has a probe, given as the script writes it.
    """
    lost, entries = _table()
    what = lost[measure]
    fitting = [entry for entry in entries if entry.fits(measure, script, edition)]
    if osreldate is None and any(entry.why for entry in fitting):
        return f"{what}: the release is not known"
    entry = next((each for each in fitting if osreldate is None or each.first <= osreldate <= each.last), None)
    if entry is None:
        return f"{what}: {script} does not look at it"
    if entry.why:
        return f"{what}: {entry.why}"
    missing = [probe for probe in entry.probes if not any(there(each) for each in probe.split(" | "))]
    return f"{what}: this kernel has no {', no '.join(missing)}" if missing else None


def proved(told: str | None) -> dict[str, str]:
    """By measure what `vmtrace prove` found on the kernel of a log: exact, wrong, not asked, not seen.

    Args:
        told: the value of `#host.proved`: RELEASE SCRIPT measure=outcome …; None where the log has none.
    """
    pairs = (word.partition("=") for word in (told or "").split()[2:])
    return {measure: outcome.replace("-", " ") for measure, _, outcome in pairs}


def why_wrong(measure: str, told: str | None) -> str | None:
    """Why a measure of a log is not to be believed, in a sentence; None where nothing speaks against it."""
    if proved(told).get(measure) != "wrong":
        return None
    return f"'vmtrace prove' found the measure {measure} wrong on this kernel"
