"""What a fault's time was spent on: each moment of a vmevents fault given to one step."""

import numpy as np
import pandas as pd
import pyarrow as pa

from analyzer.summary.histogram import bounds, bucket
from analyzer.summary.tables import as_table

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


def reduce_step_times(steps: pd.DataFrame, paths: pd.Series) -> pa.Table:
    """The table `step_times` of whole faults.

    Args:
        steps: their records in order: fault, tag, fn, ts.
        paths: path bits by fault.
    """
    spent = _spent(steps)
    spent = spent.assign(path=spent["fault"].map(paths).astype("int64"))
    low, high = bounds(bucket(spent["dur"].to_numpy()))
    counted = spent.assign(low=low, high=high, faults=1)
    keys = ["path", "step", "low", "high"]
    return as_table("step_times", counted.groupby(keys, as_index=False)[["faults", "dur"]].sum())


def _spent(steps: pd.DataFrame) -> pd.DataFrame:
    """fault, step, dur: the ns of each fault's steps, without what is called inside them.

    The time from one record to the next is of the innermost function that has not returned yet; from the entry of a
    function whose return is not traced it is that function's, which is at the most what it took.
    """
    faults, stamps = steps["fault"].to_numpy(), steps["ts"].to_numpy()
    tags, functions = steps["tag"].to_numpy(object), steps["fn"].to_numpy(object)
    ends = _ends(faults, tags, functions)
    spent: dict[tuple[int, str], int] = {}
    open_: list[int] = []
    for i in range(len(faults) - 1):
        if i == 0 or faults[i] != faults[i - 1]:
            open_ = []
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
        if faults[i + 1] == faults[i]:
            step = "lock wait" if functions[i + 1] in _WAITS else inner
            spent[faults[i], step] = spent.get((faults[i], step), 0) + int(stamps[i + 1] - stamps[i])
    rows = [(fault, step, ns) for (fault, step), ns in spent.items()]
    return pd.DataFrame(rows, columns=["fault", "step", "dur"])


def _ends(faults: np.ndarray, tags: np.ndarray, functions: np.ndarray) -> np.ndarray:
    """For each entry the place of its return; 0 where it has none in its fault."""
    ends = np.zeros(len(faults), np.int64)
    open_: list[int] = []
    for i in range(len(faults)):
        if i and faults[i] != faults[i - 1]:
            open_ = []
        if tags[i] == "E":
            open_.append(i)
        elif tags[i] == "R":
            own = next((place for place in reversed(open_) if functions[place] == functions[i]), None)
            if own is not None:
                ends[own] = i
                del open_[open_.index(own) :]
    return ends


def _step(function: str) -> str:
    return "radix" if function.startswith("vm_radix_") else _STEPS.get(function, REST)
