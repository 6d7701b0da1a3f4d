"""The charts of a report, each built from the table of one analysis.

Every builder takes pandas DataFrames and the provenance line, and gives a Chart; an empty table gives a Chart
without marks that says why.  Columns that a builder needs are named in its docstring, others are ignored.
"""

import itertools
import math
from typing import Literal

import pandas as pd

from analyzer.charts.model import ROW_HEAD, Axis, Band, Bars, Chart, Points, Reference, Row
from analyzer.charts.scales import bin_width, binned, count_axis, per, rate_axis, seconds_axis, share_axis
from analyzer.format import cell, count, counted, share, visible

_SERIES_TONES = ("a", "b", "c", "d", "e", "f")
_MOST_ROWS = 16


def empty(key: str, title: str, why: str, provenance: str) -> Chart:
    """An honest empty frame."""
    return Chart(key, title, why, provenance, Axis("", 0, 1), Axis("", 0, 1), ())


def failures_over_time(failures: pd.DataFrame, seconds: int, provenance: str) -> Chart:
    """Failures by function and result, stacked over time.

    Args:
        failures: second (int, since the trace began), function, result, failed (int).
        seconds: how long the trace is.
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
    width = bin_width(seconds)
    bins = binned(series, width, ["name"], ["failed"])
    marks, tops = [], dict.fromkeys(bins["second"], 0)
    for name, tone in zip([*shown, others], [*_SERIES_TONES[: len(shown)], "quiet"], strict=True):
        part = bins[bins["name"] == name]
        if part.empty:
            continue
        start = tuple(float(tops[s]) for s in part["second"])
        tops.update({s: tops[s] + n for s, n in zip(part["second"], part["failed"], strict=True)})
        marks.append(
            Bars(
                name, tone,
                at=_floats(part["second"] + width / 2), start=start, end=tuple(float(tops[s]) for s in part["second"]),
                width=width * 0.9,
                texts=_bin_texts(part, "failed", name),
            )
        )  # fmt: skip
    worst = max(tops, key=tops.get)
    most = "all" if len(totals) == 1 else "most"
    alt = (
        f"{counted(int(totals.sum()), 'failure')} in {counted(seconds, 'second')}, {most} of them {totals.index[0]}; "
        f"at worst {count(tops[worst])} {per(width)}, at {worst} s."
    )
    axis = count_axis(f"failures {per(width)}", max(tops.values()))
    return Chart(key, title, alt, provenance, seconds_axis(seconds), axis, tuple(marks), legend=True)


def failure_frequency(rates: pd.DataFrame, asked: float | None, provenance: str) -> Chart:
    """How often each function failed, with 95 % Wilson intervals.

    Args:
        rates: function, result, failed (int), of (int, calls), rate, low, high (0 to 1; NaN where `of` is 0).
        asked: the rate that a fail point was set to, if the log names one.
    """
    key, title = "failure-frequency", "How often calls failed"
    if rates.empty:
        return empty(key, title, "No call is counted in this log.", provenance)
    shown = rates.sort_values("failed", ascending=False, kind="stable").head(_MOST_ROWS).reset_index(drop=True)
    measured = shown[shown["of"] > 0]
    if measured.empty:
        return empty(key, title, "None of the traced functions was called.", provenance)
    seen = measured[measured["failed"] > 0]
    axis = rate_axis(
        "share of calls that failed, with the 95 % interval",
        min([*seen["low"], *measured["high"]]),
        max([*measured["high"], asked or 0]),
    )
    marks = [] if asked is None else [Reference(asked, f"asked for: {share(asked)}")]
    for name, tone, symbol, part in (
        ("failed", "bad", "circle", seen),
        ("never failed: upper end", "a", "hollow", measured[measured["failed"] == 0]),
    ):
        if not part.empty:
            marks.append(
                Points(
                    name, tone, symbol=symbol,
                    x=_floats(part["rate"].clip(lower=axis.low)),
                    y=tuple(len(shown) - 1 - i + ROW_HEAD / 2 for i in part.index),
                    texts=tuple(_rate_text(r) for r in part.itertuples()),
                    low=_floats(part["low"].clip(lower=axis.low)), high=_floats(part["high"]),
                )
            )  # fmt: skip
    rows = tuple(Row(f"{visible(r.function)} {visible(r.result)}", _rate_text(r)) for r in shown.itertuples())
    top = shown.iloc[0]
    alt = f"{visible(top['function'])} failed most often with {visible(top['result'])}: {_rate_text(top)}."
    if not top["failed"]:
        alt = f"None of {counted(len(shown), 'kind')} of failure was seen."
    if len(rates) > len(shown):
        alt += f" {len(rates) - len(shown)} rarer ones are only in the table."
    return Chart(key, title, alt, provenance, axis, _rows_axis(rows), tuple(marks), rows, legend=True)


def _rate_text(row) -> str:
    text = f"{count(row.failed)} of {count(row.of)}"
    if not row.of:
        return f"{text}: never called"
    return f"{text}: {share(row.rate)}" if row.failed else f"{text}: at most {share(row.high)}"


def time_by_path(paths: pd.DataFrame, provenance: str) -> Chart:
    """Each path's share of the faults beside its share of the time.

    Args:
        paths: path, faults (int), share_of_faults, time (ns), share_of_time.
    """
    key, title = "time-by-path", "Faults and their time, by path"
    if paths.empty:
        return empty(key, title, "No fault record in this log.", provenance)
    shown = paths.sort_values("time", ascending=False, kind="stable").head(_MOST_ROWS)
    rows = tuple(
        Row(visible(r.path), f"{share(r.share_of_time)} of time, {share(r.share_of_faults)} of faults")
        for r in shown.itertuples()
    )
    bases = [len(rows) - 1 - i for i in range(len(rows))]
    marks = tuple(
        Bars(
            name, tone,
            at=tuple(base + offset for base in bases), start=(0.0,) * len(rows), end=_floats(shown[column]), width=0.2,
            texts=tuple(f"{row.name}: {share(part)} of {of}" for row, part in zip(rows, shown[column], strict=True)),
        )
        for name, tone, column, offset, of in (
            ("share of time", "a", "share_of_time", 0.42, "the time"),
            ("share of faults", "quiet", "share_of_faults", 0.2, "the faults"),
        )
    )  # fmt: skip
    dearest = shown.iloc[0]
    alt = (
        f"{visible(dearest['path'])} took {share(dearest['share_of_time'])} of the time of all faults "
        f"with {share(dearest['share_of_faults'])} of the faults."
    )
    axis = share_axis("share of all faults and of their whole time", 1.02)
    return Chart(key, title, alt, provenance, axis, _rows_axis(rows), marks, rows, legend=True)


def coverage_counts(measures: pd.DataFrame, provenance: str) -> Chart:
    """Records against the kernel's own counts, as a share of them.

    Args:
        measures: measure (what is counted and by whom), recorded (int), expected (int; NaN: the log has no count),
            gap (str: what was lost, empty for nothing).
    """
    key, title = "coverage", "Records against the kernel's own counts"
    if measures.empty:
        return empty(key, title, "This log has no count of the kernel to hold the records against.", provenance)
    shown = measures.head(_MOST_ROWS).reset_index(drop=True)
    known = shown[shown["expected"] > 0]
    ratios = known["recorded"] / known["expected"]
    high = max(1.1, min(1.6, ratios.max() * 1.05 if len(ratios) else 0))
    rows = tuple(Row(_measure_name(r), _coverage_text(r)) for r in shown.itertuples())
    marks = [Reference(1.0, "the kernel's count")]
    for name, tone, part in (
        ("at least all", "good", ratios[ratios >= 1]),
        ("records missing", "warn", ratios[ratios < 1]),
    ):
        if not part.empty:
            marks.append(
                Bars(
                    name, tone,
                    at=tuple(len(shown) - 1 - i + ROW_HEAD / 2 for i in part.index),
                    start=(0.0,) * len(part), end=_floats(part.clip(upper=high)), width=0.3,
                    texts=tuple(f"{rows[i].name}: {rows[i].value}" for i in part.index),
                )
            )  # fmt: skip
    short = known[ratios < 1]
    alt = "; ".join(f"{_measure_name(r)}: {_coverage_text(r)}" for r in (short if len(short) else shown).itertuples())
    axis = share_axis("records as a share of the kernel's count", high)
    return Chart(key, title, f"{alt}.", provenance, axis, _rows_axis(rows), tuple(marks), rows, legend=True)


def _measure_name(row) -> str:
    return visible(f"{row.measure} ({row.gap})" if row.gap else row.measure)


def _coverage_text(row) -> str:
    if not row.expected > 0:
        return f"{count(row.recorded)} recorded, not counted by the kernel"
    return f"{count(row.recorded)} of {count(row.expected)}, {share(row.recorded / row.expected)}"


def coverage_over_time(seconds: pd.DataFrame, gaps: pd.DataFrame, provenance: str) -> Chart:
    """Records beside the calls that the script counted, both so far, with the gaps.

    Sums, because dtrace reads its counts some time after the tick that they are printed for: second by second the
    two would differ in a trace that lost nothing.

    Args:
        seconds: second (int), recorded (int), called (int).
        gaps: start, end (float seconds), text: where dtrace said that it lost records.
    """
    key, title = "coverage-over-time", "Faults recorded and handler calls counted so far"
    if seconds.empty:
        return empty(key, title, "This log has neither fault records nor counts of calls.", provenance)
    end = int(seconds["second"].max()) + 1
    width = bin_width(end)
    bins = binned(seconds, width, [], ["recorded", "called"]).set_index("second")
    bins = bins.reindex(range(0, end, width), fill_value=0).cumsum().reset_index(names="second")
    marks = [Band(visible(r.text), float(r.start), float(r.end)) for r in gaps.itertuples()]
    for name, tone, column, wide in (("called", "quiet", "called", 0.95), ("recorded", "a", "recorded", 0.5)):
        marks.append(
            Bars(
                name, tone,
                at=_floats(bins["second"] + width / 2), start=(0.0,) * len(bins), end=_floats(bins[column]),
                width=width * wide,
                texts=_so_far(bins, column, width),
            )
        )  # fmt: skip
    alt = (
        f"{counted(int(seconds['recorded'].sum()), 'fault')} recorded, "
        f"{counted(int(seconds['called'].sum()), 'call')} of the handler counted; "
        + (f"{counted(len(gaps), 'gap')} marked." if len(gaps) else "no gap.")
    )
    axis = count_axis("faults so far", float(bins[["recorded", "called"]].max().max()))
    return Chart(key, title, alt, provenance, seconds_axis(end), axis, tuple(marks), legend=True)


def _so_far(bins: pd.DataFrame, column: str, width: int) -> tuple[str, ...]:
    return tuple(f"{count(n)} {column} by {s + width} s" for s, n in zip(bins["second"], bins[column], strict=True))


_SYMBOLS = ("circle", "diamond", "square", "cross")
_MOST_LABELS = 4


def imbalance(
    faults: pd.DataFrame,
    points: pd.DataFrame,
    measure: Literal["locks", "held"],
    complete: bool,
    provenance: str,
) -> Chart:
    """All faults as a quiet band, every one that left something wrong as a loud, labelled point.

    Args:
        faults: second (int), faults (int): all recorded ones.
        points: second (float), delta (int: acquires minus releases, or locks left held), kind ("lock held", …),
            label (str, lines of address, process and thread).
        measure: "locks" where the log has acquires and releases, "held" where only a lock left held is seen (10.x).
        complete: whether the trace has no gap.
    """
    key, title = "imbalance", "Faults that left a lock held or freed a page twice"
    if faults.empty:
        return empty(key, title, "No fault record in this log.", provenance)
    end = int(max([faults["second"].max(), *points["second"]])) + 1
    width = bin_width(end)
    bins = binned(faults, width, [], ["faults"])
    highest, lowest = max([1, *points["delta"]]), min([-1, *points["delta"]])
    span = float(highest - lowest)
    # Logarithmic, so that a second with ten faults is still seen beside one with ten thousand.
    half = [0.15 * span * math.log1p(n) / math.log1p(bins["faults"].max()) for n in bins["faults"]]
    marks = [
        Bars(
            "all faults (logarithm of their number)", "quiet",
            at=_floats(bins["second"] + width / 2), start=tuple(-h for h in half), end=tuple(half), width=width,
            texts=_bin_texts(bins, "faults", "faults"),
        )
    ]  # fmt: skip
    points = points.sort_values(["second", "kind"], kind="stable").reset_index(drop=True)
    places = _label_places(points, end, highest, lowest)
    for (kind, part), symbol in zip(points.groupby("kind", sort=False), itertools.cycle(_SYMBOLS), strict=False):
        marks.append(
            Points(
                visible(kind), "bad", symbol=symbol,
                x=_floats(part["second"]), y=_floats(part["delta"]),
                texts=tuple(cell("code", f"{r.kind}\n{r.label}") for r in part.itertuples()),
                label_at=tuple(places[i] for i in part.index),
            )
        )  # fmt: skip
    heights = [lowest, highest, *(place[1] for place in places if place)]
    bottom, top = min(heights) - 0.3 * span, max(heights) + 0.3 * span
    name = "acquires minus releases" if measure == "locks" else "locks left held"
    axis = Axis(name, bottom, top, ticks=_signed_ticks(max([1, *points["delta"].abs()])))
    alt = _imbalance_alt(int(faults["faults"].sum()), points, complete)
    return Chart(key, title, alt, provenance, seconds_axis(end), axis, tuple(marks), legend=True)


def _signed_ticks(outer: int) -> tuple[tuple[float, str], ...]:
    step = math.ceil(outer / 4)
    values = [n * step for n in range(-4, 5) if abs(n * step) <= outer]
    return tuple((float(n), f"{n:+d}".replace("-", "−") if n else "0") for n in values)


def _label_places(points: pd.DataFrame, end: float, highest: int, lowest: int) -> list[tuple[float, float] | None]:
    """Labels of the first points: to their inner side, above what is above zero and else below, each in a lane."""
    places: list[tuple[float, float] | None] = [None] * len(points)
    first, lane_height = points.head(_MOST_LABELS), 0.5 * (highest - lowest)
    for group, start, step in (
        (first[first["delta"] > 0], highest + lane_height / 2, lane_height),
        (first[first["delta"] <= 0], lowest - lane_height / 3, -lane_height),
    ):
        for lane, (i, second) in enumerate(reversed(list(group["second"].items()))):
            places[i] = (second + (0.04 if second < end / 2 else -0.04) * end, start + step * lane)
    return places


def _imbalance_alt(faults: int, points: pd.DataFrame, complete: bool) -> str:
    if points.empty:
        end = "." if complete else ", but the trace has gaps, so there may be others."
        return f"None of {counted(faults, 'recorded fault')} left a lock held or freed a page twice{end}"
    kinds = ", ".join(f"{count(n)} × {visible(kind)}" for kind, n in points["kind"].value_counts(sort=False).items())
    first = points.iloc[0]
    what = ", ".join(map(visible, first["label"].split("\n")))
    return f"{kinds} among {counted(faults, 'recorded fault')}; the first at {first['second']:.3f} s: {what}."


def _floats(values: pd.Series) -> tuple[float, ...]:
    return tuple(values.astype(float).tolist())


def _bin_texts(bins: pd.DataFrame, column: str, name: str) -> tuple[str, ...]:
    return tuple(f"{count(n)} {name} from {s} s" for s, n in zip(bins["second"], bins[column], strict=True))


def _rows_axis(rows: tuple[Row, ...]) -> Axis:
    return Axis("", 0, len(rows))
