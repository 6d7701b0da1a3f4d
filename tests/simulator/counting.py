"""The scripts that count in the kernel: vmagg (at the end) and vmwatch (every ten seconds)."""

from typing import ClassVar

from .dtrace import Locals, Program, on, quoted
from .recording import ALLOC, BUSY, C_FIELDS, COPY, PAGER, RENAME, REPLACE, T_FIELDS, WAIT, X_FIELDS, ZERO
from .world import CALLERS, SECOND, Firing

_SLOW = SECOND
_M64 = (1 << 64) - 1


class _Counter(Program):
    """Path bits, and what they have in common."""

    shift = 0

    def take(self, me: Locals, bit: int) -> None:
        if me["st"] > 1:
            me["c"] |= bit << self.shift

    @on("pmap_zero_page:entry")
    def zero(self, firing: Firing, me: Locals) -> None:
        self.take(me, ZERO)

    @on("pmap_copy_page:entry")
    def copy(self, firing: Firing, me: Locals) -> None:
        self.take(me, COPY)

    @on("vm_page_rename:entry", "vm_page_iter_rename:entry")
    def renames(self, firing: Firing, me: Locals) -> None:
        self.take(me, RENAME)

    @on("vm_page_replace:entry")
    def replaces(self, firing: Firing, me: Locals) -> None:
        self.take(me, REPLACE)

    @on("vm_page_alloc:entry", "vm_page_alloc_after:entry")
    def allocates(self, firing: Firing, me: Locals) -> None:
        self.take(me, ALLOC)


class Vmagg(_Counter):
    """Aggregations only, printed at the end."""

    name = "vmagg"
    bits = clocked = False
    shift = 44

    @on("vm_fault:entry", "vm_fault_hold:entry")
    def entry(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["st"] = firing.ts
            me["c"] = 1 << 62

    @on("rw-acquire")
    def acquire(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1 and self.osreldate >= 1100000:
            me["c"] += firing.times

    @on("rw-release")
    def release(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1 and self.osreldate >= 1100000:
            me["c"] += firing.times << 10

    @on("vm_pager_get_pages:entry")
    def asks_pager(self, firing: Firing, me: Locals) -> None:
        self.take(me, PAGER)

    @on("vm_fault:return", "vm_fault_hold:return")
    def balances(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1 and self.osreldate >= 1100000:
            delta = (me["c"] & 0x3FF) - (me["c"] >> 10 & 0x3FF)
            self.add("imbalance", firing, (me["c"] >> 44 & 0xFF, delta))

    @on("vm_fault:return", "vm_fault_hold:return")
    def returned(self, firing: Firing, me: Locals) -> None:
        if me["st"] > 1:
            path, took = me["c"] >> 44 & 0xFF, firing.ts - me["st"]
            self.add("latency", firing, (path, 1 << took.bit_length() - 1))
            self.add("results", firing, (path, firing.args[0]))
            self.add("total", firing, (path,), took)
            me["st"] = 1

    @on("vm_page_rename:return", "vm_page_iter_rename:return")
    def renamed(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            turned = firing.probe.startswith("vm_page_iter_rename")
            self.add("renames", firing, (int(not firing.args[0]) if turned else firing.args[0],))

    @on("vm_radix_insert:return")
    def inserted(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            self.add("inserts", firing, (firing.args[0],))

    @on("vm_radix_insert:return")
    def fails(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] and self.wanted(firing):
            self.add("sites", firing, ("vm_page_insert_after+0x2b",))

    @on("vm_radix_node_alloc:entry")
    def node_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["na"] = 2

    @on("uma_zalloc_smr:return")
    def node_ends(self, firing: Firing, me: Locals) -> None:
        if me["na"] > 1:
            self.add("inserts", firing, (0,))
            me["na"] = 1

    def section(self, period: int, low: int, high: int) -> str:
        if period != 10:
            return ""
        rows = {name: self.totals(name, low, high) for name in self.updates}
        return (
            tabbed("results\tpath\trc\tcount", rows)
            + tabbed("imbalance\tpath\tdelta\tcount", rows)
            + tabbed("total\tpath\tns", rows)
            + tabbed("renames\trc\tcount", rows)
            + tabbed("inserts\trc\tcount", rows)
            + "#aggregation\tlatency\tpath\tquantize\n"
            + distributions("path {}", rows.get("latency", {}), lambda low: low * 2)
            + sites("sites\tstack\tcount", rows)
        )


class Vmwatch(_Counter):
    """Every fault counted by path, result and process; a record only of what must not be."""

    name = "vmwatch"
    edition = 2
    callers = False  # whether moves are told by who moved the page
    column = ""
    fields: ClassVar[dict[str, str]] = {
        "F": "ts:time\tcpu:int\tpid:int\ttid:int\tva:addr\trc:int\tdur:ns\tpath:bits\tlocksum:addr\texecname:str",
        "X": X_FIELDS,
        "T": T_FIELDS,
        "C": C_FIELDS,
    }

    def selection(self) -> list[str]:
        return [f"#select\tF\tlocksum != 0 || rc > 2 || dur > {_SLOW}\n"]

    @on("vm_fault:entry", "vm_fault_hold:entry")
    def entry(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["st"] = firing.ts
            me["ls"] = 1 << 63
            me["c"] = firing.args[0] & ~0xFFF | 0x100
            self.add("calls", firing, (firing.probe.partition(":")[0],))

    def take(self, me: Locals, bit: int) -> None:
        if me["c"] > 1:
            me["c"] |= bit

    @on("rw-acquire")
    def acquire(self, firing: Firing, me: Locals) -> None:
        if me["c"] > 1:
            me["ls"] += firing.times * (firing.args[0] + 1)

    @on("rw-release")
    def release(self, firing: Firing, me: Locals) -> None:
        if me["c"] > 1:
            me["ls"] -= firing.times * (firing.args[0] + 1)

    @on("vm_page_free_toq:entry")
    def frees(self, firing: Firing, me: Locals) -> None:
        if firing.args[1] and self.osreldate >= 1300000:
            self.print(
                firing,
                f"X\t{self.who(firing)}\tdouble-free\t0x0\t0x{firing.args[0]:x}\t0x0"
                f"\t{quoted(firing.thread.process.execname)}\n              kernel`vm_page_free+0x1b\n\n",
            )

    @on("vm_pager_get_pages:return")
    def pager_gives(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] == 0:
            self.take(me, PAGER)

    @on("vm_page_alloc_iter:entry")
    def allocates_iter(self, firing: Firing, me: Locals) -> None:
        self.take(me, ALLOC)

    @on("vm_page_busy_sleep:entry")
    def busy(self, firing: Firing, me: Locals) -> None:
        self.take(me, BUSY)

    @on("vm_wait:entry")
    def waits(self, firing: Firing, me: Locals) -> None:
        self.take(me, WAIT)

    @on("vm_fault:return", "vm_fault_hold:return")
    def returned(self, firing: Firing, me: Locals) -> None:
        c, locksum = me["c"], me["ls"] - (1 << 63) & _M64
        if c <= 1:
            return
        me["c"] = 1
        path, took, rc = c & 0xFF, firing.ts - me["st"], firing.args[0]
        self.add("latency", firing, (path, rc, decimal_bucket(took)))
        self.add("total", firing, (path,), took)
        self.add("process", firing, (quoted(firing.thread.process.execname), rc))
        if locksum or rc > 2 or took > _SLOW:
            self.print(
                firing,
                f"F\t{me['st']}\t{firing.cpu}\t{firing.thread.process.pid}\t{firing.thread.tid}\t0x{c & ~0xFFF:x}"
                f"\t{rc}\t{took}\t0x{path:x}\t0x{locksum:x}\t{quoted(firing.thread.process.execname)}\n",
            )

    @on("vm_page_rename:entry", "vm_page_iter_rename:entry")
    def rename_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["mt"] = firing.ts
            self.called_by(firing, me)

    @on("vm_page_rename:return", "vm_page_iter_rename:return")
    def rename_ends(self, firing: Firing, me: Locals) -> None:
        if me["mt"] > 1:
            turned = firing.probe.startswith("vm_page_iter_rename")
            rc = int(not firing.args[0]) if turned else firing.args[0]
            self.add("moves", firing, ("rename", rc, int(me["c"] > 1), *self.mover(me)))
            self.add("movens", firing, ("rename", decimal_bucket(firing.ts - me["mt"])))
            me["mt"] = 1

    @on("vm_page_replace:entry")
    def replace_begins(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing):
            me["mr"] = firing.ts
            me["mo"] = (firing.args[3] if self.osreldate >= 1300000 else 0) | 1
            self.called_by(firing, me)

    @on("vm_page_replace:entry")
    def old_page(self, firing: Firing, me: Locals) -> None:
        if self.wanted(firing) and self.osreldate >= 1300000:
            self.add("moldbusy", firing, (2,))

    @on("vm_page_replace:return")
    def replace_returns(self, firing: Firing, me: Locals) -> None:
        if me["mr"] > 1 and self.osreldate < 1300000:
            self._replaced(firing, me)

    @on("vm_page_free_toq:entry")
    def replace_ends(self, firing: Firing, me: Locals) -> None:
        if me["mr"] > 1 and me["mo"] & ~1 == firing.args[0]:
            self._replaced(firing, me)
            me["mo"] = 1

    def called_by(self, firing: Firing, me: Locals) -> None:
        if self.callers:
            me["mc"] = firing.args[4]

    def mover(self, me: Locals) -> tuple[str, ...]:
        return (CALLERS.get(me["mc"], "0x0"),) if self.callers else ()

    def _replaced(self, firing: Firing, me: Locals) -> None:
        self.add("moves", firing, ("replace", 0, int(me["c"] > 1), *self.mover(me)))
        self.add("movens", firing, ("replace", decimal_bucket(firing.ts - me["mr"])))
        me["mr"] = 1

    @on("vm_radix_insert:return", "vm_page_iter_insert:return")
    def insert_fails(self, firing: Firing, me: Locals) -> None:
        if firing.args[0] and self.wanted(firing):
            self._no_node(firing, me)

    @on("vm_page_iter_rename:return")
    def iter_rename_fails(self, firing: Firing, me: Locals) -> None:
        if not firing.args[0] and self.wanted(firing):
            self._no_node(firing, me)

    def _no_node(self, firing: Firing, me: Locals) -> None:
        self.add("sites", firing, (firing.probe.partition(":")[0], 12, int(me["c"] > 1), "vm_fault+0x363"))

    def section(self, period: int, low: int, high: int) -> str:
        rows = {name: self.totals(name, low, high) for name in self.updates}
        if period == 10:
            return (
                tabbed("total\tpath\tns", rows)
                + tabbed("process\texecname\trc\tcount", rows)
                + tabbed(f"moves\tfn\trc\tinfault\t{self.column}count", rows)
                + tabbed("moldbusy\tbusy\tcount", rows)
                + sites("sites\tfn\trc\tinfault\tstack\tcount", rows)
            )
        return (
            "#aggregation\tmovens\tfn\tllquantize\n"
            + distributions("{}", rows.get("movens", {}), decimal_step)
            + "#aggregation\tlatency\tpath\trc\tllquantize\n"
            + distributions("{}\t{}", rows.get("latency", {}), decimal_step)
        )


class VmwatchCallers(Vmwatch):
    """With who moved a page."""

    callers = True
    column = "caller\t"


def decimal_bucket(value: int) -> int:
    """Where the bucket of llquantize(value, 10, 2, 10, 100) begins: 90 of equal width in each decade."""
    width = decimal_step(value) - value
    return value // width * width


def decimal_step(low: int) -> int:
    """Where the bucket after the one that begins at `low` begins."""
    return low + 10 ** (len(str(low)) - 2)


Rows = dict[str, dict[tuple, int]]


def tabbed(columns: str, rows: Rows) -> str:
    """A section of plain values, smallest first."""
    found = rows.get(columns.partition("\t")[0], {})
    return f"#aggregation\t{columns}\n" + "".join(
        "\t".join(map(str, key)) + f"\t{value}\n" for key, value in found.items()
    )


def sites(columns: str, rows: Rows) -> str:
    """A section with stacks, as printa() formats it by itself."""
    text = f"#aggregation\t{columns}\n\n"
    for key, value in rows.get("sites", {}).items():
        if len(key) == 1:
            text += "\n"
        else:
            text += f"  {key[0]:<50} {key[1]:>8} {key[2]:>8}\n"
        text += f"              kernel`{key[-1]}\n              kernel`trap_pfault+0x1f9\n{value:17d}\n"
    return text


def distributions(label: str, found: dict[tuple, int], after) -> str:
    """One block a key; the last part of a key is where a bucket begins, `after` gives the next bucket's."""
    blocks: dict[tuple, dict[int, int]] = {}
    for (*key, low), count in found.items():
        blocks.setdefault(tuple(key), {})[low] = count
    return "".join(label.format(*key) + "\n" + _block(counts, after) + "\n" for key, counts in blocks.items())


def _block(counts: dict[int, int], after) -> str:
    total = sum(counts.values())
    lines = ["           value  ------------- Distribution ------------- count    \n"]
    low, last = min(counts), after(max(counts))
    while low <= last:
        count = counts.get(low, 0)
        lines.append(f"{low:16d} |{'@' * (count * 40 // total):<40} {count:<9d}\n")
        low = after(low)
    return "".join(lines)
