"""Small tables for every figure, with names that a process may give itself, and the same figures of nothing."""

import dataclasses
import math
from typing import Any

import pandas as pd

from analyzer.analysis.coverage import Counted, CoveredSecond
from analyzer.analysis.events import Event
from analyzer.analysis.failures import FailedThen, FailureRate, StackBox
from analyzer.analysis.locks import LockSite
from analyzer.analysis.moves import MoveBin
from analyzer.analysis.paths import PathBin, PathCost
from analyzer.analysis.steps import StepCost
from analyzer.charts import compared, distributions, over_time, shares, sites, stacks, steps, story
from analyzer.charts.model import Band, Chart
from analyzer.charts.story import Told
from analyzer.format import visible

PROVENANCE = "FreeBSD vmtrace 13.2-RELEASE amd64, vmfault, leak.log sha256 0123abcd"
HOSTILE = (
    "<img src=x onerror=planted=1>x", "=cmd|calc", "a\tb\nF\t1", '"><script>planted=1</script>', "$x_{1$",
    "[red]\x1b[31m", "--><!--",
)  # fmt: skip

_SIDES = [f"{name}_{side}" for side in ("before", "after") for name in ("hits", "of", "rate", "low", "high")]


def _cost(path: str, faults: int, share: float, time: int, share_of_time: float) -> PathCost:
    return PathCost(path, faults, share, time, share_of_time, *[None] * 9)


def _step(path: str, faults: int, step: str, time: int, mean: float, share: float) -> StepCost:
    return StepCost(path, faults, step, faults, time, mean, None, None, None, share)


_ROWS = {
    "failures": [
        FailedThen(second, name, "ENOMEM", 1 + i) for i, name in enumerate(HOSTILE) for second in (0, 3, 3 + i)
    ],
    "rates": [
        FailureRate("vm_fault", "KERN_PROTECTION_FAILURE", 2, 19105, 2 / 19105, 0.00003, 0.0004),
        FailureRate("vm_page_rename", "1", 0, 967, 0.0, 0.0, 0.004),
        FailureRate(HOSTILE[0], HOSTILE[2], 0, 0, math.nan, math.nan, math.nan),
        FailureRate(HOSTILE[1], "", 50, 1000, 0.05, 0.04, 0.06),
    ],
    "paths": [_cost("zero-fill", 700, 0.7, 4_000_000, 0.4), _cost(HOSTILE[3], 300, 0.3, 6_000_000, 0.6)],
    "path_bins": [
        PathBin("soft", 0.0, 1.0, 3), PathBin("soft", 1024.0, 2048.0, 50), PathBin("soft", 2048.0, 4096.0, 25),
        PathBin("soft", 8192.0, 16384.0, 1), PathBin(HOSTILE[4], 65536.0, 131072.0, 9),
    ],
    "step_costs": [
        _step("soft", 70, "rest", 700_000, 1e4, 0.7), _step("soft", 70, "radix", 300_000, 4300.0, 0.3),
        _step(HOSTILE[2], 1, "copying", 9_000_000, 9e6, 1.0),
    ],
    "move_bins": [MoveBin("rename", 1000.0, 1030.0, 5), MoveBin(HOSTILE[5], 2e9, 4e9, 1)],
    "events": [Event(0.25, "lock held", True, 1, f"0xfffff80001a14800, {HOSTILE[0]}, thread 100051")]
    + [Event(3.5 + i / 100, "fault failed", False, 2, name) for i, name in enumerate(HOSTILE)],
    "measures": [
        Counted("faults", 15287, 18160, ""), Counted("calls", 15287, 13449, ""), Counted(HOSTILE[6], 5, 5, ""),
    ],
    "seconds": [CoveredSecond(0, 100, 120), CoveredSecond(1, 50, 40), CoveredSecond(2, 0, 0)],
    "tree": [
        StackBox(0, 0, 60, "vm_radix_insert"), StackBox(1, 0, 50, "vm_page_insert_after"),
        StackBox(2, 0, 50, HOSTILE[0]), StackBox(3, 0, 49, HOSTILE[2]), StackBox(1, 50, 60, HOSTILE[5]),
        StackBox(0, 60, 64, HOSTILE[3]), StackBox(1, 60, 61, HOSTILE[4]),
    ],
    "story": [
        Told(HOSTILE[0], "−3 ms, line 1", -3e6, -1e6, "before"), Told(HOSTILE[2], "+0 ns, line 2", 0, 40, "cause"),
        Told(f"lock held, {HOSTILE[3]}", "+9 ms, to the end", 9e6, math.inf, "harm"),
    ],
    "sites": [
        LockSite("rw-acquire", "read", "vm object", "kernel`vm_fault+0x76a", 576, 0),
        LockSite("rw-release", "write", "vm object", f"kernel`{HOSTILE[6]}", 575, 0),
        LockSite("rw-upgrade", "write", "vm object", "kernel`vm_fault+0xcd0", 561, 0),
        LockSite("rw-acquire", "write", HOSTILE[5], f"{HOSTILE[0]}", 3, 1),
    ],
    "sides": [
        ("failed fault", 5, 100, 0.05, 0.02, 0.1, 0, 900, 0.0, 0.0, 0.004),
        (HOSTILE[1], 0, 7, 0.0, 0.0, 0.35, 7, 7, 1.0, 0.65, 1.0),
    ],
    "gaps": [Band(visible(f"12 drops on CPU 1 {HOSTILE[1]}"), 0.5, 1.25)],
}  # fmt: skip


def tables(empty: bool) -> dict[str, Any]:
    """What each figure is built from, filled or without a row."""
    rows = {name: [] if empty else kept for name, kept in _ROWS.items()}
    faults = {} if empty else {0: 20000, 1: 10, 3: 5}
    return rows | {"faults": faults, "sides": pd.DataFrame(rows["sides"], columns=["what", *_SIDES])}


def charts(empty: bool) -> list[Chart]:
    """Every figure; a story of nothing is none."""
    t = tables(empty)
    return [
        over_time.overview(t["faults"], t["events"], t["gaps"], 4.2, PROVENANCE),
        dataclasses.replace(
            over_time.overview_of_logs([(name, t["faults"], t["events"]) for name in HOSTILE], PROVENANCE), key="logs"
        ),
        over_time.failures_over_time(t["failures"], 10, PROVENANCE),
        shares.failure_frequency(t["rates"], (HOSTILE[1], 0.05), PROVENANCE),
        stacks.failed_insert_stacks(t["tree"], PROVENANCE),
        shares.time_by_path(t["paths"], PROVENANCE),
        shares.coverage_counts(t["measures"], PROVENANCE),
        over_time.coverage_over_time(t["seconds"], t["gaps"], PROVENANCE),
        distributions.path_latency(t["path_bins"], PROVENANCE),
        steps.step_costs(t["step_costs"], PROVENANCE),
        distributions.move_costs(t["move_bins"], PROVENANCE),
        sites.lock_sites(t["sites"], PROVENANCE),
        compared.rates("rates-compared", "Rates, before and after", t["sides"], PROVENANCE),
        compared.latency(t["path_bins"], t["path_bins"][:3], PROVENANCE),
        *([] if empty else [story.story("finding-1", f"What {HOSTILE[4]} did", t["story"], "It failed.", PROVENANCE)]),
    ]
