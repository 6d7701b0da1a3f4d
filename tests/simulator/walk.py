"""One thread's way through the kernel: its clock, its CPU, what fires, and what that means.

A fault walks through the handler as docs/freebsd-vm-tracing.md tells it (1.4, 2, 3, 12, 13).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .world import CERTAIN, DOOMED, MS, NO_NODE, SUCCESS, US, Event, Fault, Firing, Move, Thread

if TYPE_CHECKING:
    from .kernel import Kernel

_SINGLY = 10  # retries that are walked one by one


class Walk:
    """One thread's way through the kernel: its clock, its CPU, and what fires."""

    def __init__(self, kernel: Kernel, thread: Thread, ts: int) -> None:
        self.kernel, self.thread, self.ts = kernel, thread, ts
        self.release, self.random = kernel.release, kernel.random
        self.cpu = self.random.randrange(kernel.plan.cpus)
        self._fault: Fault | None = None
        self._kept: set[int] = set()  # locks that it will not give back

    @property
    def traced(self) -> bool:
        """Nothing bad happens before tracing begins; in a fault that it finds under way it may."""
        return self.ts > self.kernel.begin

    def fire(self, probe: str, *args: int, times: int = 1) -> None:
        self.ts += self.random.randrange(200, 2000)
        self.kernel.firings.append(Firing(self.ts, self.cpu, self.thread, probe, args, times))

    def happens(self, claim: str, function: str = "") -> None:
        self.kernel.events.append(Event(claim, self.ts, self.thread, self._fault, function))

    def sleep(self, most: int) -> None:
        """Off the CPU for a while, and perhaps back on another."""
        self.ts += self.random.randrange(most // 4, most)
        self.cpu = self.random.randrange(self.kernel.plan.cpus)

    # Outside faults

    def outside(self) -> bool:
        """A fork that splits an object, an exit that collapses one, or a read that allocates; the thread goes on."""
        if self.random.random() < 0.4:
            self.fire(f"{self.release.allocates}:entry")
            self.insert()
        else:
            self._rename_some()
        return True

    def _rename_some(self) -> None:
        source, target = self.kernel.address() & ~0xFF, self.kernel.address() & ~0xFF
        for pindex in range(self.random.randrange(1, 6)):
            self.rename(self.kernel.address(), target, pindex, source)

    # One fault

    def fault(self) -> bool:
        """Run the handler; whether the thread goes on."""
        kernel, release, random = self.kernel, self.release, self.random
        va = random.randrange(1, 1 << 35) << 12
        if release.handler == "vm_fault_hold":
            self.fire("vm_fault:entry", va, 2)
        self.fire(f"{release.handler}:entry", va, random.choice((1, 2, 2)))
        fault = self._fault = Fault(self.thread, self.ts, va)
        kernel.faults.append(fault)
        kernel.count("vm.stats.vm.v_vm_faults", self.ts)
        if not self._handle(fault) or kernel.panicked is not None:
            return False
        self.ts += int(10 * US * random.random() * kernel.plan.spread)
        self.fire(f"{release.handler}:return", fault.rc)
        fault.end = self.ts
        if fault.rc != SUCCESS:
            self.happens("failed-fault", f"{fault.rc}")
        if release.handler == "vm_fault_hold":
            self.fire("vm_fault:return", fault.rc)
        return True

    def _handle(self, fault: Fault) -> bool:
        """What the fault does between entry and return; False where it never returns."""
        random = self.random
        if random.random() < 0.06:
            fault.rc = random.choice(self.release.results)
            self._lookup(fault, self.thread.process.top, fault.rc)
            return True
        top = self.thread.process.top if random.random() < 0.7 else self.kernel.address() & ~0xFF
        self._lookup(fault, top)
        if self.kernel.owner(top, self.ts):
            return False  # whoever wants a lock that is left held waits for ever
        if self.traced and self.kernel.strike("never"):
            self._step(fault, "busy", "vm_page_busy_sleep:entry")
            return False
        self._acquire(top)
        if random.random() < 0.05:
            self._low_memory(fault, top)
        if random.random() < 0.08:
            self._release(top)
            self._step(fault, "busy", "vm_page_busy_sleep:entry")
            self.sleep(3 * MS)
            self._lookup(fault, top)
            self._acquire(top)
        if not self._resolve(fault, top):
            return False
        self._enter(fault)
        if random.random() < 0.04:
            self._rename_some()  # a collapse of the object: its renames may fail, and that does no harm
        if self.traced and self.kernel.strike("double-free"):
            page = self.kernel.address()
            self._free(page)
            self._free(page, again=True)
        if self.traced and self.kernel.strike("lock"):
            self._keep(top)
        if top not in self._kept:
            self._release(top)
        if self.traced and self.kernel.strike("panic"):
            self._panic()
        return True

    def _resolve(self, fault: Fault, top: int) -> bool:
        """Find the page, or make it."""
        chance = self.random.random()
        if chance < 0.35:
            return True
        page = self._allocate(fault, top)
        if chance < 0.5:
            self._page_in(fault)
        elif chance < 0.7:
            self._zero(fault)
        else:
            self.kernel.count("vm.stats.vm.v_cow_faults", self.ts)
            if chance < 0.85:
                self._step(fault, "copy", "pmap_copy_page:entry")
            elif self.release.renames_in_faults:
                return self._rename_in_fault(fault, top, page)
            else:
                self._replace(fault, top, page)
        return True

    def _enter(self, fault: Fault) -> None:
        """Map the page; its page table may need a page that is zeroed and is of no object (facts 13.19)."""
        self.fire("pmap_enter:entry")
        if self.release.tables_apart and self.random.random() < 0.2:
            self._step(fault, "page table", "pmap_zero_page:entry")
        self._pair(self.kernel.address())  # the pmap's list of mappings

    def _page_in(self, fault: Fault) -> None:
        """Ask the pager; often it has nothing and the page is filled with zeros (facts 13.8)."""
        self._step(fault, "asked pager", "vm_pager_get_pages:entry")
        came = self.random.random() < 0.5
        if came:
            self.sleep(2 * MS)
            self.kernel.count("vm.stats.vm.v_io_faults", self.ts)
            fault.steps.add("pager")
        self.fire("vm_pager_get_pages:return", 0 if came else 3)
        if not came:
            self._zero(fault)

    def _replace(self, fault: Fault, top: int, old: int) -> None:
        """11.0 and later: nothing is allocated, nothing can fail."""
        fault.steps.add("replace")
        page, start = self.kernel.address(), self.ts
        self.fire("vm_page_replace:entry", page, top, 5, old, 1)
        start = self.ts
        if self.release.replace_returns:
            self.fire("vm_page_replace:return", old)
        end = self.ts
        self._free(old)
        end = end if self.release.replace_returns else self.ts
        self.kernel.count("vm.stats.vm.v_cow_optim", self.ts)
        self.kernel.moves.append(Move(self.thread, start, end, "replace", 0, fault))

    def _rename_in_fault(self, fault: Fault, top: int, old: int) -> bool:
        """10.x (facts 2.3): the stock kernel frees the old page, then renames, and has the wrong error path."""
        stock = "d4326" in self.kernel.plan.bugs
        if stock:
            self._free(old)
        doomed = stock and self.traced and self.kernel.strike("d4326")
        chance = DOOMED if doomed else CERTAIN if stock else None
        moved = self.rename(self.kernel.address(), top, 5, self.kernel.address() & ~0xFF, chance)
        if moved:
            if not stock:
                self._free(old)
            self.kernel.count("vm.stats.vm.v_cow_optim", self.ts)
            return True
        if doomed:
            return self._d4326(fault, top, old)
        # The mended path: nothing was freed; wait for memory and take the whole way again.
        self._release(top)
        self._wait(fault)
        self._lookup(fault, top)
        self._acquire(top)
        self._step(fault, "copy", "pmap_copy_page:entry")
        return True

    def _d4326(self, fault: Fault, top: int, old: int) -> bool:
        how = self.kernel.plan.d4326
        self._free(old, again=True, seen=how != "reallocated")
        if how == "panic":
            self._panic()
            return True
        self._keep(top)
        self.fire("unlock_and_deallocate:return")
        self._lookup(fault, top)
        return how == "return"

    # Steps

    def _lookup(self, fault: Fault, top: int, rc: int = 0, times: int = 1) -> None:
        fault.lookups += times
        self.fire("vm_map_lookup:entry", times=times)
        self.fire("vm_map_lookup:return", rc, top, times=times)

    def _low_memory(self, fault: Fault, top: int) -> None:
        """No page to be had: wait and try again, up to thousands of times; each time a page may go back."""
        times = self.random.randrange(1, self.kernel.plan.retries + 1)
        if times > _SINGLY:
            self._try_again(fault, top, times)
        else:
            for _ in range(times):
                self._try_again(fault, top, 1)

    def _try_again(self, fault: Fault, top: int, times: int) -> None:
        """All of them at once, or one."""
        if self.random.random() < 0.3:
            self.fire(f"{self.release.allocates}:entry", times=times)
            fault.steps.add("alloc")
            self.fire("vm_page_free_toq:entry", self.kernel.address(), 0, times=times)
        self._release(top, times)
        self._wait(fault, times)
        self._lookup(fault, top, times=times)
        self._acquire(top, times)

    def _allocate(self, fault: Fault, top: int) -> int:
        """A page for the top object; where its insert fails, it goes back, and the next may be the same."""
        page = self.kernel.address()
        while True:
            self._step(fault, "alloc", f"{self.release.allocates}:entry")
            if self.insert():
                return page
            self._free(page)
            if self.random.random() < 0.3:
                page = self.kernel.address()
            self._release(top)
            self._wait(fault)
            self._lookup(fault, top)
            self._acquire(top)

    def insert(self, chance: float | None = None) -> bool:
        """One radix insert; it fails where no node is to be had: by `chance`, or as the plan says."""
        if self.release.inlines_inserts:
            function = "vm_page_iter_insert"
            self.fire(f"{function}:entry")
            got = self._node(chance)
        else:
            function = "vm_radix_insert"
            self.fire(f"{function}:entry")
            got = self._gets_node(chance)
        self.fire(f"{function}:return", 0 if got else NO_NODE)
        self._inserted(got, function)
        return got

    def _gets_node(self, chance: float | None) -> bool:
        if chance is None:
            chance = self.kernel.plan.fail_rate if self.traced else CERTAIN
        got = self.random.random() >= chance
        self.kernel.count(f"vm.uma.RADIX_NODE.stats.{'allocs' if got else 'fails'}", self.ts)
        return got

    def _node(self, chance: float | None) -> bool:
        """15.0: the allocation of a node shows where it begins; its end only where it succeeds (facts 13.2)."""
        got = self._gets_node(chance)
        if not got or self.random.random() < 0.3:
            self.fire("vm_radix_node_alloc:entry")
            if got:
                self.fire("uma_zalloc_smr:return", 1)
            else:
                self.fire("zone_alloc_item:entry")
                self.fire("zone_alloc_item:return", 0)
        return got

    def _inserted(self, got: bool, function: str) -> None:
        if self._fault is not None:
            self._fault.inserts += got
            self._fault.insfails += not got
        if not got:
            self.happens("failed-insert", function)

    def rename(self, page: int, target: int, pindex: int, source: int, chance: float | None = None) -> bool:
        """Move a page to another object: that inserts, and fails where the insert does."""
        inlined = self.release.inlines_inserts
        name = "vm_page_iter_rename" if inlined else "vm_page_rename"
        if self._fault is not None:
            self._fault.steps.add("rename")
        caller = 3 if self._fault is None else 2 if chance is None else 1
        self.fire(f"{name}:entry", page, target, pindex, source, caller)
        start = self.ts
        moved = self._node(chance) if inlined else self.insert(chance)
        self.fire(f"{name}:return", int(moved) if inlined else int(not moved))
        if inlined:
            self._inserted(moved, name)
        self.kernel.moves.append(Move(self.thread, start, self.ts, "rename", int(not moved), self._fault))
        if not moved:
            self.happens("failed-move-in-fault" if self._fault else "failed-move", "rename")
        return moved

    def _free(self, page: int, again: bool = False, seen: bool = True) -> None:
        """`again`: it is free already; `seen`: its state says so."""
        self.fire("vm_page_free_toq:entry", page, int(again and seen))
        if again:
            self.happens("double-free")

    def _zero(self, fault: Fault) -> None:
        self._step(fault, "zero", "pmap_zero_page:entry")
        self.kernel.count("vm.stats.vm.v_zfod", self.ts)

    def _step(self, fault: Fault, step: str, probe: str) -> None:
        fault.steps.add(step)
        self.fire(probe)

    def _wait(self, fault: Fault, times: int = 1) -> None:
        fault.steps.add("wait")
        self.fire("vm_wait:entry", times=times)
        self.sleep(MS)

    def _acquire(self, lock: int, times: int = 1) -> None:
        if self.release.locks_fire or self.random.random() < 0.1:
            self.fire("rw-acquire", lock, times=times)

    def _release(self, lock: int, times: int = 1) -> None:
        if self.release.locks_fire or self.random.random() < 0.1:
            self.fire("rw-release", lock, times=times)

    def _pair(self, lock: int) -> None:
        self._acquire(lock)
        self._release(lock)

    def _keep(self, lock: int) -> None:
        """The bug: it returns without having given the lock back."""
        self._kept.add(lock)
        self.kernel.held.setdefault(lock, (self.thread, self.ts))
        self.happens("lock-held")

    def _panic(self) -> None:
        self.kernel.panicked = self.ts + 100 * US
        self.happens("panic")
