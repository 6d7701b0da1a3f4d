"""Charts over the time of the trace: what happened when, and what was recorded of it."""

import math
from collections.abc import Sequence

from analyzer.analysis.coverage import CoveredSecond
from analyzer.analysis.events import Event
from analyzer.analysis.failures import FailedThen
from analyzer.charts.model import (
    FOOT,
    ROW_BODY,
    ROW_HEAD,
    Band,
    Bars,
    Chart,
    Mark,
    Points,
    Row,
    Steps,
    Symbol,
    Tone,
    empty,
)
from analyzer.charts.scales import bin_width, binned, count_axis, floats, per, rows_axis, seconds_axis
from analyzer.format import count, counted, visible

_SERIES_TONES: tuple[Tone, ...] = ("a", "b", "c", "d", "e", "f")
_SYMBOLS: tuple[Symbol, ...] = ("diamond", "circle", "square", "cross")
MOST_LOGS = 16


def overview(
    faults: dict[int, int], events: list[Event], gaps: list[Band], seconds: float, provenance: str, step: int = 1
) -> Chart:
    """The whole trace: faults over time, and below them a row for each kind of event, where it happened.

    Args:
        faults: by second since the trace began.
        events: the kinds in the order of their rows.
        gaps: where dtrace said that it lost records.
        seconds: how long the trace is.
        step: seconds from one count of faults to the next.
    """
    key, title = "overview", "The whole trace"
    if not faults:
        return empty(key, title, "No fault record in this log.", provenance)
    kinds = list(dict.fromkeys(event.kind for event in events))
    base = len(kinds)
    steps, most, width = _faults(faults, seconds, base, "faults", step)
    recorded = sum(faults.values())
    rows = [Row("faults", f"{count(recorded)}, at most {count(most)} {per(width)}")]
    marks: list[Mark] = [*gaps, steps]
    for place, kind in enumerate(kinds, 1):
        mine = sorted((event for event in events if event.kind == kind), key=lambda event: event.second)
        number, first = sum(event.number for event in mine), f"{mine[0].second:.3f} s"
        rows.append(Row(visible(kind), f"at {first}" if number == 1 else f"{count(number)}, first at {first}"))
        serious = any(event.serious for event in mine)
        marks.append(
            Points(
                visible(kind), "bad" if serious else "b", symbol="diamond" if serious else "circle",
                x=floats(event.second for event in mine), y=(base - place + ROW_HEAD / 2,) * len(mine),
                texts=tuple(visible(f"{kind}: {event.text}") for event in mine),
            )
        )  # fmt: skip
    told = "; ".join(f"{row.name}: {row.value}" for row in rows[1:])
    alt = f"{counted(recorded, 'fault')} in {seconds:.1f} s. {told or 'Among them no failure and no alarm'}."
    return Chart(key, title, alt, provenance, seconds_axis(seconds), rows_axis(rows), tuple(marks), tuple(rows))


def overview_of_logs(
    logs: list[tuple[str, dict[int, int], list[Event]]], provenance: str, step: int = 1, left: int = 0
) -> Chart:
    """Several traces, a row each, from its own beginning: faults over time and what else happened.

    Args:
        logs: of each log its name, and `faults` and `events` as `overview` takes them; MOST_LOGS at most.
        step: seconds from one count of faults to the next, where that is longest.
        left: how many more logs there are.
    """
    key, title = "overview", "The whole traces, each from its own beginning"
    shown = [log for log in logs if log[1]]
    if not shown:
        return empty(key, title, "No fault record in these logs.", provenance)
    ends = [max([max(faults) + 1, *(event.second for event in events)]) for _, faults, events in shown]
    marks: list[Mark] = []
    rows: list[Row] = []
    happened: list[tuple[int, str, Event]] = []
    for place, (name, faults, events) in enumerate(shown):
        base = len(shown) - 1 - place
        steps, most, width = _faults(faults, max(ends), base, name, step)
        marks.append(steps)
        number = counted(sum(faults.values()), "fault")
        rows.append(Row(visible(name), f"{number}, at most {count(most)} {per(width)}"))
        happened += [(base, name, event) for event in events]
    kinds = {event.kind: event.serious for _, _, event in reversed(happened)}  # of each the first
    for turn, kind in enumerate(dict.fromkeys(event.kind for _, _, event in happened)):
        lane = FOOT + ROW_BODY * (turn + 0.5) / len(kinds)
        mine = [each for each in happened if each[2].kind == kind]
        marks.append(
            Points(
                visible(kind), "bad" if kinds[kind] else _SERIES_TONES[1:][turn % 5], symbol=_SYMBOLS[turn % 4],
                x=floats(event.second for _, _, event in mine), y=floats(base + lane for base, _, _ in mine),
                texts=tuple(visible(f"{name}: {kind}: {event.text}") for _, name, event in mine),
            )
        )  # fmt: skip
    alt = "; ".join(f"{row.name}: {row.value}" for row in rows)
    left += len(logs) - len(shown)
    rest = f"; {left} more logs are not drawn" if left else ""
    x = seconds_axis(max(ends), "seconds since each trace began")
    return Chart(key, title, f"{alt}{rest}.", provenance, x, rows_axis(rows), tuple(marks), tuple(rows), legend=True)


def _faults(faults: dict[int, int], seconds: float, base: int, name: str, step: int) -> tuple[Steps, int, int]:
    """A row's shape of faults over time, its highest bin and the seconds of a bin."""
    width = bin_width(math.ceil(seconds), step)
    found = binned(faults.items(), width)
    bins = {second: found.get(second, 0) for second in range(0, max(found) + 1, width)}
    most = max(bins.values())
    edges = (*floats(bins), min(float(max(bins) + width), max(seconds, 1)))
    heights = floats(number / most * ROW_BODY for number in bins.values())
    return Steps(visible(name), "a", edges, heights, base + FOOT, _bin_texts(bins, "faults")), most, width


def failures_over_time(failures: list[FailedThen], seconds: int, provenance: str, step: int = 1) -> Chart:
    """Failures by function and result, stacked over time.

    Args:
        seconds: how long the trace is.
        step: seconds from one count to the next.
    """
    key, title = "failures-over-time", "Failures over time"
    named: dict[str, list[tuple[int, int]]] = {}
    for each in failures:
        if each.failed > 0:
            name = f"{visible(each.function)} {visible(each.result)}"
            named.setdefault(name, []).append((each.second, each.failed))
    if not named:
        return empty(key, title, "No failure is recorded in this log.", provenance)
    totals = {name: sum(failed for _, failed in counts) for name, counts in named.items()}
    names = sorted(named, key=lambda name: (-totals[name], name))
    shown, left = names[: len(_SERIES_TONES)], names[len(_SERIES_TONES) :]
    others = counted(len(left), "other kind")
    series = {name: named[name] for name in shown} | {others: [each for name in left for each in named[name]]}
    width = bin_width(seconds, step)
    marks = []
    tops = dict.fromkeys(sorted({second // width * width for counts in named.values() for second, _ in counts}), 0)
    tones: list[Tone] = [*_SERIES_TONES[: len(shown)], "quiet"]
    for (name, counts), tone in zip(series.items(), tones, strict=True):
        if not counts:
            continue
        bins = binned(counts, width)
        start = floats(tops[second] for second in bins)
        tops.update({second: tops[second] + failed for second, failed in bins.items()})
        marks.append(
            Bars(
                name, tone,
                at=floats(second + width / 2 for second in bins), start=start,
                end=floats(tops[second] for second in bins),
                width=width * 0.9,
                texts=_bin_texts(bins, name),
            )
        )  # fmt: skip
    worst = max(tops, key=tops.__getitem__)
    most = "all" if len(totals) == 1 else "most"
    alt = (
        f"{counted(sum(totals.values()), 'failure')} in {counted(seconds, 'second')}, {most} of them {names[0]}; "
        f"at worst {count(tops[worst])} {per(width)}, at {worst} s."
    )
    axis = count_axis(f"failures {per(width)}", max(tops.values()))
    return Chart(key, title, alt, provenance, seconds_axis(seconds), axis, tuple(marks), legend=True)


def coverage_over_time(
    seconds: Sequence[CoveredSecond], gaps: list[Band], provenance: str, step: int = 1
) -> Chart:
    """Records beside the calls that the script counted, interval by interval, with the gaps.

    dtrace reads its counts some time after the tick that they are printed for, so that an interval can differ from
    the next in a trace that lost nothing; where records are missing, the lighter bar stands over the darker one.

    Args:
        gaps: where dtrace said that it lost records.
        step: seconds from one count of faults to the next.
    """
    key, title = "coverage-over-time", "Faults recorded and handler calls counted"
    if not seconds:
        return empty(key, title, "This log has neither fault records nor counts of calls.", provenance)
    end = max(each.second for each in seconds) + step
    width = bin_width(end, step)
    recorded = binned(((each.second, each.recorded) for each in seconds), width)
    called = binned(((each.second, each.called) for each in seconds), width)
    marks: list[Mark] = [*gaps]
    series: tuple[tuple[str, dict[int, int], Tone, float], ...] = (
        ("called", called, "quiet", 0.95),
        ("recorded", recorded, "a", 0.5),
    )
    for name, bins, tone, wide in series:
        marks.append(
            Bars(
                name, tone,
                at=floats(second + width / 2 for second in bins), start=(0.0,) * len(bins), end=floats(bins.values()),
                width=width * wide,
                texts=_bin_texts(bins, name),
            )
        )  # fmt: skip
    alt = (
        f"{counted(sum(recorded.values()), 'fault')} recorded, "
        f"{counted(sum(called.values()), 'call')} of the handler counted; "
        + (f"{counted(len(gaps), 'gap')} marked." if len(gaps) else "no gap.")
        + " The script reads its counts up to a second late."
    )
    axis = count_axis(f"faults {per(width)}", float(max(*recorded.values(), *called.values())))
    return Chart(key, title, alt, provenance, seconds_axis(end), axis, tuple(marks), legend=True)


def _bin_texts(bins: dict[int, int], name: str) -> tuple[str, ...]:
    return tuple(f"{count(number)} {name} from {second} s" for second, number in bins.items())
