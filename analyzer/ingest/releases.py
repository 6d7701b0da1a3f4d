"""What the numbers in a trace are called, and what depends on the kernel's release.

Sources: sys/vm/vm_param.h, sys/vm/vm_fault.c (docs/freebsd-vm-tracing.md, sections 1.1, 1.2 and 10).
"""

KERN_RESULTS = (
    "KERN_SUCCESS",
    "KERN_INVALID_ADDRESS",
    "KERN_PROTECTION_FAILURE",
    "KERN_NO_SPACE",
    "KERN_INVALID_ARGUMENT",
    "KERN_FAILURE",
    "KERN_RESOURCE_SHORTAGE",
    "KERN_NOT_RECEIVER",
    "KERN_NO_ACCESS",
    "KERN_OUT_OF_BOUNDS",
    "KERN_RESTART",
)
_SINCE = {9: 1201517, 10: 1300000}  # results that older kernels do not have
_HANDLER_RENAMED = 1201517  # vm_fault_hold became vm_fault; between 1201000 and this, unverified
FORK = "fork's split"
# Who moves pages, by the function that calls vm_page_rename or vm_page_replace.
MOVERS = {
    "vm_object_split": FORK,
    "vmspace_fork": FORK,
    "vm_object_collapse": "collapse",
    "vm_object_collapse_scan": "collapse",
    "vm_object_backing_scan": "collapse",
    "vm_object_qcollapse": "collapse",
    "vm_fault": "the fault",
    "vm_fault_hold": "the fault",
    "vm_fault_cow": "the fault",
}
ITER_RENAME = 1500030  # vm_page_iter_rename became what renames; between 1500013 and this, unverified
_RADIX_ERRORS = {12: "ENOMEM"}
_STEPS = {"pager": "page-in", "zero": "zero-fill"}  # what a log's #bits calls them, and the glossary
STEP_ORDER = ("zero-fill", "copy", "page-in", "rename", "replace", "alloc", "busy", "wait")
BITS = {
    0x1: "pager",
    0x2: "zero",
    0x4: "copy",
    0x8: "rename",
    0x10: "replace",
    0x20: "alloc",
    0x40: "busy",
    0x80: "wait",
}
OBJECT_LOCKS = frozenset({"vm object", "vmobject"})  # how releases name the lock of a VM object; the second is 15's
NOT_RECORDED = -1  # stands for a path or result that the log has no column for


def handler(osreldate: int | None) -> str:
    """The function that handles a fault."""
    return "vm_fault_hold" if osreldate is not None and osreldate < _HANDLER_RENAMED else "vm_fault"


def fault_function(osreldate: int | None) -> str:
    """What a fault is counted under: the handler's name, or "page fault" where the release is not known."""
    return "page fault" if osreldate is None else handler(osreldate)


def release(osreldate: int | None) -> str:
    """13.2 of 1302001; "unknown release" where the log names none."""
    if osreldate is None:
        return "unknown release"
    return f"{osreldate // 100000}.{osreldate // 1000 % 100}"


def result_name(rc: int, osreldate: int | None) -> str:
    """The KERN_ name of a fault's result on that release."""
    if rc == NOT_RECORDED:
        return "not recorded"
    if 0 <= rc < len(KERN_RESULTS) and (osreldate is None or osreldate >= _SINCE.get(rc, 0)):
        return KERN_RESULTS[rc]
    return f"result {rc}"


def frame_function(frame: str) -> str:
    """The function of a frame, without the kernel's name and the offset: kernel`vm_fault+0x363 is vm_fault."""
    return frame.removeprefix("kernel`").partition("+0x")[0]


def insert_error_name(rc: int) -> str:
    """The errno name of a radix insert's result."""
    return _RADIX_ERRORS.get(rc, f"error {rc}")


def path_steps(path: int, bits: dict[int, str] | None = None) -> list[str]:
    """The steps of a path, in the glossary's order and words; none for a soft fault."""
    named = {_STEPS.get(name, name) for mask, name in (bits or BITS).items() if path & mask}
    known = [step for step in STEP_ORDER if step in named]
    return known + sorted(named.difference(known))


def path_name(path: int, bits: dict[int, str] | None = None) -> str:
    """A path in words: `soft`, `copy+alloc`, …"""
    if path == NOT_RECORDED:
        return "any (path not recorded)"
    return "+".join(path_steps(path, bits)) or "soft"
