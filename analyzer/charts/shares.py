"""Charts of rows that hold shares: how often calls failed, what each path takes, how much was recorded."""

from collections.abc import Sequence

from analyzer.analysis.coverage import Counted
from analyzer.analysis.failures import FailureRate
from analyzer.analysis.paths import PathCost
from analyzer.charts.model import ROW_HEAD, Bars, Chart, Mark, Points, Reference, Row, Symbol, Tone, empty
from analyzer.charts.scales import floats, rate_axis, rows_axis, share_axis
from analyzer.format import count, counted, share, visible

_MOST_ROWS = 16


def failure_frequency(rates: Sequence[FailureRate], asked: tuple[str, float] | None, provenance: str) -> Chart:
    """How often each function failed, with 95 % Wilson intervals.

    Args:
        asked: a function and the rate that a fail point was set to, which that function's failures alone follow.
    """
    key, title = "failure-frequency", "How often calls failed"
    if not rates:
        return empty(key, title, "No call is counted in this log.", provenance)
    shown = sorted(rates, key=lambda rate: -rate.failed)[:_MOST_ROWS]
    places = {len(shown) - 1 - place: rate for place, rate in enumerate(shown)}
    seen = {place: rate for place, rate in places.items() if rate.of > 0 and rate.failed > 0}
    never = {place: rate for place, rate in places.items() if rate.of > 0 and not rate.failed}
    if not (seen or never):
        return empty(key, title, "None of the traced functions was called.", provenance)
    highest = [rate.high for rate in (*seen.values(), *never.values())]
    axis = rate_axis(
        "share of calls that failed, with the 95 % interval",
        min([*(rate.low for rate in seen.values()), *highest]),
        max([*highest, asked[1] if asked else 0]),
    )
    marks: list[Mark] = []
    if asked is not None:
        asking = [place for place, rate in places.items() if rate.function == asked[0]]
        words = f"asked for: {share(asked[1])}"
        marks = [Reference(asked[1], words, row=place) for place in asking[:1]]
    series: tuple[tuple[str, Tone, Symbol, dict[int, FailureRate]], ...] = (
        ("failed", "bad", "circle", seen),
        ("never failed: upper end", "a", "hollow", never),
    )
    for name, tone, symbol, part in series:
        if part:
            marks.append(
                Points(
                    name, tone, symbol=symbol,
                    x=floats(max(rate.rate, axis.low) for rate in part.values()),
                    y=tuple(place + ROW_HEAD / 2 for place in part),
                    texts=tuple(map(_rate_text, part.values())),
                    low=floats(max(rate.low, axis.low) for rate in part.values()),
                    high=floats(rate.high for rate in part.values()),
                )
            )  # fmt: skip
    rows = tuple(Row(visible(f"{rate.function} {rate.result}".strip()), _rate_text(rate)) for rate in shown)
    alt = f"{rows[0].name} is the most frequent failure: {rows[0].value}."
    if not shown[0].failed:
        alt = f"None of {counted(len(shown), 'kind')} of failure was seen."
    if len(rates) > len(shown):
        alt += f" {len(rates) - len(shown)} rarer ones are only in the table."
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _rate_text(rate: FailureRate) -> str:
    text = f"{count(rate.failed)} of {count(rate.of)}"
    if not rate.of:
        return f"{text}: never called"
    return f"{text}: {share(rate.rate)}" if rate.failed else f"{text}: at most {share(rate.high)}"


def time_by_path(paths: Sequence[PathCost], provenance: str) -> Chart:
    """Each path's share of the faults beside its share of the time."""
    key, title = "time-by-path", "Faults and their time, by path"
    if not paths:
        return empty(key, title, "No fault record in this log.", provenance)
    shown = sorted(paths, key=lambda cost: (cost.time is None, -(cost.time or 0)))[:_MOST_ROWS]
    rows = tuple(
        Row(visible(cost.path), f"{share(cost.share_of_time)} of time, {share(cost.share_of_faults)} of faults")
        for cost in shown
    )
    bases = [len(rows) - 1 - i for i in range(len(rows))]
    series: tuple[tuple[str, Tone, list[float], float, str], ...] = (
        ("share of time", "a", [cost.share_of_time for cost in shown], 0.42, "the time"),
        ("share of faults", "quiet", [cost.share_of_faults for cost in shown], 0.2, "the faults"),
    )
    marks = tuple(
        Bars(
            name, tone,
            at=tuple(base + offset for base in bases), start=(0.0,) * len(rows), end=tuple(parts), width=0.2,
            texts=tuple(f"{row.name}: {share(part)} of {of}" for row, part in zip(rows, parts, strict=True)),
        )
        for name, tone, parts, offset, of in series
    )  # fmt: skip
    alt = (
        f"{visible(shown[0].path)} took {share(shown[0].share_of_time)} of the time of all faults "
        f"with {share(shown[0].share_of_faults)} of the faults."
    )
    axis = share_axis("share of all faults and of their whole time", 1.02)
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), marks, rows, legend=True)


def coverage_counts(measures: Sequence[Counted], provenance: str) -> Chart:
    """Records against the kernel's own counts, as a share of them."""
    key, title = "coverage", "Records against the kernel's own counts"
    if not measures:
        return empty(key, title, "This log has no count of the kernel to hold the records against.", provenance)
    shown = measures[:_MOST_ROWS]
    ratios = [row.recorded / row.expected for row in shown]
    high = max(1.1, min(1.6, max(ratios) * 1.05))
    rows = tuple(Row(visible(row.measure), _coverage_text(row)) for row in shown)
    marks: list[Mark] = [Reference(1.0, "the kernel's count")]
    series: tuple[tuple[str, Tone, list[int]], ...] = (
        ("at least all", "good", [place for place, ratio in enumerate(ratios) if ratio >= 1]),
        ("records missing", "warn", [place for place, ratio in enumerate(ratios) if ratio < 1]),
    )
    for name, tone, places in series:
        if places:
            marks.append(
                Bars(
                    name, tone,
                    at=tuple(len(shown) - 1 - place + ROW_HEAD / 2 for place in places),
                    start=(0.0,) * len(places), end=floats(min(ratios[place], high) for place in places), width=0.3,
                    texts=tuple(f"{rows[place].name}: {rows[place].value}" for place in places),
                )
            )  # fmt: skip
    short = [row for row, ratio in zip(rows, ratios, strict=True) if ratio < 1]
    alt = "; ".join(f"{row.name}: {row.value}" for row in short or rows)
    axis = share_axis("records as a share of the kernel's count", high)
    return Chart(key, title, f"{alt}.", provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _coverage_text(row: Counted) -> str:
    return f"{count(row.recorded)} of {count(row.expected)}, {share(row.recorded / row.expected)}"
