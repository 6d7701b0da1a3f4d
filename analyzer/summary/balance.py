"""Which faults gave back their locks, and which freed a page twice: told from the columns that the script printed.

The first edition of vmfault.d and vmfault10.d packed the counts of a fault into one word: acquires 10 bits, then
releases 10, inserts 6, failed inserts 6, map lookups 6, frees 6, path.  What runs over carries into the next.  lockxor
and freexor stand apart and are exact.  The second edition has locksum, which is exact, and room for every count.
"""

from functools import reduce
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from analyzer.summary.tables import as_table

_NO_ADDRESS = pa.scalar(0, pa.uint64())
_KERNEL = 63  # the bit that every kernel address has
INSERTS_IN_RANGE = 1 << 16  # the second edition has 18 bits for inserts; so many were never seen


def suspects(faults: pa.Table) -> pa.Table:
    """The faults that any question below can be answered badly of: a few of many, so that the others are asked once."""
    has = set(faults.column_names)
    signs = [pc.not_equal(faults[name], _NO_ADDRESS) for name in ("locksum", "lockxor", "held") if name in has]
    if {"acq", "rel"} <= has:
        signs.append(pc.not_equal(faults["acq"], faults["rel"]))
    if _frees_recorded(faults):
        signs.append(_one_page_two_frees(faults))
    if "inserts" in has:
        signs.append(pc.greater(faults["inserts"], INSERTS_IN_RANGE))
    return faults.filter(reduce(pc.or_kleene, signs)) if signs else faults.slice(0, 0)


def unbalanced(faults: pa.Table) -> pa.ChunkedArray | None:
    """Which faults returned with acquires other than releases, or a lock held; None where that is not recorded."""
    has = set(faults.column_names)
    if "locksum" in has:
        return pc.not_equal(faults["locksum"], _NO_ADDRESS)
    if {"acq", "rel", "lockxor"} <= has:
        uneven = pc.or_(pc.not_equal(faults["acq"], faults["rel"]), pc.not_equal(faults["lockxor"], _NO_ADDRESS))
        return pc.and_not(uneven, out_of_range(faults)) if _packed(faults) else uneven
    if "held" in has:
        return pc.not_equal(faults["held"], _NO_ADDRESS)
    return None


def out_of_range(faults: pa.Table) -> pa.ChunkedArray | None:
    """Which faults have acquires and releases that a carry can have made unequal; None where nothing can carry.

    lockxor is 0 there: every lock was taken and released in pairs, as far as it shows.
    """
    if not {"acq", "rel", "lockxor"} <= set(faults.column_names) or not _packed(faults):
        return None
    uneven = pc.and_(pc.not_equal(faults["acq"], faults["rel"]), pc.equal(faults["lockxor"], _NO_ADDRESS))
    # A carry goes from acquires to releases, and comes of what repeats.
    return pc.and_(uneven, pc.or_(pc.greater(faults["rel"], faults["acq"]), _repeated(faults)))


def freed_twice(faults: pa.Table) -> pa.ChunkedArray | None:
    """Which faults freed one page twice with no allocation in between; None where that is not recorded.

    frees is 2 and freexor 0 (first edition).  Only of a fault that took no step at all is it sure that nothing was
    allocated: a page that an insert or a replace gives back may be what the next allocation returns.
    """
    if not _frees_recorded(faults):
        return None
    return pc.and_not(_one_page_two_frees(faults), _may_have_allocated(faults))


def freed_again(faults: pa.Table) -> pa.ChunkedArray | None:
    """Which faults freed one page twice and could have allocated it in between; None where that is not recorded."""
    if not _frees_recorded(faults):
        return None
    return pc.and_(_one_page_two_frees(faults), _may_have_allocated(faults))


def reduce_balance(faults: pa.Table) -> pa.Table:
    """The table `balance`: how many faults each question was asked of, and how many answered badly.

    Measures: "balance asked", "unbalanced", "out of range" (counts of locks that can have carried); "frees asked",
    "freed twice", "freed again"; "inserts out of range" (more than INSERTS_IN_RANGE, second edition).
    """
    counts: dict[str, int] = {}
    number, faults = faults.num_rows, suspects(faults)
    for asked, answers in (
        ("balance asked", {"unbalanced": unbalanced(faults), "out of range": out_of_range(faults)}),
        ("frees asked", {"freed twice": freed_twice(faults), "freed again": freed_again(faults)}),
    ):
        counted = {name: pc.sum(mask).as_py() or 0 for name, mask in answers.items() if mask is not None}
        counts |= {asked: number, **counted} if counted else {}
    if "inserts" in faults.column_names and not _packed(faults):
        counts["inserts out of range"] = pc.sum(pc.greater(faults["inserts"], INSERTS_IN_RANGE)).as_py() or 0
    return as_table("balance", {"measure": pa.array(list(counts), pa.string()), "faults": list(counts.values())})


def wrong_balance(faults: pa.Table) -> pa.Table:
    """The table `balance` of a selection of faults: those out of balance, of which all are selected."""
    uneven = unbalanced(faults)
    counts = {} if uneven is None else {"unbalanced": pc.sum(uneven).as_py() or 0}
    return as_table("balance", {"measure": pa.array(list(counts), pa.string()), "faults": list(counts.values())})


def lock_and_delta(row: dict[str, Any]) -> dict[str, int | None]:
    """Of a fault out of balance `lock`, the one that was left held, and `delta`, acquires less releases.

    None where that is not known.  By locksum delta is known modulo 8, and given from -4 to 3.
    """
    if "locksum" in row:
        delta = (row["locksum"] + 4) % 8 - 4
        return {"lock": row["locksum"] - 1 if delta == 1 else None, "delta": delta}
    if "held" in row:
        return {"lock": row["held"], "delta": None}
    carried = "frees" in row and "inserts" in row and (row["lookups"] != 1 or row["insfails"])
    delta = None if carried else row["acq"] - row["rel"]
    # The exclusive-or of an odd number of kernel addresses is one itself; of an even number it is none.
    one = delta in (None, 1) and row["lockxor"] >> _KERNEL
    return {"lock": row["lockxor"] if one else None, "delta": delta}


def _packed(faults: pa.Table) -> bool:
    """Whether the counts come from one word: of the first edition, and not of faults made of single steps."""
    return {"frees", "inserts"} <= set(faults.column_names)


def _repeated(faults: pa.Table) -> pa.ChunkedArray:
    """Which faults did something again: retried, failed an insert, or slept."""
    return pc.or_(pc.not_equal(faults["lookups"], 1), pc.greater(faults["insfails"], 0))


def _frees_recorded(faults: pa.Table) -> bool:
    return {"frees", "freexor", "lookups", "insfails", "path"} <= set(faults.column_names)


def _one_page_two_frees(faults: pa.Table) -> pa.ChunkedArray:
    return pc.and_(pc.equal(faults["frees"], 2), pc.equal(faults["freexor"], _NO_ADDRESS))


def _may_have_allocated(faults: pa.Table) -> pa.ChunkedArray:
    return pc.or_(_repeated(faults), pc.not_equal(faults["path"], _NO_ADDRESS))
