"""Charts of stacks: a tree whose boxes are as wide as what they count."""

import pandas as pd

from analyzer.charts.model import Axis, Boxes, Chart, Tone, empty
from analyzer.charts.scales import count_axis, floats
from analyzer.format import count, counted, share, visible


def failed_insert_stacks(tree: pd.DataFrame, provenance: str) -> Chart:
    """An icicle: on top the functions whose insert failed, below each its callers.

    Args:
        tree: depth (0 is the top), start, end (counts from the left), function.
    """
    key, title = "failed-insert-stacks", "Failed radix inserts by stack"
    if tree.empty:
        return empty(key, title, "No stack of a failed insert is recorded in this log.", provenance)
    total, levels = int(tree["end"].max()), int(tree["depth"].max()) + 1
    marks = []
    parts: tuple[tuple[str, Tone, pd.DataFrame], ...] = (
        ("got no node", "bad", tree[tree["depth"] == 0]),
        ("called it", "a", tree[tree["depth"] > 0]),
    )
    for name, tone, part in parts:
        if part.empty:
            continue
        sizes = part["end"] - part["start"]
        texts = (f"{name}: {count(n)}, {share(n / total)}" for name, n in zip(part["function"], sizes, strict=True))
        marks.append(
            Boxes(
                name, tone,
                left=floats(part["start"]), right=floats(part["end"]), bottom=floats(levels - 1 - part["depth"]),
                names=tuple(map(visible, part["function"])), texts=tuple(map(visible, texts)),
            )
        )  # fmt: skip
    roots = tree[tree["depth"] == 0]
    widest = roots.loc[(roots["end"] - roots["start"]).idxmax()]
    alt = (
        f"{counted(total, 'failed insert')}, {count(widest['end'] - widest['start'])} of them in "
        f"{visible(widest['function'])}; below each function its callers, as wide as they failed often."
    )
    x = count_axis("failed inserts", total)
    return Chart(key, title, alt, provenance, x, Axis("", 0, levels), tuple(marks), legend=True)
