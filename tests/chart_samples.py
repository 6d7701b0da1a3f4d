"""Small tables for every figure, with names that a process may give itself, and the same figures of nothing."""

import dataclasses

import pandas as pd

from analyzer.charts import compared, distributions, over_time, shares, sites, stacks, steps, story
from analyzer.charts.model import Chart

PROVENANCE = "FreeBSD vmtrace 13.2-RELEASE amd64, vmfault, leak.log sha256 0123abcd"
HOSTILE = (
    "<img src=x onerror=planted=1>x", "=cmd|calc", "a\tb\nF\t1", '"><script>planted=1</script>', "$x_{1$",
    "[red]\x1b[31m", "--><!--",
)  # fmt: skip

_COLUMNS = {
    "failures": ["second", "function", "result", "failed"],
    "rates": ["function", "result", "failed", "of", "rate", "low", "high"],
    "paths": ["path", "faults", "share_of_faults", "time", "share_of_time"],
    "path_bins": ["path", "low", "high", "faults"],
    "step_costs": ["path", "paths_faults", "step", "time", "mean", "share"],
    "move_bins": ["function", "low", "high", "moves"],
    "faults": ["second", "faults"],
    "events": ["second", "kind", "serious", "number", "text"],
    "measures": ["measure", "recorded", "expected"],
    "seconds": ["second", "recorded", "called"],
    "gaps": ["start", "end", "text"],
    "tree": ["depth", "start", "end", "function"],
    "story": ["what", "value", "start", "end", "kind"],
    "sites": ["operation", "mode", "lock", "site", "operations", "unreleased"],
    "sides": [
        "what", *(f"{name}_{side}" for side in ("before", "after") for name in ("hits", "of", "rate", "low", "high"))
    ],
}
_ROWS = {
    "failures": [(second, name, "ENOMEM", 1 + i) for i, name in enumerate(HOSTILE) for second in (0, 3, 3 + i)],
    "rates": [
        ("vm_fault", "KERN_PROTECTION_FAILURE", 2, 19105, 2 / 19105, 0.00003, 0.0004),
        ("vm_page_rename", "1", 0, 967, 0.0, 0.0, 0.004),
        (HOSTILE[0], HOSTILE[2], 0, 0, float("nan"), float("nan"), float("nan")),
        (HOSTILE[1], "", 50, 1000, 0.05, 0.04, 0.06),
    ],
    "paths": [("zero-fill", 700, 0.7, 4e6, 0.4), (HOSTILE[3], 300, 0.3, 6e6, 0.6)],
    "path_bins": [
        ("soft", 0.0, 1.0, 3), ("soft", 1024.0, 2048.0, 50), ("soft", 2048.0, 4096.0, 25), ("soft", 8192.0, 16384.0, 1),
        (HOSTILE[4], 65536.0, 131072.0, 9),
    ],
    "step_costs": [
        ("soft", 70, "rest", 7e5, 1e4, 0.7), ("soft", 70, "radix", 3e5, 4300.0, 0.3),
        (HOSTILE[2], 1, "copying", 9e6, 9e6, 1.0),
    ],
    "move_bins": [("rename", 1000.0, 1030.0, 5), (HOSTILE[5], 2e9, 4e9, 1)],
    "faults": [(0, 20000), (1, 10), (3, 5)],
    "events": [(0.25, "lock held", True, 1, f"0xfffff80001a14800, {HOSTILE[0]}, thread 100051")]
    + [(3.5 + i / 100, "fault failed", False, 2, name) for i, name in enumerate(HOSTILE)],
    "measures": [("faults", 15287, 18160), ("calls", 15287, 13449), (HOSTILE[6], 5, float("nan"))],
    "seconds": [(0, 100, 120), (1, 50, 40), (2, 0, 0)],
    "tree": [
        (0, 0, 60, "vm_radix_insert"), (1, 0, 50, "vm_page_insert_after"), (2, 0, 50, HOSTILE[0]),
        (3, 0, 49, HOSTILE[2]), (1, 50, 60, HOSTILE[5]), (0, 60, 64, HOSTILE[3]), (1, 60, 61, HOSTILE[4]),
    ],
    "story": [
        (HOSTILE[0], "−3 ms, line 1", -3e6, -1e6, "before"), (HOSTILE[2], "+0 ns, line 2", 0, 40, "cause"),
        (f"lock held, {HOSTILE[3]}", "+9 ms, to the end", 9e6, float("inf"), "harm"),
    ],
    "sites": [
        ("rw-acquire", "read", "vm object", "kernel`vm_fault+0x76a", 576, 0),
        ("rw-release", "write", "vm object", f"kernel`{HOSTILE[6]}", 575, 0),
        ("rw-upgrade", "write", "vm object", "kernel`vm_fault+0xcd0", 561, 0),
        ("rw-acquire", "write", HOSTILE[5], f"{HOSTILE[0]}", 3, 1),
    ],
    "sides": [
        ("failed fault", 5, 100, 0.05, 0.02, 0.1, 0, 900, 0.0, 0.0, 0.004),
        (HOSTILE[1], 0, 7, 0.0, 0.0, 0.35, 7, 7, 1.0, 0.65, 1.0),
    ],
    "gaps": [(0.5, 1.25, f"12 drops on CPU 1 {HOSTILE[1]}")],
}  # fmt: skip


def tables(empty: bool) -> dict[str, pd.DataFrame]:
    """Each input table of the figures, filled or without a row."""
    return {name: pd.DataFrame([] if empty else _ROWS[name], columns=columns) for name, columns in _COLUMNS.items()}


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
        compared.latency(t["path_bins"], t["path_bins"].head(3), PROVENANCE),
        *([] if empty else [story.story("finding-1", f"What {HOSTILE[4]} did", t["story"], "It failed.", PROVENANCE)]),
    ]
