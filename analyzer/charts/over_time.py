"""Charts over the time of the trace: what happened when, and what was recorded of it."""

import math

import pandas as pd

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
    faults: pd.DataFrame, events: pd.DataFrame, gaps: pd.DataFrame, seconds: float, provenance: str, step: int = 1
) -> Chart:
    """The whole trace: faults over time, and below them a row for each kind of event, where it happened.

    Args:
        faults: second (int, since the trace began), faults (int).
        events: second (float), kind (str), serious (bool), number (int: events at that moment), text (str); the
            kinds in the order of their rows.
        gaps: start, end (float seconds), text: where dtrace said that it lost records.
        seconds: how long the trace is.
        step: seconds from one count of faults to the next.
    """
    key, title = "overview", "The whole trace"
    if faults.empty:
        return empty(key, title, "No fault record in this log.", provenance)
    kinds = list(events["kind"].drop_duplicates())
    base = len(kinds)
    steps, most, width = _faults(faults, seconds, base, "faults", step)
    recorded = int(faults["faults"].sum())
    rows = [Row("faults", f"{count(recorded)}, at most {count(most)} {per(width)}")]
    marks: list[Mark] = [*(Band(visible(r.text), float(r.start), float(r.end)) for r in gaps.itertuples()), steps]
    for place, kind in enumerate(kinds, 1):
        mine = events[events["kind"] == kind].sort_values("second", kind="stable")
        number, first = int(mine["number"].sum()), f"{mine['second'].iloc[0]:.3f} s"
        rows.append(Row(visible(kind), f"at {first}" if number == 1 else f"{count(number)}, first at {first}"))
        serious = bool(mine["serious"].any())
        marks.append(
            Points(
                visible(kind), "bad" if serious else "b", symbol="diamond" if serious else "circle",
                x=floats(mine["second"]), y=(base - place + ROW_HEAD / 2,) * len(mine),
                texts=tuple(visible(f"{r.kind}: {r.text}") for r in mine.itertuples()),
            )
        )  # fmt: skip
    told = "; ".join(f"{row.name}: {row.value}" for row in rows[1:])
    alt = f"{counted(recorded, 'fault')} in {seconds:.1f} s. {told or 'Among them no failure and no alarm'}."
    return Chart(key, title, alt, provenance, seconds_axis(seconds), rows_axis(rows), tuple(marks), tuple(rows))


def overview_of_logs(
    logs: list[tuple[str, pd.DataFrame, pd.DataFrame]], provenance: str, step: int = 1, left: int = 0
) -> Chart:
    """Several traces, a row each, from its own beginning: faults over time and what else happened.

    Args:
        logs: of each log its name, and `faults` and `events` as `overview` takes them; MOST_LOGS at most.
        step: seconds from one count of faults to the next, where that is longest.
        left: how many more logs there are.
    """
    key, title = "overview", "The whole traces, each from its own beginning"
    shown = [log for log in logs if len(log[1])]
    if not shown:
        return empty(key, title, "No fault record in these logs.", provenance)
    ends = [max([faults["second"].max() + 1, *events["second"]]) for _, faults, events in shown]
    marks: list[Mark] = []
    rows, points = [], []
    for place, (name, faults, events) in enumerate(shown):
        base = len(shown) - 1 - place
        steps, most, width = _faults(faults, max(ends), base, name, step)
        marks.append(steps)
        number = counted(int(faults["faults"].sum()), "fault")
        rows.append(Row(visible(name), f"{number}, at most {count(most)} {per(width)}"))
        points.append(events.assign(base=base, log=name))
    happened = pd.concat(points)
    kinds = list(happened[["kind", "serious"]].drop_duplicates("kind").itertuples(index=False))
    for turn, (kind, serious) in enumerate(kinds):
        lane = FOOT + ROW_BODY * (turn + 0.5) / len(kinds)
        mine = happened[happened["kind"] == kind]
        marks.append(
            Points(
                visible(kind), "bad" if serious else _SERIES_TONES[1:][turn % 5], symbol=_SYMBOLS[turn % 4],
                x=floats(mine["second"]), y=floats(mine["base"] + lane),
                texts=tuple(visible(f"{r.log}: {r.kind}: {r.text}") for r in mine.itertuples()),
            )
        )  # fmt: skip
    alt = "; ".join(f"{row.name}: {row.value}" for row in rows)
    left += len(logs) - len(shown)
    rest = f"; {left} more logs are not drawn" if left else ""
    x = seconds_axis(max(ends), "seconds since each trace began")
    return Chart(key, title, f"{alt}{rest}.", provenance, x, rows_axis(rows), tuple(marks), tuple(rows), legend=True)


def _faults(faults: pd.DataFrame, seconds: float, base: int, name: str, step: int) -> tuple[Steps, int, int]:
    """A row's shape of faults over time, its highest bin and the seconds of a bin."""
    width = bin_width(math.ceil(seconds), step)
    bins = binned(faults, width, [], ["faults"]).set_index("second")
    bins = bins.reindex(range(0, int(bins.index.max()) + 1, width), fill_value=0).reset_index()
    most = int(bins["faults"].max())
    edges = (*floats(bins["second"]), min(float(bins["second"].iloc[-1] + width), max(seconds, 1)))
    heights = floats(bins["faults"] / most * ROW_BODY)
    return Steps(visible(name), "a", edges, heights, base + FOOT, _bin_texts(bins, "faults", "faults")), most, width


def failures_over_time(failures: pd.DataFrame, seconds: int, provenance: str, step: int = 1) -> Chart:
    """Failures by function and result, stacked over time.

    Args:
        failures: second (int, since the trace began), function, result, failed (int).
        seconds: how long the trace is.
        step: seconds from one count to the next.
    """
    key, title = "failures-over-time", "Failures over time"
    failures = failures[failures["failed"] > 0]
    if failures.empty:
        return empty(key, title, "No failure is recorded in this log.", provenance)
    names = failures["function"].map(visible) + " " + failures["result"].map(visible)
    totals = failures.groupby(names)["failed"].sum().sort_values(ascending=False, kind="stable")
    shown = list(totals.index[: len(_SERIES_TONES)])
    others = counted(len(totals) - len(shown), "other kind")
    series = failures.assign(name=names.where(names.isin(shown), others))
    width = bin_width(seconds, step)
    bins = binned(series, width, ["name"], ["failed"])
    marks, tops = [], dict.fromkeys(bins["second"], 0)
    tones: list[Tone] = [*_SERIES_TONES[: len(shown)], "quiet"]
    for name, tone in zip([*shown, others], tones, strict=True):
        part = bins[bins["name"] == name]
        if part.empty:
            continue
        start = tuple(float(tops[s]) for s in part["second"])
        tops.update({s: tops[s] + n for s, n in zip(part["second"], part["failed"], strict=True)})
        marks.append(
            Bars(
                name, tone,
                at=floats(part["second"] + width / 2), start=start, end=tuple(float(tops[s]) for s in part["second"]),
                width=width * 0.9,
                texts=_bin_texts(part, "failed", name),
            )
        )  # fmt: skip
    worst = max(tops, key=tops.__getitem__)
    most = "all" if len(totals) == 1 else "most"
    alt = (
        f"{counted(int(totals.sum()), 'failure')} in {counted(seconds, 'second')}, {most} of them {totals.index[0]}; "
        f"at worst {count(tops[worst])} {per(width)}, at {worst} s."
    )
    axis = count_axis(f"failures {per(width)}", max(tops.values()))
    return Chart(key, title, alt, provenance, seconds_axis(seconds), axis, tuple(marks), legend=True)


def coverage_over_time(seconds: pd.DataFrame, gaps: pd.DataFrame, provenance: str, step: int = 1) -> Chart:
    """Records beside the calls that the script counted, interval by interval, with the gaps.

    dtrace reads its counts some time after the tick that they are printed for, so that an interval can differ from
    the next in a trace that lost nothing; where records are missing, the lighter bar stands over the darker one.

    Args:
        seconds: second (int), recorded (int), called (int).
        gaps: start, end (float seconds), text: where dtrace said that it lost records.
        step: seconds from one count of faults to the next.
    """
    key, title = "coverage-over-time", "Faults recorded and handler calls counted"
    if seconds.empty:
        return empty(key, title, "This log has neither fault records nor counts of calls.", provenance)
    end = int(seconds["second"].max()) + step
    width = bin_width(end, step)
    bins = binned(seconds, width, [], ["recorded", "called"])
    marks: list[Mark] = [Band(visible(r.text), float(r.start), float(r.end)) for r in gaps.itertuples()]
    series: tuple[tuple[str, Tone, float], ...] = (("called", "quiet", 0.95), ("recorded", "a", 0.5))
    for name, tone, wide in series:
        marks.append(
            Bars(
                name, tone,
                at=floats(bins["second"] + width / 2), start=(0.0,) * len(bins), end=floats(bins[name]),
                width=width * wide,
                texts=_bin_texts(bins, name, name),
            )
        )  # fmt: skip
    alt = (
        f"{counted(int(seconds['recorded'].sum()), 'fault')} recorded, "
        f"{counted(int(seconds['called'].sum()), 'call')} of the handler counted; "
        + (f"{counted(len(gaps), 'gap')} marked." if len(gaps) else "no gap.")
        + " The script reads its counts up to a second late."
    )
    axis = count_axis(f"faults {per(width)}", float(bins[["recorded", "called"]].max().max()))
    return Chart(key, title, alt, provenance, seconds_axis(end), axis, tuple(marks), legend=True)


def _bin_texts(bins: pd.DataFrame, column: str, name: str) -> tuple[str, ...]:
    return tuple(f"{count(n)} {name} from {s} s" for s, n in zip(bins["second"], bins[column], strict=True))
