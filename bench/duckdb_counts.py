"""The counts of a vmfault log by DuckDB: what bench/counts.awk gives, and percentiles of each path.

    python bench/duckdb_counts.py LOG

Columns are found by #fields.  Lines of other records do not fit the types of F and are left out; so would a damaged
one be, which vmtrace says.
"""

import sys

import duckdb

_TYPES = {"time": "BIGINT", "ns": "BIGINT", "int": "BIGINT"}
PERCENTILES = [0.5, 0.9, 0.99]


def fields(path: str) -> dict[str, str]:
    """The columns of F records and their types."""
    with open(path, encoding="utf-8", errors="replace") as log:
        line = next(line for line in log if line.startswith("#fields\tF\t"))
    return dict(column.split(":") for column in line.rstrip("\n").split("\t")[2:])


def main(path: str) -> None:
    columns = fields(path)
    typed = {"tag": "VARCHAR"} | {name: _TYPES.get(kind, "VARCHAR") for name, kind in columns.items()}
    unbalanced = "acq <> rel OR lockxor <> '0x0'" if "lockxor" in columns else "locksum <> '0x0'"
    rows = duckdb.sql(
        f"""
        SELECT path, rc, count(*), sum(dur), count(*) FILTER ({unbalanced}), quantile_disc(dur, {PERCENTILES})
        FROM read_csv($path, columns = {typed}, delim = '\\t', header = false, quote = '', escape = '',
                      auto_detect = false, strict_mode = false, null_padding = true, ignore_errors = true)
        WHERE tag = 'F'
        GROUP BY GROUPING SETS ((path, rc), (path))
        """,
        params={"path": path},
    ).fetchall()
    print("unbalanced", sum(row[4] for row in rows if row[1] is not None))
    for step, rc, number, total, _, percentiles in rows:
        if rc is None:
            print(f"time {step} {total}")
            print("percentiles", step, *percentiles)
        else:
            print(f"result {rc}\t{step} {number}")


if __name__ == "__main__":
    main(sys.argv[1])
