"""What a comparison says: what changed, how sure that is, and what else differs between the two sides."""

from typing import Any

import pandas as pd

from analyzer.analysis.compare import Comparison, Consequence, consequence
from analyzer.analysis.coverage import is_complete, may_have_lost_steps
from analyzer.analysis.statistics import wilson
from analyzer.format import count, counted, duration, interval, number, probability, share
from analyzer.verdict.change import Answers, change
from analyzer.verdict.finding import Certainty, Finding

_LISTED = 3


def compare_verdict(found: Comparison, before: Answers, after: Answers) -> list[Finding]:
    """The findings: first what changed in words, then what differs in kind, and only then numbers.

    Args:
        before, after: what the verdict says of each side (verdict.together).
    """
    return [
        change(found, before, after),
        _kind(found),
        *_failed_moves(found),
        *(_rate(found, row) for row in _chosen(found, "failure", "imbalance").itertuples()),
        *_mix(found),
        *_costs(found),
        *_radix(found),
        *_unsure(found),
    ]


def _certainty(found: Comparison) -> Certainty:
    """Two complete traces prove what they differ in; not what made them differ."""
    return "proved" if is_complete(found.before) and is_complete(found.after) else "suspected"


def _kind(found: Comparison) -> Finding:
    differing = found.kinds[found.kinds["differs"]]
    if differing.empty:
        same = _joined(list(found.kinds["what"]))
        return Finding("kind", "clean", "ordinary", f"The two sides are of one kind: {same} do not differ.")
    lossy = [name for name, log in (("before", found.before), ("after", found.after)) if may_have_lost_steps(log)]
    doubt = f" Records were lost {' and '.join(lossy)}: rates are of what is left, too low if losses met failures."
    return Finding(
        "kind",
        "not measured",
        "cannot tell",
        f"The two sides differ in {_joined(list(differing['what']))}: any of them can make numbers differ.",
        "; ".join(f"{row.what}: {row.before} before, {row.after} after" for row in differing.itertuples())
        + "."
        + (doubt if lossy else ""),
    )


def _failed_moves(found: Comparison) -> list[Finding]:
    """What became of the faults in which a page move failed: this holds however often it failed."""
    sides = consequence(found.before), consequence(found.after)
    if not all(side.moves for side in sides):
        return []
    before, after = sides
    named = {"left a lock held": (before.held, after.held), "freed a page twice": (before.freed, after.freed)}
    cured = [what for what, (old, new) in named.items() if old and not new]
    p = found.rates.loc[found.rates["what"].str.startswith("failed moves in faults"), "p"].min()
    headline = (
        f"Of {counted(after.moves, 'failed page move')} in faults after, {count(after.returned)} "
        f"{'stands' if after.returned == 1 else 'stand'} in a fault that is recorded to its return; {_bad(after)}. "
        f"Before, of {count(before.moves)}, {_bad(before)}."
    )
    detail = (
        f"With none in {count(after.moves)}, up to {share(wilson(0, after.moves)[1])} of such failures could still do "
        f"it (95 % interval). Against {count(before.moves)} before, p = {probability(p)} alone."
        if cured
        else ""
    )
    return [Finding("failed-moves", _certainty(found), "ordinary", headline, detail)]


def _bad(side: Consequence) -> str:
    held, freed = (count(number) if number else "none" for number in (side.held, side.freed))
    return f"{held} left a lock held, {freed} freed a page twice"


def _chosen(found: Comparison, *groups: str) -> pd.DataFrame:
    return found.significant(found.rates[found.rates["group"].isin(groups)])


def _rate(found: Comparison, row: Any) -> Finding:
    return Finding(
        f"{row.group}-rate",
        _certainty(found),
        "ordinary",
        f"{row.what}: from {count(row.hits_before)} of {count(row.of_before)} ({share(row.rate_before)}) to "
        f"{count(row.hits_after)} of {count(row.of_after)} ({share(row.rate_after)}).",
        f"The difference is {share(row.difference)}, 95 % interval {interval(row.low, row.high)}; {_p(found, row)}.",
    )


def _mix(found: Comparison) -> list[Finding]:
    mix = _chosen(found, "path")
    if mix.empty:
        return []
    largest = mix.iloc[mix["difference"].abs().sort_values(ascending=False, kind="stable").index]
    told = "; ".join(
        f"{row.what} from {share(row.rate_before)} to {share(row.rate_after)} of the faults"
        for row in largest.head(_LISTED).itertuples()
    )
    return [Finding("path-mix", "suspected", "ordinary", f"Faults take other paths: {told}.", _MAYBE_LOAD)]


_MAYBE_LOAD = "Another load, or another state of the machine, does this too."


def _costs(found: Comparison) -> list[Finding]:
    costs = found.significant(found.costs)
    costs = costs[costs["effect"] != "negligible"] if len(costs) else costs
    if costs.empty:
        return []
    faster = ", ".join(f"{row.what} is {'slower' if row.slower > 0.5 else 'faster'}" for row in costs.itertuples())
    told = "; ".join(
        f"{row.what}: median {duration(row.p50_before)} before, {duration(row.p50_after)} after, and one after is "
        f"slower than one before with {share(row.slower)} chance (a {row.effect} effect)"
        for row in costs.head(_LISTED).itertuples()
    )
    return [Finding("costs", "suspected", "ordinary", f"Durations differ: {faster}.", f"{told}. {_MAYBE_LOAD}")]


def _radix(found: Comparison) -> list[Finding]:
    if found.radix.empty:
        return []
    by_name = found.radix.set_index("operation")
    whole = by_name.loc["all"]
    parts = "; ".join(
        f"{operation}: {number(row['per_move_before'])} before, {number(row['per_move_after'])} after"
        for operation, row in by_name.drop("all").iterrows()
    )
    return [
        Finding(
            "radix",
            _certainty(found),
            "ordinary",
            f"A page move in a fault took {number(whole['per_move_before'])} radix operations before and "
            f"{number(whole['per_move_after'])} after.",
            f"{parts}. Over {counted(int(whole['moves_before']), 'move')} before and {count(whole['moves_after'])} "
            f"after, the difference is {number(whole['difference'])}, 95 % interval {number(whole['low'])} to "
            f"{number(whole['high'])}; p {_equals(whole['corrected'])}.",
        )
    ]


def _unsure(found: Comparison) -> list[Finding]:
    surprising = sum(len(found.significant(frame)) for frame in (found.rates, found.costs, found.radix))
    if not found.comparisons:
        text = "Nothing that both sides measured can be tested for chance."
        return [Finding("no-test", "not measured", "cannot tell", text)]
    return [
        Finding(
            "chance",
            "not measured",
            "cannot tell",
            f"{count(found.comparisons - surprising)} of {counted(found.comparisons, 'comparison')} show no difference "
            "that chance cannot explain: that is no proof that there is none.",
            "p values are corrected for their number (Holm). Faults of one burst resemble one another, so they are "
            "rather too small.",
        )
    ]


def _p(found: Comparison, row: Any) -> str:
    return f"p {_equals(row.corrected)} after correction for {counted(found.comparisons, 'comparison')}"


def _equals(p: float) -> str:
    text = probability(p)
    return text if text.startswith("<") else f"= {text}"


def _joined(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
