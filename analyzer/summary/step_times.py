"""What a fault's time was spent on: each moment of a vmevents fault given to one step."""

import numpy as np
import pyarrow as pa

from analyzer.summary.histogram import bounds, bucket
from analyzer.summary.tables import group

REST = "rest"
_STEPS = {
    "vm_map_lookup": "map lookup",
    "vm_page_alloc": "allocation",
    "vm_page_alloc_after": "allocation",
    "pmap_zero_page": "zeroing",
    "pmap_copy_page": "copying",
    "pmap_enter": "pmap_enter",
    "vm_pager_get_pages": "page-in",
    "vm_page_rename": "page move",
    "vm_page_iter_rename": "page move",
    "vm_page_replace": "page move",
    "vm_page_free_toq": "freeing",
    "vm_page_busy_sleep": "busy wait",
}
_WAITS = ("rw-block", "rw-spin")  # printed when the wait is over


def reduce_step_times(
    tags: list[str], functions: list[str], stamps: list[int], ends: list[int], paths: list[int]
) -> pa.Table:
    """The table `step_times` of whole faults.

    Args:
        tags, functions, stamps: of their records, in order.
        ends: for each fault the place after its last record.
        paths: path bits of each fault.
    """
    found: list[tuple[int, str, int]] = []
    start = 0
    for end, path in zip(ends, paths, strict=True):
        spent = _spent(tags[start:end], functions[start:end], stamps[start:end])
        found += [(path, step, ns) for step, ns in spent.items()]
        start = end
    took = np.array([ns for _, _, ns in found], np.int64)
    low, high = bounds(bucket(took))
    columns = {"path": [path for path, _, _ in found], "step": [step for _, step, _ in found]}
    return group("step_times", pa.table({**columns, "low": low, "high": high, "dur": took}), count="faults")


def _spent(tags: list[str], functions: list[str], stamps: list[int]) -> dict[str, int]:
    """By step the ns that one fault spent on it, without what is called inside it.

    The time from one record to the next is of the innermost function that has not returned yet; from the entry of a
    function whose return is not traced it is that function's, which is at the most what it took.
    """
    ends = _ends(tags, functions)
    spent: dict[str, int] = {}
    open_: list[int] = []
    for i in range(len(tags) - 1):
        while open_ and ends[open_[-1]] <= i:
            open_.pop()
        inner = REST
        if tags[i] == "E" and ends[i] == 0:
            inner = _step(functions[i])
        else:
            if tags[i] == "E":
                open_.append(i)
            if open_:
                inner = _step(functions[open_[-1]])
        step = "lock wait" if functions[i + 1] in _WAITS else inner
        spent[step] = spent.get(step, 0) + stamps[i + 1] - stamps[i]
    return spent


def _ends(tags: list[str], functions: list[str]) -> list[int]:
    """For each entry of one fault the place of its return; 0 where it has none."""
    ends = [0] * len(tags)
    open_: list[int] = []
    for i, (tag, function) in enumerate(zip(tags, functions, strict=True)):
        if tag == "E":
            open_.append(i)
        elif tag == "R":
            own = next((place for place in reversed(open_) if functions[place] == function), None)
            if own is not None:
                ends[own] = i
                del open_[open_.index(own) :]
    return ends


def _step(function: str) -> str:
    return "radix" if function.startswith("vm_radix_") else _STEPS.get(function, REST)
