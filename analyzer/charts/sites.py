"""Locks taken and let go, code site by code site."""

from collections.abc import Sequence

from analyzer.analysis.locks import LockSite
from analyzer.charts.model import ROW_HEAD, Bars, Chart, Mark, Points, Row, Tone, empty
from analyzer.charts.scales import count_axis, floats, rows_axis
from analyzer.format import count, counted, visible

_MOST_ROWS = 16
_SERIES: tuple[tuple[str, str, Tone], ...] = (("rw-acquire", "acquires", "a"), ("rw-release", "releases", "quiet"))


def lock_sites(sites: Sequence[LockSite], provenance: str) -> Chart:
    """How often each code site acquired or released a lock, and which acquires have no release.

    Args:
        sites: in the order of their worth; other operations than "rw-acquire" and "rw-release" are left out.
    """
    key, title = "lock-sites", "Locks acquired and released, by code site"
    drawn = [operation for operation, *_ in _SERIES]
    known = [site for site in sites if site.operation in drawn]
    if not known:
        return empty(key, title, "No lock operation is recorded in this log.", provenance)
    shown = sorted(known, key=lambda site: -site.unreleased)[:_MOST_ROWS]
    shown.sort(key=lambda site: site.lock, reverse=True)
    rows = tuple(Row(visible(site.site.partition("`")[2] or site.site), visible(_words(site))) for site in shown)
    texts = [f"{row.name}: {row.value}" for row in rows]
    at = [len(rows) - 1 - place + ROW_HEAD / 2 for place in range(len(rows))]
    marks: list[Mark] = []
    for operation, name, tone in _SERIES:
        part = [place for place, site in enumerate(shown) if site.operation == operation]
        if part:
            ends = floats(shown[place].operations for place in part)
            starts, words = (0.0,) * len(part), tuple(texts[place] for place in part)
            marks.append(Bars(name, tone, tuple(at[place] for place in part), starts, ends, 0.32, words))
    left = [place for place, site in enumerate(shown) if site.unreleased > 0]
    if left:
        ends, words = floats(shown[place].operations for place in left), tuple(texts[place] for place in left)
        marks.append(
            Points("never released", "bad", ends, tuple(at[place] for place in left), words, symbol="diamond")
        )
    totals = {operation: sum(site.operations for site in known if site.operation == operation) for operation in drawn}
    alt = ", ".join(counted(totals[operation], name.removesuffix("s")) for operation, name, _ in _SERIES)
    told = "; ".join(texts[place] for place in left)
    more = f" {len(known) - len(shown)} more sites are only in the table." if len(known) > len(shown) else ""
    alt = f"{alt}; {told or 'no fault is known to have left one held'}.{more}"
    axis = count_axis("operations inside the traced faults", float(max(site.operations for site in shown)))
    return Chart(key, title, alt, provenance, axis, rows_axis(rows), tuple(marks), rows, legend=True)


def _words(site: LockSite) -> str:
    done = counted(site.operations, site.operation.removeprefix("rw-"))
    left = f", {count(site.unreleased)} never released" if site.unreleased else ""
    return f"{done}, {site.mode}, {site.lock}{left}"
