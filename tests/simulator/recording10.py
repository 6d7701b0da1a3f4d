"""The script that prints a record of each fault of 10.x, both editions."""

from typing import ClassVar

from .dtrace import Locals, on
from .recording import A_FIELDS, ASKED, C_FIELDS, COUNTED, MOVED, PAGER, SECOND_EDITION, T_FIELDS, X_FIELDS, Recorder
from .world import Firing


class Vmfault10v1(Recorder):
    """10.x: no lock operation can be counted; the lock word of the top object is read instead."""

    name = "vmfault10"
    fields: ClassVar[dict[str, str]] = {
        "F": f"{ASKED}\theld:addr\t{COUNTED}\tfrees:int\tfreexor:addr\texecname:str",
        "M": f"{MOVED}\texecname:str",
        "A": A_FIELDS,
        "X": X_FIELDS,
        "T": T_FIELDS,
        "C": C_FIELDS,
    }

    def handles(self, function: str) -> bool:
        return function == "vm_fault_hold"

    def begin_fault(self, me: Locals) -> None:
        if self.edition == 1:
            me["fx"] = 1
        me["ob"] = 1

    @on("vm_map_lookup:entry")
    def asks_map(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["po"] = 1

    @on("vm_map_lookup:return")
    def finds_object(self, firing: Firing, me: Locals) -> None:
        rc, top = firing.args
        if me["st"] > 1 and rc == 0:
            if not me["po"]:
                self.damage.fails("fbt:kernel:vm_map_lookup:return")
            me["ob"] = top | 1

    def _held(self, firing: Firing, me: Locals) -> bool:
        return me["ob"] > 1 and self.kernel.owner(me["ob"] & ~1, firing.ts) == firing.thread.struct

    @on("vm_page_free_toq:entry")
    def frees(self, firing: Firing, me: Locals) -> None:
        page, free_already = firing.args
        if self.edition == 1 and me["st"] > 1:
            me["c"] += firing.times * self.one("frees")
            me["fx"] ^= page * (firing.times & 1)
        if free_already:
            self.alarm(firing, "double-free", me["ob"] & ~1, page, 0)

    @on("unlock_and_deallocate:return")
    def lets_go(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1 and self._held(firing, me):
            self.alarm(firing, "lock-held", me["ob"] & ~1, 0, firing.thread.struct)

    @on("vm_pager_get_pages:entry")
    def asks_pager(self, firing: Firing, me: Locals) -> None:
        if self.edition == 1:
            self.take(me, PAGER)

    @on("vm_pager_get_pages:return")
    def pager_gives(self, firing: Firing, me: Locals) -> None:
        if self.edition == 2 and firing.args[0] == 0:
            self.take(me, PAGER)

    def middle(self, firing: Firing, me: Locals) -> str:
        return f"0x{me['ob'] & ~1 if self._held(firing, me) else 0:x}"


class Vmfault10v2(Vmfault10v1):
    """X alone decides on double frees."""

    edition = 2
    layout = SECOND_EDITION
    empty = 0x100
    fields: ClassVar[dict[str, str]] = Vmfault10v1.fields | {"F": f"{ASKED}\theld:addr\t{COUNTED}\texecname:str"}


class Vmfault10Callers(Vmfault10v2):
    """The second edition, with who moved a page."""

    callers = True
    fields: ClassVar[dict[str, str]] = Vmfault10v2.fields | {"M": f"{MOVED}\tcaller:str\texecname:str"}
