"""The script that prints a record of each step inside the faults of a target: vmevents."""

from typing import ClassVar

from .dtrace import Locals, Program, on, quoted
from .world import Firing

_WHO = "ts:time\tcpu:int\tpid:int\ttid:int"
_ENTERED = (
    "vm_fault", "vm_fault_hold", "vm_map_lookup", "vm_page_rename", "vm_page_iter_rename", "vm_page_replace",
    "vm_page_free_toq", "vm_page_alloc_after", "vm_page_busy_sleep", "vm_pager_get_pages", "pmap_zero_page",
    "pmap_copy_page", "pmap_enter", "vm_radix_insert", "vm_radix_node_alloc",
)  # fmt: skip
_LEFT = (
    "vm_map_lookup", "vm_page_rename", "vm_page_replace", "vm_pager_get_pages", "vm_radix_insert", "vm_fault",
    "vm_fault_hold",
)  # fmt: skip


class Vmeventsv1(Program):
    """Every step inside the faults of a target; of 15.0 no insert and no allocation."""

    name = "vmevents"
    bits = clocked = False
    fields: ClassVar[dict[str, str]] = {
        "E": f"{_WHO}\tfn:str\ta0:addr\ta1:addr\ta2:addr\ta3:addr\texecname:str",
        "R": f"{_WHO}\tfn:str\trc:int",
        "L": f"{_WHO}\top:str\tlock:addr\treader:int\tname:str\tsite:str",
    }

    @on("vm_fault:entry", "vm_fault_hold:entry")
    def begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["in"] = 2

    @on(*(f"{function}:entry" for function in _ENTERED))
    def entered(self, firing: Firing, me: Locals) -> None:
        if me["in"] > 1:
            function = firing.probe.partition(":")[0]
            args = (0x1000, *firing.args, 0) if function in ("vm_fault", "vm_fault_hold") else firing.args
            written = "\t".join(f"0x{value:x}" for value in (*args, 0, 0, 0, 0)[:4])
            text = f"E\t{self.who(firing)}\t{function}\t{written}\t{quoted(firing.thread.process.execname)}\n"
            self.print(firing, text * firing.times)

    @on(*(f"{function}:return" for function in _LEFT))
    def left(self, firing: Firing, me: Locals) -> None:
        if me["in"] > 1:
            text = f"R\t{self.who(firing)}\t{firing.probe.partition(':')[0]}\t{firing.args[0]}\n"
            self.print(firing, text * firing.times)

    @on("vm_page_iter_rename:return")
    def iter_rename_left(self, firing: Firing, me: Locals) -> None:
        if me["in"] > 1:
            self.print(firing, f"R\t{self.who(firing)}\tvm_page_iter_rename\t{int(not firing.args[0])}\n")

    @on("rw-acquire", "rw-release")
    def lock(self, firing: Firing, me: Locals) -> None:
        if me["in"] > 1:
            name = "vmobject" if self.osreldate >= 1500000 else "vm object"
            text = f"L\t{self.who(firing)}\t{firing.probe}\t0x{firing.args[0]:x}\t0\t{name}\tkernel`vm_fault+0x76a\n"
            self.print(firing, text * firing.times)

    @on("vm_fault:return", "vm_fault_hold:return")
    def ends(self, firing: Firing, me: Locals) -> None:
        if me["in"] > 1:
            me["in"] = 1


class Vmeventsv2(Vmeventsv1):
    """15.0's functions too."""

    edition = 2

    @on("vm_page_alloc_iter:entry", "vm_page_iter_insert:entry", "zone_alloc_item:entry")
    def entered_on_15(self, firing: Firing, me: Locals) -> None:
        self.entered(firing, me)

    @on("vm_page_iter_insert:return", "zone_alloc_item:return")
    def left_on_15(self, firing: Firing, me: Locals) -> None:
        self.left(firing, me)
