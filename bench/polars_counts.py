"""The counts of a vmfault log by polars: what bench/duckdb_counts.py gives.

    python bench/polars_counts.py LOG
"""

import sys

import polars as pl
from duckdb_counts import PERCENTILES, fields

_TYPES = {"time": pl.Int64, "ns": pl.Int64, "int": pl.Int64}


def main(path: str) -> None:
    columns = fields(path)
    with open(path, "rb") as lines:  # the first line that is read says how many columns there are
        head = next(number for number, line in enumerate(lines) if line.startswith(b"F\t"))
    schema = {"tag": pl.String} | {name: _TYPES.get(kind, pl.String) for name, kind in columns.items()}
    log = pl.scan_csv(
        path, separator="\t", has_header=False, schema=schema, quote_char=None, skip_lines=head,
        truncate_ragged_lines=True, ignore_errors=True,
    )  # fmt: skip
    faults = log.filter(pl.col("tag") == "F")
    if "lockxor" in columns:
        unbalanced = (pl.col("acq") != pl.col("rel")) | (pl.col("lockxor") != "0x0")
    else:
        unbalanced = pl.col("locksum") != "0x0"
    results = faults.group_by("rc", "path").agg(pl.len().alias("faults"), unbalanced.sum().alias("unbalanced"))
    quantiles = [pl.col("dur").quantile(q, "lower").alias(f"{q}") for q in PERCENTILES]
    times = faults.group_by("path").agg(pl.col("dur").sum(), *quantiles)
    found, cost = pl.collect_all([results, times])
    print("unbalanced", found["unbalanced"].sum())
    for rc, step, number, _ in found.iter_rows():
        print(f"result {rc}\t{step} {number}")
    for step, total, *percentiles in cost.iter_rows():
        print(f"time {step} {total}")
        print("percentiles", step, *map(int, percentiles))


if __name__ == "__main__":
    main(sys.argv[1])
