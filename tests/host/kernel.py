"""A kernel whose truth is known: prints what vmfault.d would print of the load that has just run, with defects or none.

Usage: kernel.py SCRIPT FOLDER [DEFECTS].  SCRIPT is the D that was to run (its columns are printed), FOLDER is where
the load's folder is.  A defect is a part whose steps do not show, or "lost".  It shares nothing with what judges.
"""

import json
import re
import sys
from pathlib import Path

STEPS = {"zero-fill": 0x22, "threads": 0x22, "copy": 0x24, "page-in": 0x21, "moved": 0x24, "sparse": 0x22, "fork": 0}
REFUSED = 23  # radix nodes, while the fail point was armed
RESULTS = {"invalid": 1, "protected": 2, "beyond": 9}


def main(script, folder, defects=""):
    text = Path(script).read_text()
    columns = {}
    for tag, named in re.findall(r"#fields\\t([A-Z])((?:\\t\w+:\w+)+)", text):
        columns[tag] = [column.split(":")[0] for column in named.split("\\t")[1:] if column != "stack:stack"]
        print(f"#fields\t{tag}{named}".replace("\\t", "\t"))

    def row(tag, **values):
        known = {"execname": "python", "ts": 1, "fn": "", "kind": ""} | values
        print(tag, *(known.get(name, "0x0" if name in ADDRESSES else 0) for name in columns[tag]), sep="\t")

    statement = json.loads(next(Path(folder).glob("vmtrace-load.*/statement")).read_text())
    faults = 0
    for part in statement["parts"]:
        path = STEPS.get(part["part"], 0)
        if part["part"] in defects.split():
            path &= ~0x6
        for number in range(part["faults"] - ("lost" in defects and part["part"] == "threads")):
            moved = part is statement["parts"][-1] and number < 5 and part["part"] == "moved"
            pid = part["pids"][number % len(part["pids"])]
            result = RESULTS.get(part["part"], 0)
            faults += 1
            if "E" in columns:
                steps(row, faults, pid, part["first"], path, result)
            else:
                row("F", pid=pid, va=hex(part["first"]), path=hex(0x30 if moved else path), rc=result, acq=2, rel=2)
            if moved:
                row("M", pid=part["pids"][0], fn="replace", infault=1)
        for _ in range(REFUSED if part["part"] == "sparse" else 0):
            row("A", fn="vm_radix_insert", rc=12)
            print("              kernel`vm_radix_insert+0x1\n")
        moves = part.get("moves", 0)
        for number in range(moves + 2 if moves else 0):  # two of another object
            row("M", pid=part["pids"][0], fn="rename", infault=0, src=hex(0x10 + number // moves), dst="0x20")
    print(f"C\tvm_fault\t{faults}\nT\t2\nC\tvm_fault\t0\n#end\t3")
    print("#aggregation\twitness\tprobe\tcount\nrw-acquire\t9\nrw-release\t9")


def steps(row, number, pid, va, path, result):
    """The same as vmevents.d prints it, lines of one fault out of order."""
    at = {"tid": pid, "pid": pid}
    row("R", ts=10 * number + 9, fn="vm_fault", rc=result + (7 << 32), **at)  # the upper half is anything
    row("E", ts=10 * number, fn="vm_fault", a1=hex(va), **at)
    for order, (bit, function) in enumerate(FUNCTIONS.items(), 1):
        if path & bit:
            row("E", ts=10 * number + order, fn=function, **at)
    row("L", ts=10 * number + 5, op="rw-acquire", lock="0x1000", **at)
    row("L", ts=10 * number + 6, op="rw-release", lock="0x1000", **at)


FUNCTIONS = {0x20: "vm_page_alloc_after", 0x2: "pmap_zero_page", 0x4: "pmap_copy_page"}
ADDRESSES = ("va", "lockxor", "locksum", "freexor", "page", "src", "dst", "mold", "path", "prot", "flags")

main(*sys.argv[1:])
