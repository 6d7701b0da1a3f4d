"""The script that prints a record of each fault, both editions; recording10.py is its sister on 10.x."""

from abc import ABC, abstractmethod
from typing import ClassVar

from .dtrace import Locals, Program, on, quoted, stack
from .world import CALLERS, Firing

_M64 = (1 << 64) - 1
_WHO = "ts:time\tcpu:int\tpid:int\ttid:int"
ASKED = f"{_WHO}\tva:addr\tprot:bits\tflags:bits\trc:int\tdur:ns\toncpu:ns\tpath:bits"
COUNTED = "inserts:int\tinsfails:int\tlookups:int"
MOVED = (
    f"{_WHO}\tfn:str\tpage:addr\tsrc:addr\tdst:addr\tpindex:int\tmold:addr\trc:int\tdur:ns\tinfault:int\tbusy:bits"
    "\tdirty:bits"
)
A_FIELDS = f"{_WHO}\tfn:str\trc:int\tinfault:int\texecname:str\tstack:stack"
X_FIELDS = f"{_WHO}\tkind:str\tobject:addr\tpage:addr\towner:addr\texecname:str\tstack:stack"
T_FIELDS, C_FIELDS = "ts:time", "fn:str\tcalls:int"

PAGER, ZERO, COPY, RENAME, REPLACE, ALLOC, BUSY, WAIT = (1 << bit for bit in range(8))
# Where in self->c each counter begins, and how many bits it has.
FIRST_EDITION = {"inserts": (20, 6), "insfails": (26, 6), "lookups": (32, 6), "frees": (38, 6), "path": (44, 8)}
SECOND_EDITION = {"path": (0, 8), "inserts": (9, 18), "insfails": (27, 17), "lookups": (44, 20)}


class Recorder(Program, ABC):
    """What vmfault and vmfault10 of both editions have in common."""

    layout = FIRST_EDITION
    empty = 1 << 62  # self->c at the entry
    replaced_busy = False  # whether M has moldbusy
    callers = False  # whether M says who moved the page

    def part(self, word: int, counter: str) -> int:
        place, bits = self.layout[counter]
        return word >> place & (1 << bits) - 1

    def one(self, counter: str) -> int:
        return 1 << self.layout[counter][0]

    def take(self, me: Locals, bit: int) -> None:
        """A step of the path."""
        if me["st"] > 1:
            me["c"] |= bit << self.layout["path"][0]

    @on("vm_fault:entry", "vm_fault_hold:entry")
    def entry(self, firing: Firing, me: Locals) -> None:
        function = firing.probe.partition(":")[0]
        if not self.wanted(firing) or not self.handles(function):
            return
        me["st"] = firing.ts
        me["vt"] = firing.ts // 2 | 1
        me["va"] = firing.args[0] | 1
        me["pf"] = firing.args[1] | 1 << 30
        me["c"] = self.empty
        self.begin_fault(me)
        self.add("calls", firing, (function,))

    def handles(self, function: str) -> bool:
        return True

    def begin_fault(self, me: Locals) -> None:
        """What else the entry sets."""

    @on("vm_map_lookup:entry")
    def lookup(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += firing.times * self.one("lookups")

    @on("vm_radix_insert:return")
    def inserted(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += self.one("insfails" if firing.args[0] else "inserts")

    @on("pmap_zero_page:entry")
    def zero(self, firing: Firing, me: Locals) -> None:
        self.take(me, ZERO)

    @on("pmap_copy_page:entry")
    def copy(self, firing: Firing, me: Locals) -> None:
        self.take(me, COPY)

    @on("vm_page_rename:entry", "vm_page_iter_rename:entry")
    def renames(self, firing: Firing, me: Locals) -> None:
        self.take(me, RENAME)

    @on("vm_page_alloc:entry", "vm_page_alloc_after:entry")
    def allocates(self, firing: Firing, me: Locals) -> None:
        self.take(me, ALLOC)

    @on("vm_page_busy_sleep:entry")
    def busy(self, firing: Firing, me: Locals) -> None:
        self.take(me, BUSY)

    @on("vm_wait:entry")
    def waits(self, firing: Firing, me: Locals) -> None:
        self.take(me, WAIT)

    @on("vm_fault:return", "vm_fault_hold:return")
    def returned(self, firing: Firing, me: Locals) -> None:
        if me["st"] <= 1 or not self.handles(firing.probe.partition(":")[0]):
            return
        c = me["c"]
        middle = self.middle(firing, me)
        self.print(
            firing,
            f"F\t{me['st']}\t{firing.cpu}\t{firing.thread.process.pid}\t{firing.thread.tid}\t0x{me['va'] & ~1:x}"
            f"\t0x{me['pf'] & 0xFF:x}\t0x{me['pf'] >> 8 & 0xFFFF:x}\t{firing.args[0]}\t{firing.ts - me['st']}"
            f"\t{firing.ts // 2 - me['vt']}\t0x{self.part(c, 'path'):x}\t{middle}\t{self.part(c, 'inserts')}"
            f"\t{self.part(c, 'insfails')}\t{self.part(c, 'lookups')}{self.tail(me)}"
            f"\t{quoted(firing.thread.process.execname)}\n",
        )
        me["st"] = 1

    @abstractmethod
    def middle(self, firing: Firing, me: Locals) -> str:
        """The columns of the locks."""

    def tail(self, me: Locals) -> str:
        """The columns of the frees, of the first edition."""
        return f"\t{self.part(me['c'], 'frees')}\t0x{me['fx'] & ~1:x}" if self.edition == 1 else ""

    # Pages that move

    def _begins(self, firing: Firing, me: Locals) -> None:
        page, target, pindex, source, caller = firing.args
        if self.callers:
            me["mc"] = caller
        me["mt"] = firing.ts
        me["mp"] = page
        me["md"] = target
        me["mx"] = pindex + 1
        me["ms"] = source | 1
        self.add("calls", firing, (firing.probe.partition(":")[0],))

    def _moved(self, firing: Firing, me: Locals, source: int, mold: int, rc: int, function: str) -> None:
        if not me["mp"]:
            self.damage.fails("fbt:kernel:vm_page_rename:return")
        busy = f"\t0x{me['mb'] & 0xFFFFFFFF if function == 'replace' else 0:x}" if self.replaced_busy else ""
        busy += f"\t{CALLERS.get(me['mc'], '0x0')}" if self.callers else ""
        infault = int(me["st"] > 1)
        self.print(
            firing,
            f"M\t{me['mt']}\t{firing.cpu}\t{firing.thread.process.pid}\t{firing.thread.tid}\t{function}"
            f"\t0x{me['mp']:x}\t0x{source:x}\t0x{me['md']:x}\t{me['mx'] - 1}\t0x{mold:x}\t{rc}\t{firing.ts - me['mt']}"
            f"\t{infault}\t0x2\t0xff{busy}\t{quoted(firing.thread.process.execname)}\n",
        )
        me["mt"] = 1

    @on("vm_page_rename:entry")
    def rename_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            self._begins(firing, me)

    @on("vm_page_rename:return")
    def rename_ends(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1:
            self._moved(firing, me, me["ms"] & ~1, 0, firing.args[0], "rename")

    # Nodes that could not be had

    @on("vm_radix_insert:entry")
    def insert_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            self.add("calls", firing, ("vm_radix_insert",))

    @on("vm_radix_insert:return")
    def insert_fails(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] and self.wanted(firing):
            self.no_node(firing, me, "vm_radix_insert")

    def no_node(self, firing: Firing, me: Locals, function: str) -> None:
        infault = int(me["st"] > 1)
        self.print(
            firing,
            f"A\t{self.who(firing)}\t{function}\t12\t{infault}\t{quoted(firing.thread.process.execname)}"
            + stack("vm_page_insert_after+0x33", "vm_fault+0x76a", "trap_pfault+0x1f2"),
        )

    def alarm(self, firing: Firing, kind: str, obj: int, page: int, owner: int) -> None:
        self.print(
            firing,
            f"X\t{self.who(firing)}\t{kind}\t0x{obj:x}\t0x{page:x}\t0x{owner:x}"
            f"\t{quoted(firing.thread.process.execname)}" + stack("unlock_and_deallocate+0xef", "vm_fault_hold+0x1259"),
        )


class _Vmfault(Recorder):
    """11.0 and later."""

    name = "vmfault"

    @on("vm_page_replace:entry")
    def replaces(self, firing: Firing, me: Locals) -> None:
        self.take(me, REPLACE)

    @on("vm_page_iter_rename:entry")
    def iter_rename_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            self._begins(firing, me)

    @on("vm_page_iter_rename:return")
    def iter_rename_ends(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1:
            self._moved(firing, me, me["ms"] & ~1, 0, int(not firing.args[0]), "rename")

    @on("vm_page_replace:entry")
    def replace_begins(self, firing: Firing, me: Locals) -> None:
        if not self.wanted(firing):
            return
        page, target, pindex, old, caller = firing.args
        if self.callers:
            me["mc"] = caller
        me["mt"] = firing.ts
        me["mp"] = page
        me["md"] = target
        me["mx"] = pindex + 1
        me["mo"] = (old if self.osreldate >= 1300000 else 0) | 1
        if self.replaced_busy:
            me["mb"] = 1 << 32 | (2 if self.osreldate >= 1300000 else 0)
        self.add("calls", firing, ("vm_page_replace",))


class Vmfaultv1(_Vmfault):
    """The first edition: all counters of a fault in one word, 6 or 10 bits each, that run into each other."""

    fields: ClassVar[dict[str, str]] = {
        "F": f"{ASKED}\tacq:int\trel:int\tlockxor:addr\t{COUNTED}\tfrees:int\tfreexor:addr\texecname:str",
        "M": f"{MOVED}\texecname:str",
        "A": A_FIELDS,
        "T": T_FIELDS,
        "C": C_FIELDS,
    }

    def begin_fault(self, me: Locals) -> None:
        me["lx"] = 1
        me["fx"] = 1

    @on("rw-acquire")
    def acquire(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += firing.times
            me["lx"] ^= firing.args[0] * (firing.times & 1)

    @on("rw-release")
    def release(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += firing.times << 10
            me["lx"] ^= firing.args[0] * (firing.times & 1)

    @on("vm_page_free_toq:entry")
    def frees(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += firing.times * self.one("frees")
            me["fx"] ^= firing.args[0] * (firing.times & 1)

    @on("vm_pager_get_pages:entry")
    def asks_pager(self, firing: Firing, me: Locals) -> None:
        self.take(me, PAGER)

    def middle(self, firing: Firing, me: Locals) -> str:
        return f"{me['c'] & 0x3FF}\t{me['c'] >> 10 & 0x3FF}\t0x{me['lx'] & ~1:x}"

    @on("vm_page_replace:return")
    def replace_ends(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1:
            mold = me["mo"] & ~1 if self.osreldate >= 1300000 else firing.args[0]
            self._moved(firing, me, 0, mold, 0, "replace")

    @on("vm_radix_node_alloc:entry")
    def node_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["na"] = 2
            self.add("calls", firing, ("vm_radix_node_alloc",))

    @on("uma_zalloc_smr:return")
    def node_ends(self, firing: Firing, me: Locals) -> None:
        """Where the allocation fails this probe does not fire: an A record of 15.0 was never seen."""
        if me["na"] > 1:
            me["na"] = 1


class Vmfaultv2(_Vmfault):
    """The second edition: counters that cannot run into each other, locks as one sum, double frees by page state."""

    edition = 2
    layout = SECOND_EDITION
    empty = 0x100
    replaced_busy = True
    fields: ClassVar[dict[str, str]] = {
        "F": f"{ASKED}\tlocksum:addr\t{COUNTED}\texecname:str",
        "M": f"{MOVED}\tmoldbusy:bits\texecname:str",
        "A": A_FIELDS,
        "X": X_FIELDS,
        "T": T_FIELDS,
        "C": C_FIELDS,
    }

    def begin_fault(self, me: Locals) -> None:
        me["ls"] = 1 << 63

    @on("rw-acquire")
    def acquire(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["ls"] += firing.times * (firing.args[0] + 1)

    @on("rw-release")
    def release(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["ls"] -= firing.times * (firing.args[0] + 1)

    @on("vm_page_free_toq:entry")
    def frees(self, firing: Firing, me: Locals) -> None:
        page, free_already = firing.args
        if free_already and self.osreldate >= 1300000:
            self.alarm(firing, "double-free", 0, page, 0)

    @on("vm_page_free_toq:entry")
    def replace_ends_in_free(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1 and me["mo"] & ~1 == firing.args[0]:
            self._moved(firing, me, 0, firing.args[0], 0, "replace")
            me["mo"] = 1

    @on("vm_pager_get_pages:return")
    def pager_gives(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] == 0:
            self.take(me, PAGER)

    @on("vm_page_alloc_iter:entry")
    def allocates_iter(self, firing: Firing, me: Locals) -> None:
        self.take(me, ALLOC)

    def middle(self, firing: Firing, me: Locals) -> str:
        return f"0x{me['ls'] - (1 << 63) & _M64:x}"

    @on("vm_page_replace:return")
    def replace_ends(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1 and self.osreldate < 1300000:
            self._moved(firing, me, 0, firing.args[0], 0, "replace")

    @on("vm_page_iter_insert:entry")
    def iter_insert_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            self.add("calls", firing, ("vm_page_iter_insert",))

    @on("vm_page_iter_insert:return")
    def iter_insert_ends(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += self.one("insfails" if firing.args[0] else "inserts")

    @on("vm_page_iter_rename:return")
    def iter_rename_inserts(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            me["c"] += self.one("inserts" if firing.args[0] else "insfails")

    @on("vm_page_iter_insert:return")
    def iter_insert_fails(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] and self.wanted(firing):
            self.no_node(firing, me, "vm_page_iter_insert")

    @on("vm_page_iter_rename:return")
    def iter_rename_fails(self, firing: Firing, me: Locals) -> None:
        if not firing.args[0] and self.wanted(firing):
            self.no_node(firing, me, "vm_page_iter_rename")


class VmfaultCallers(Vmfaultv2):
    """The second edition, with who moved a page."""

    callers = True
    fields: ClassVar[dict[str, str]] = Vmfaultv2.fields | {
        "M": f"{MOVED}\tmoldbusy:bits\tcaller:str\texecname:str",
    }
