"""What `vmtrace watch` shows: a page of text for a terminal, or one line."""

from collections.abc import Callable
from dataclasses import dataclass

from analyzer.format import count, duration, share
from analyzer.host.live import Live, percentile

_PATHS = 12  # rows at most; the rest is one row
_PROCESSES = 8


@dataclass(frozen=True)
class Names:
    """What numbers are called (analyzer/ingest/releases.py): a path by its bits, a result by its release."""

    path: Callable[[int, dict[int, str] | None], str]
    result: Callable[[int, int | None], str]


@dataclass(frozen=True)
class State:
    """What a view needs to know besides the counts.

    Attributes:
        box, script: where it runs, and what.
        phase: as Progress names it.
        seconds: since the trace began.
        rate: faults a second.
        silent: seconds since the last T line.
        notice: the last message, "" for none.
        keys: which there are.
    """

    box: str
    script: str
    phase: str
    seconds: float
    rate: float
    silent: float
    notice: str
    keys: str


def page(live: Live, state: State, names: Names) -> list[str]:
    """The lines of the live view, most important first."""
    tally = live.tally
    head = f"vmtrace watch  {state.box}  {state.script}  {state.phase}  {clock(state.seconds)}"
    failed = ", ".join(
        f"{names.result(rc, live.osreldate)} {count(n)}" for rc, n in sorted(live.results.items()) if rc != 0
    )
    retries = "not counted" if live.retries is None else count(live.retries)
    replaced = f"  old page exclusively busy {count(live.replaced['2'])}" if live.replaced else ""
    lines = [
        f"{head}  {state.keys}",
        "",
        f"faults      {count(state.rate)}/s   {count(faults(live))} in all",
        f"failed      {failed or 'none'}",
        f"wrong       locks left {live.imbalances}   double frees {live.double_frees}   slowest with a record "
        f"{duration(live.longest)}",
        f"page moves  {count(tally.count('M'))} ({count(tally.failures('M'))} failed){replaced}",
        f"inserts     {count(tally.count('A'))} failed     retries {retries}",
        f"coverage    {coverage(live)}   lost {count(sum(tally.lost.values()))}   last T {state.silent:.0f} s ago",
        state.notice,
        f"{'PATH':<34}{'FAULTS':>12}{'SHARE':>11}{'P50':>10}{'P99':>10}",
    ]
    sums = {path: sum(bounds.values()) for path, bounds in live.latency.items()}
    order = sorted(sums, key=lambda path: (-sums[path], path))
    for path in order[:_PATHS]:
        part = share(sums[path] / sum(sums.values()))
        p50, p99 = (duration(percentile(live.latency[path], p) or 0) for p in (0.5, 0.99))
        lines.append(f"{names.path(path, live.bits or None):<34}{count(sums[path]):>12}{part:>11}{p50:>10}{p99:>10}")
    if not order:
        lines.append("no distribution has come yet; they come every 30 s")
    lines += ["", f"{'PROCESS':<34}{'FAULTS':>12}"]
    lines += [f"{name[:33]:<34}{count(n):>12}" for name, n in live.processes.most_common(_PROCESSES)]
    return lines


def line(live: Live, state: State) -> str:
    """The same in one line, for a terminal that is none."""
    tally = live.tally
    tails = (percentile(bounds, 0.99) for bounds in live.latency.values() if bounds)
    worst = max((tail for tail in tails if tail is not None), default=None)
    parts = [
        clock(state.seconds),
        f"{count(state.rate)} faults/s",
        f"{count(faults(live))} faults",
        f"{count(sum(n for rc, n in live.results.items() if rc))} failed",
        f"{live.imbalances} locks left",
        f"{live.double_frees} double frees",
        f"{count(tally.count('M'))} moves ({count(tally.failures('M'))} failed)",
        f"{count(tally.count('A'))} inserts failed",
        f"worst p99 {'—' if worst is None else duration(worst)}",
        f"coverage {coverage(live)}",
        f"{count(sum(tally.lost.values()))} lost",
    ]
    return "  ".join(parts)


def faults(live: Live) -> int:
    """Faults so far: calls of the handler, which come each second, where the script counts them."""
    return live.tally.handled or live.tally.count("F")


def coverage(live: Live) -> str:
    """Faults counted or recorded of those called; calls come sooner, so a whole share comes only at the end."""
    seen, calls = live.tally.count("F"), live.tally.handled
    return f"{share(seen / calls)} of {count(calls)} calls" if calls and seen else "—"


def clock(seconds: float) -> str:
    """83 -> "00:01:23"."""
    minutes, second = divmod(int(seconds), 60)
    return f"{minutes // 60:02}:{minutes % 60:02}:{second:02}"
