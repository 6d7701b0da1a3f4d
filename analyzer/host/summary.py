"""What was recorded, in a few lines at the end: counts, coverage, losses."""

from analyzer.host import counters
from analyzer.host.session import Result


def lines(name: str, result: Result) -> list[str]:
    """The end of a recording in words; `name` is the log's."""
    tally = result.tally
    # Only what the script can see: a zero of anything else would be a lie.
    counted = []
    if "F" in tally.declared:
        counted.append(_count(tally.records["F"], "fault", tally.failures["F"]))
    if "M" in tally.declared:
        counted.append(_count(tally.records["M"], "page move", tally.failures["M"]))
    if "A" in tally.declared:
        counted.append(f"{tally.records['A']:,} radix nodes not to be had")
    if "X" in tally.declared:
        counted.append(f"{tally.records['X']:,} alarms")
    if "E" in tally.declared:
        counted.append(f"{sum(tally.records[tag] for tag in 'ERL'):,} steps inside faults")
    told = [f"{name}: {result.seconds:.1f} s, " + (", ".join(counted) or "aggregations")]
    told.append(_coverage(result))
    if tally.lost:
        told.append("lost: " + ", ".join(f"{count:,} {kind}" for kind, count in tally.lost.items()))
    if not tally.complete:
        told.append("the trailer is missing: the log was cut off")
    return told


def _count(number: int, thing: str, failed: int) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'} ({failed:,} failed)"


def _coverage(result: Result) -> str:
    tally = result.tally
    lossless = "no drops" if not tally.lost else "with losses"
    if tally.filtered:
        if not tally.handled:
            return f"coverage: not measured, the trace is narrowed; {lossless}"
        return f"coverage: {_part(tally.faults, tally.handled)} calls that the filter let pass, {lossless}"
    growth = result.growth.get(counters.FAULTS)
    if growth is None:
        return "coverage: not measured, the kernel's counters were not read inside the trace"
    if "F" not in tally.declared and not tally.aggregated:
        return f"coverage: not measured, the script counts no faults; the kernel counted {growth:,}, {lossless}"
    return f"coverage: {_part(tally.faults, growth)} that the kernel counted, {lossless}"


def _part(recorded: int, counted: int) -> str:
    percent = 100 if recorded >= counted else int(1000 * recorded / counted) / 10
    return f"{percent:g} %, {recorded:,} faults recorded for {counted:,}"
