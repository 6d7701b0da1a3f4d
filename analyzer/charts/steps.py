"""What faults spend their time on: one stacked bar a path."""

import itertools
from collections.abc import Sequence

from analyzer.analysis.steps import StepCost
from analyzer.charts.model import ROW_HEAD, Bars, Chart, Row, Tone, empty
from analyzer.charts.scales import rows_axis, share_axis
from analyzer.format import counted, duration, share, visible

_TONES: tuple[Tone, ...] = ("a", "b", "c", "d", "e", "f", "ink")
_OTHERS = "everything else"
_MOST_PATHS = 8


def step_costs(costs: Sequence[StepCost], provenance: str) -> Chart:
    """The time of each path's faults, taken apart.

    Args:
        costs: paths in the order of their rows.  Steps beyond the dearest, and what belongs to none ("rest"), are
            drawn together.
    """
    key, title = "step-costs", "What a fault spends its time on, by path"
    if not costs:
        return empty(key, title, "No step of a fault is recorded in this log.", provenance)
    paths = list(dict.fromkeys(cost.path for cost in costs))[:_MOST_PATHS]
    shown = {path: [cost for cost in costs if cost.path == path] for path in paths}
    totals: dict[str, int] = {}
    for cost in itertools.chain(*shown.values()):
        if cost.step != "rest":
            totals[cost.step] = totals.get(cost.step, 0) + cost.time
    names = sorted(totals, key=lambda step: (-totals[step], step))[: len(_TONES)]
    at = tuple(len(paths) - 1 - place + ROW_HEAD / 2 for place in range(len(paths)))
    marks = []
    starts = [0.0] * len(paths)
    tones: list[Tone] = [*_TONES[: len(names)], "quiet"]
    for step, tone in zip([*names, _OTHERS], tones, strict=True):
        parts = [[cost for cost in shown[path] if _named(cost, names) == step] for path in paths]
        if any(parts):
            shares = [sum(cost.share for cost in part) for part in parts]
            ends = [start + part for start, part in zip(starts, shares, strict=True)]
            texts = tuple(f"{visible(path)}: {step} {share(part)}" for path, part in zip(paths, shares, strict=True))
            marks.append(Bars(step, tone, at, tuple(starts), tuple(ends), 0.36, texts))
            starts = ends
    rows = tuple(
        Row(
            visible(path),
            f"{duration(sum(cost.mean or 0 for cost in shown[path]))} a fault, "
            f"{counted(shown[path][0].paths_faults, 'fault')}",
        )
        for path in paths
    )
    named = [cost for cost in shown[paths[0]] if cost.step != "rest"]
    dearest = f"; its dearest step is {named[0].step}, {share(named[0].share)}" if named else ""
    alt = f"{rows[0].name}, which takes most time: {rows[0].value}{dearest}."
    axis = share_axis("share of the time of the path's faults", 1.02)
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _named(cost: StepCost, names: list[str]) -> str:
    return cost.step if cost.step in names else _OTHERS
