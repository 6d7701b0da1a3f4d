"""Where the time of faults went: the slowest of them one by one, and sums by process, path and range of addresses."""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from analyzer.summary.tables import TABLES, group

RANGE_BITS = 26  # addresses are told apart by 64 MB: a finer table would grow with the log


def reduce_where(faults: pa.Table) -> dict[str, pa.Table]:
    """The tables `slowest` and `hot` of fault records that have line, ts, pid, tid, va, path, rc, dur and execname."""
    address = faults["va"].cast(pa.uint64(), safe=False)
    ranged = faults.append_column("range", pc.shift_right(address, pa.scalar(RANGE_BITS, pa.uint64())))
    durations, most = faults["dur"].to_numpy(), TABLES["slowest"].most
    if len(durations) > most:
        # All as slow as the slowest that is kept: which of equal ones stay is decided where tables are added.
        faults = faults.take(pa.array(np.flatnonzero(durations >= np.partition(durations, -most)[-most])))
    return {"slowest": group("slowest", faults, count="faults"), "hot": group("hot", ranged, count="faults")}
