"""What pyarrow alone needs: all columns of the F records of a log, in a fresh process.

    python bench/bare_csv.py FIELDS F_RECORDS       # the log's #fields line of F, and a file of F records only
"""

import sys

import pyarrow as pa
from pyarrow import csv

_TYPES = {"addr": pa.uint64(), "bits": pa.uint64(), "str": pa.dictionary(pa.int32(), pa.string())}


def main(fields: str, path: str) -> None:
    columns = [column.split(":") for column in fields.split("\t")[2:]]
    table = csv.read_csv(
        path,
        read_options=csv.ReadOptions(column_names=["tag", *(name for name, _ in columns)]),
        parse_options=csv.ParseOptions(delimiter="\t", quote_char=False),
        convert_options=csv.ConvertOptions(column_types={name: _TYPES.get(kind, pa.int64()) for name, kind in columns}),
    )
    print(table.num_rows)


if __name__ == "__main__":
    main(*sys.argv[1:])
