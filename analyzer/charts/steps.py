"""What faults spend their time on: one stacked bar a path."""

import pandas as pd

from analyzer.charts.model import ROW_HEAD, Bars, Chart, Row, Tone, empty
from analyzer.charts.scales import rows_axis, share_axis
from analyzer.format import counted, duration, share, visible

_TONES: tuple[Tone, ...] = ("a", "b", "c", "d", "e", "f", "ink")
_OTHERS = "everything else"
_MOST_PATHS = 8


def step_costs(costs: pd.DataFrame, provenance: str) -> Chart:
    """The time of each path's faults, taken apart.

    Args:
        costs: path, paths_faults (int), step, time (ns), mean (ns over all faults of the path), share (0 to 1, of the
            path's time); paths in the order of their rows.  Steps beyond the dearest, and what belongs to none
            ("rest"), are drawn together.
    """
    key, title = "step-costs", "What a fault spends its time on, by path"
    if costs.empty:
        return empty(key, title, "No step of a fault is recorded in this log.", provenance)
    paths = list(costs["path"].drop_duplicates()[:_MOST_PATHS])
    shown = costs[costs["path"].isin(paths)]
    totals = shown[shown["step"] != "rest"].groupby("step")["time"].sum().sort_values(ascending=False, kind="stable")
    names = list(totals.index[: len(_TONES)])
    parts = shown.assign(step=shown["step"].where(shown["step"].isin(names), _OTHERS))
    parted = parts.groupby(["path", "step"])["share"].sum().unstack(fill_value=0.0).loc[paths]
    means = shown.groupby("path")["mean"].sum()
    at = [len(paths) - 1 - place + ROW_HEAD / 2 for place in range(len(paths))]
    marks, starts = [], pd.Series(0.0, index=paths)
    tones: list[Tone] = [*_TONES[: len(names)], "quiet"]
    for step, tone in zip([*names, _OTHERS], tones, strict=True):
        if step not in parted:
            continue
        ends = starts + parted[step]
        texts = tuple(f"{visible(path)}: {step} {share(parted.loc[path, step])}" for path in paths)
        marks.append(Bars(step, tone, tuple(at), tuple(starts), tuple(ends), 0.36, texts))
        starts = ends
    faults = shown.drop_duplicates("path").set_index("path")["paths_faults"]
    rows = tuple(
        Row(visible(path), f"{duration(means[path])} a fault, {counted(int(faults[path]), 'fault')}") for path in paths
    )
    named = shown[(shown["path"] == paths[0]) & (shown["step"] != "rest")]
    dearest = f"; its dearest step is {named['step'].iloc[0]}, {share(named['share'].iloc[0])}" if len(named) else ""
    alt = f"{rows[0].name}, which takes most time: {rows[0].value}{dearest}."
    axis = share_axis("share of the time of the path's faults", 1.02)
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)
