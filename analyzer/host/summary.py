"""What was recorded, in a few lines at the end: counts, coverage, losses."""

from analyzer.format import counted, share
from analyzer.host import counters
from analyzer.host.output import Output
from analyzer.host.result import Result
from analyzer.host.tally import Tally

_SECOND = 1_000_000_000
_SOON = 2  # seconds in which a dtrace that keeps up has ended


def lines(output: Output, result: Result) -> list[str]:
    """The end of a recording in words."""
    tally = result.tally
    told = [f"{output.name}: {_time(result)}, {_stopped(result)}{_counts(tally)}", _coverage(tally)]
    told += _by_kernel(result)
    if tally.lost:
        told.append("lost: " + ", ".join(f"{count:,} {kind}" for kind, count in tally.lost.items()))
    if not tally.complete:
        told.append("the trailer is missing: the log was cut off")
    if result.failure is not None and output.compressed:
        told.append(f"how much of it {output.name} holds is not known: its end passed a compressor")
    return told


def _time(result: Result) -> str:
    """How long it was asked to trace, and how long it did: a dtrace that is behind traces on until it has caught up."""
    traced = _traced(result.tally)
    behind = traced is not None and traced > result.seconds + _SOON and not result.stopped
    return f"{traced:.1f} s, told to end after {result.seconds:.1f} s" if behind else f"{result.seconds:.1f} s"


def _traced(tally: Tally) -> float | None:
    """Seconds on the script's own clock, up to the last record."""
    return (tally.last - tally.began) / _SECOND if tally.last and tally.began else None


def _stopped(result: Result) -> str:
    if not result.stopped:
        return ""
    traced = _traced(result.tally)
    after = "" if traced is None else f" after {traced:.1f} s"
    return f"but tracing was ended by the kernel{after}: what came later is not recorded; "


def _counts(tally: Tally) -> str:
    # Only what the script can see: a zero of anything else would be a lie.
    told = []
    if "F" in tally.declared or tally.count("F"):
        told.append(_failed(tally, "F", "fault"))
    if "M" in tally.declared or tally.count("M"):
        told.append(_failed(tally, "M", "page move"))
    if "A" in tally.declared or tally.count("A"):
        told.append(f"{tally.count('A'):,} radix nodes not to be had")
    if "X" in tally.declared:
        told.append(counted(tally.count("X"), "alarm"))
    if "E" in tally.declared:
        told.append(f"{sum(tally.records[tag] for tag in 'ERL'):,} steps inside faults")
    if "F" in tally.selected:
        told.append(f"{counted(tally.records['F'], 'fault')} recorded as evidence")
    return ", ".join(told) or "aggregations"


def _failed(tally: Tally, tag: str, thing: str) -> str:
    return f"{counted(tally.count(tag), thing)} ({tally.failures(tag):,} failed)"


def _coverage(tally: Tally) -> str:
    """Faults against the script's own count of calls: both of the same time and filter."""
    lossless = "no drops" if not tally.lost else "with losses"
    faults, calls = tally.count("F"), tally.handled
    if not calls or ("F" not in tally.declared and not faults):
        return f"coverage: not measured, the script does not count faults and their calls; {lossless}"
    if not tally.complete:  # faults come at once, their calls each second
        told = f"{counted(faults, 'fault')} recorded, {counted(calls, 'call')} counted up to the last T line"
        return f"coverage: not measured, the end of the log is missing; {told}"
    passed = " that the filter let pass" if tally.filtered else ""
    how = "counted" if "F" in tally.selected else "recorded"
    told = f"{counted(faults, 'fault')} {how} of {counted(calls, 'call')}{passed}"
    return f"coverage: {share(faults / calls)}, {told}, {lossless}"


def _by_kernel(result: Result) -> list[str]:
    growth = result.growth.get(counters.FAULTS)
    if growth is None:
        return ["the kernel's own counters were not read inside the trace"]
    when = " (the second reading came after the trace had ended)" if result.late else ""
    told = f"the kernel itself counted {counted(growth, 'fault')}, of all processes, in {result.window:.1f} s{when}"
    fails = result.growth.get(counters.NODES_FAILED)
    if fails is not None:
        told += f", and {counted(fails, 'radix node')} not to be had"
    return [told]
