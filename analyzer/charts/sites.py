"""Locks taken and let go, code site by code site."""

from typing import Any

import pandas as pd

from analyzer.charts.model import ROW_HEAD, Bars, Chart, Mark, Points, Row, Tone, empty
from analyzer.charts.scales import count_axis, floats, rows_axis
from analyzer.format import count, counted, visible

_MOST_ROWS = 16
_SERIES: tuple[tuple[str, str, Tone], ...] = (("rw-acquire", "acquires", "a"), ("rw-release", "releases", "quiet"))


def lock_sites(sites: pd.DataFrame, provenance: str) -> Chart:
    """How often each code site acquired or released a lock, and which acquires have no release.

    Args:
        sites: operation ("rw-acquire", "rw-release"; others are left out), mode, lock (name), site, operations (int),
            unreleased (int: acquires of faults that ended without their release); in the order of their worth.
    """
    key, title = "lock-sites", "Locks acquired and released, by code site"
    known = sites[sites["operation"].isin([operation for operation, *_ in _SERIES])]
    if known.empty:
        return empty(key, title, "No lock operation is recorded in this log.", provenance)
    ordered = known.sort_values("unreleased", ascending=False, kind="stable")
    shown = ordered.head(_MOST_ROWS).sort_values("lock", ascending=False, kind="stable").reset_index(drop=True)
    rows = tuple(Row(visible(r.site.partition("`")[2] or r.site), visible(_words(r))) for r in shown.itertuples())
    shown = shown.assign(at=[len(rows) - 1 - place + ROW_HEAD / 2 for place in range(len(rows))])
    marks: list[Mark] = []
    for operation, name, tone in _SERIES:
        part = shown[shown["operation"] == operation]
        if len(part):
            texts = tuple(f"{rows[place].name}: {rows[place].value}" for place in part.index)
            starts = (0.0,) * len(part)
            marks.append(Bars(name, tone, floats(part["at"]), starts, floats(part["operations"]), 0.32, texts))
    left = shown[shown["unreleased"] > 0]
    if len(left):
        texts = tuple(f"{rows[place].name}: {rows[place].value}" for place in left.index)
        marks.append(
            Points(
                "never released", "bad", floats(left["operations"]), floats(left["at"]), texts, symbol="diamond"
            )
        )  # fmt: skip
    totals = known.groupby("operation")["operations"].sum()
    alt = ", ".join(counted(int(totals.get(operation, 0)), name.removesuffix("s")) for operation, name, _ in _SERIES)
    told = "; ".join(f"{rows[place].name}: {rows[place].value}" for place in left.index)
    more = f" {len(known) - len(shown)} more sites are only in the table." if len(known) > len(shown) else ""
    alt = f"{alt}; {told or 'no fault is known to have left one held'}.{more}"
    axis = count_axis("operations inside the traced faults", float(shown["operations"].max()))
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _words(row: Any) -> str:
    done = counted(row.operations, row.operation.removeprefix("rw-"))
    left = f", {count(row.unreleased)} never released" if row.unreleased else ""
    return f"{done}, {row.mode}, {row.lock}{left}"
