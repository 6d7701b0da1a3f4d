"""Locks left held, pages freed twice, faults that never returned: rows of evidence as groups, one bug a group."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import NamedTuple

from analyzer.analysis.coverage import counts_in_sections, first_second
from analyzer.format import address as written
from analyzer.ingest.releases import FORK, MOVERS, frame_function, path_name
from analyzer.summary.evidence import Row
from analyzer.summary.reduce import SECOND
from analyzer.summary.summary import LogSummary


@dataclass(frozen=True)
class Group:
    """Evidence that one bug explains.

    Attributes:
        label: what the rows have in common: the path of the faults, or the top of the stack.
        rows: first by time first.
    """

    label: str
    rows: tuple[Row, ...]

    @property
    def first(self) -> Row:
        return self.rows[0]


def balance_is_measured(log: LogSummary) -> bool:
    """Whether acquires and releases, or the top object's lock word, were recorded.

    On 10.x uncontended object locks fire no lockstat probe, so a vmevents log of it has no balance
    (docs/freebsd-vm-tracing.md, 5.4).
    """
    asked = counted(log.whole or log, "balance asked") > 0  # vmwatch counts them, and counts do not pass a filter
    return asked and (log.meta.get("script") != "vmevents" or (log.meta.get("osreldate") or 0) >= 1100000)


def frees_are_measured(log: LogSummary) -> bool:
    """Whether X records say what was freed twice; counts of the first edition only suggest it."""
    return log.has("X")


def leaks(log: LogSummary, keep: Callable[[Row], bool]) -> list[Group]:
    """Faults that returned with a lock held, or whose acquires and releases differ; grouped by path and code site."""
    if not balance_is_measured(log):
        return []
    bits = log.meta.get("bits", {}).get("path")

    def what(row: Row) -> str:
        sites = sorted({str(lock["site"]) for lock in row.get("unpaired", ())})
        return " and ".join([f"path {path_name(row['path'], bits)}", *(f"acquired at {site}" for site in sites)])

    return _grouped(filter(keep, log.evidence.get("imbalance", ())), what)


def held_locks(log: LogSummary, keep: Callable[[Row], bool]) -> list[Group]:
    """X records of kind lock-held, grouped by the code that left the lock."""
    return _grouped(filter(keep, alarms(log, "lock-held")), _top_of_stack)


def double_frees(log: LogSummary, keep: Callable[[Row], bool]) -> list[Group]:
    """X records of kind double-free, grouped by the code that freed the page again."""
    return _grouped(filter(keep, alarms(log, "double-free")), _top_of_stack)


def freed_again(log: LogSummary) -> list[Row]:
    """Faults with two frees of one page, by the first edition's counts; none where X records decide.

    The page may have been allocated again in between (docs/freebsd-vm-tracing.md, 12.9).
    """
    if log.has("X"):
        return []
    return [row for kind in ("double-free", "freed-again") for row in log.evidence.get(kind, ())]


def within(inner: Row, fault: Row) -> bool:
    """Whether something that a thread did was in that fault."""
    return inner["tid"] == fault["tid"] and fault["ts"] <= inner["ts"] <= fault["ts"] + fault["dur"]


def failed_moves_in_faults(log: LogSummary) -> list[Row]:
    return [row for row in log.evidence.get("failed-move", ()) if row.get("infault") == 1]


def unplaced_moves(log: LogSummary, failed: Iterable[Row]) -> int:
    """How many moves that failed outside of faults, as the script says, can have been in one.

    It knows that a thread is in a fault by having seen it enter: not where tracing began within.

    Args:
        failed: records of failed moves; not asked of a log that counts them in sections.
    """
    if not counts_in_sections(log):
        rows = [row for row in failed if row.get("infault") == 0 and row.get("first")]
        return sum(not _forks(row.get("caller", "")) for row in rows)
    moves = log.sums("moves", "moves", "infault", "rc")
    by_caller = log.sums("move_callers", "moves", "infault", "rc", "caller")
    forked = sum(n for (infault, rc, caller), n in by_caller.items() if infault == 0 and rc > 0 and _forks(caller))
    return sum(n for (infault, rc), n in moves.items() if infault == 0 and rc > 0) - forked


def _forks(caller: str) -> bool:
    """Whether a page is moved by fork, which does that outside of faults alone."""
    return MOVERS.get(frame_function(caller)) == FORK


def unreturned(log: LogSummary) -> list[Row]:
    """What happened inside faults that have no record: the last thing known of each such thread.

    None where records are a selection: most faults have none.
    """
    if counts_in_sections(log):
        return []
    last: dict[object, Row] = {}
    for kind in ("failed-insert", "failed-move", "alarm"):
        for row in log.evidence.get(kind, ()):
            if row.get("returned") is not True and row.get("infault", 1) == 1:
                kept = last.get(row["tid"])
                last[row["tid"]] = row if kept is None or row["ts"] > kept["ts"] else kept
    return sorted(last.values(), key=lambda row: row["ts"])


class Imbalance(NamedTuple):
    """A moment that the picture shows loud, in seconds since the trace began; label is address and thread."""

    second: float
    delta: int
    kind: str
    label: str


def imbalance_points(log: LogSummary) -> list[Imbalance]:
    """Faults out of balance, locks left held, pages freed twice."""
    rows: list[tuple[Row, int, str, int | None]] = []
    if balance_is_measured(log):
        for row in log.evidence.get("imbalance", ()):
            delta = 1 if row["delta"] is None else row["delta"]
            rows.append((row, delta, "lock held" if row["lock"] else "imbalance", row["lock"]))
    rows += [(row, 1, "lock held", row["object"]) for row in alarms(log, "lock-held")]
    rows += [(row, 0, "double free", row["page"]) for row in alarms(log, "double-free")]
    start = log.start + first_second(log) * SECOND
    return [
        Imbalance(
            (row["ts"] - start) / SECOND,
            delta,
            kind,
            "\n".join([written(address) if address else "", f"{row['execname']}, thread {row['tid']}"]).strip(),
        )
        for row, delta, kind, address in rows
    ]


def alarms(log: LogSummary, kind: str) -> list[Row]:
    """X records of that kind: "lock-held" or "double-free"."""
    return [row for row in log.evidence.get("alarm", ()) if row["kind"] == kind]


def _top_of_stack(row: Row) -> str:
    return f"in {str(row.get('stack', '')).partition(chr(10))[0] or 'unknown code'}"


def counted(log: LogSummary, measure: str) -> int:
    """How many faults a row of the table `balance` counts: "balance asked", "unbalanced", "freed twice", ….

    Evidence has only the first of them.  vmwatch asks all that it counts, and records those out of balance.
    """
    if measure == "balance asked" and counts_in_sections(log):
        return log.faults if log.has("F", "locksum") else 0
    return log.sums("balance", "faults", "measure").get(measure, 0)


def _grouped(rows: Iterable[Row], label: Callable[[Row], str]) -> list[Group]:
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(label(row), []).append(row)
    return sorted((Group(name, tuple(members)) for name, members in groups.items()), key=lambda g: -len(g.rows))
