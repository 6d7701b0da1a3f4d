"""Charts of stacks: a tree whose boxes are as wide as what they count."""

from collections.abc import Sequence

from analyzer.analysis.failures import StackBox
from analyzer.charts.model import Axis, Boxes, Chart, Tone, empty
from analyzer.charts.scales import count_axis, floats
from analyzer.format import count, counted, share, visible


def failed_insert_stacks(tree: Sequence[StackBox], provenance: str) -> Chart:
    """An icicle: on top the functions whose insert failed, below each its callers."""
    key, title = "failed-insert-stacks", "Failed radix inserts by stack"
    if not tree:
        return empty(key, title, "No stack of a failed insert is recorded in this log.", provenance)
    total, levels = max(box.end for box in tree), max(box.depth for box in tree) + 1
    marks = []
    roots = [box for box in tree if box.depth == 0]
    parts: tuple[tuple[str, Tone, list[StackBox]], ...] = (
        ("got no node", "bad", roots),
        ("called it", "a", [box for box in tree if box.depth > 0]),
    )
    for name, tone, part in parts:
        if part:
            marks.append(
                Boxes(
                    name, tone,
                    left=floats(box.start for box in part), right=floats(box.end for box in part),
                    bottom=floats(levels - 1 - box.depth for box in part),
                    names=tuple(visible(box.function) for box in part),
                    texts=tuple(visible(_words(box, total)) for box in part),
                )
            )  # fmt: skip
    widest = max(roots, key=_width)
    alt = (
        f"{counted(total, 'failed insert')}, {count(_width(widest))} of them in "
        f"{visible(widest.function)}; below each function its callers, as wide as they failed often."
    )
    x = count_axis("failed inserts", total)
    return Chart(key, title, alt, provenance, x, Axis("", 0, levels), tuple(marks), legend=True)


def _width(box: StackBox) -> int:
    return box.end - box.start


def _words(box: StackBox, total: int) -> str:
    return f"{box.function}: {count(_width(box))}, {share(_width(box) / total)}"
