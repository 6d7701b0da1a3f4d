#!/usr/sbin/dtrace -Zs
/*
 * vmfault.d - one record for each page fault, page move and failed radix insert (11.0 and later)
 *
 * PURPOSE
 *	What every fault did, how long it took, whether it gave back each lock that
 *	it took; every page that moved to another object; every radix node that
 *	could not be had; and at once, what must not happen: a page freed twice.
 *	For a narrow target: for a whole busy machine take vmwatch.d.
 *
 * USAGE
 *	vmfault.d [-o LOG] [-c COMMAND] [PID [NAME [PGID]]]
 *	It needs the option -Z of its first line: it names functions of several
 *	releases.  Elsewhere: dtrace -Z -s vmfault.d ...
 *
 * ARGUMENTS
 *	PID	only this process; 0 for any
 *	NAME	only processes of this name (execname, at most 19 letters); "" for any
 *	PGID	only this process group; 0 for any
 *	They narrow together, and are optional from the right.  A process group
 *	keeps children whose parent has left; progenyof() would lose them.  What
 *	narrows is said in the log by #host.filter lines.
 *	Narrowed, the C lines count what the filter lets pass, and the machine-wide
 *	counters of the kernel are no measure of coverage.  X is reported whatever
 *	they say.
 *
 * SCOPE machine
 *
 * FIELDS
 *	F  one fault, printed at its return: ts cpu pid tid, va prot flags as asked,
 *	   rc (KERN_*), dur and oncpu in ns, path bits, locksum (below), inserts
 *	   insfails (radix), lookups (1 + retries), execname
 *	M  one page that moved: fn (rename or replace), page, src and dst object,
 *	   pindex, mold (page replaced), rc (0 moved, 1 failed), dur (a replace ends
 *	   where the free of the old page begins), infault, busy and dirty of the page
 *	   at the end, moldbusy (busy_lock of the page replaced, at the entry: 2 is
 *	   exclusively busy; 0x0 up to 12), caller (the code that moved it: fork's
 *	   split, a collapse, the fault), execname
 *	A  one radix node that could not be had: fn, rc 12 (ENOMEM), infault, stack
 *	X  double-free: vm_page_free_toq of a page that is free already (13.0 and
 *	   later keep busy_lock 0xfffffffe, VPB_FREED, until it is allocated again)
 *	T  a second has passed; C  calls of a function since the last T
 *	The path bit `pager` is set where a page came from the pager, not where it was
 *	only asked.
 *
 *	locksum is the sum of (lock + 1) over every rw-acquire less the same over every
 *	rw-release, modulo 2^64.  Balanced it is 0; one lock left held, it is that lock
 *	+ 1 (a VM object has the address of its lock).  Locks are 8-aligned, so its low
 *	3 bits are acquires less releases modulo 8.  No number of operations makes it
 *	say "balanced" of a fault that is not.
 *
 * OVERHEAD
 *	A zero-fill fault takes 5.4 times as long (13.2, emulated, quiet host, medians
 *	of nine; untraced 16.5 us = 1; entry and return alone 1.7).  Of that the pair of
 *	lock clauses is 1.0, vm_map_lookup with vm_radix_insert's two 0.7, the bit
 *	alloc 0.25, one more thread-local 0.1.
 *	Probes that fire in a fault, in the median as vmevents.d recorded them on 13.2:
 *	soft 5, zero-fill 12, copy 16, replace 17; the allocation of the page, which
 *	those recordings lack, is one more.
 *	A thread-local never holds zero: storing zero frees the variable, and freed
 *	variables wait for the cleaner.  One thread-local per counter, all set to 0 at
 *	return, lost half the faults of a fork-heavy load to dynamic variable drops and
 *	took 5 times as long as no tracing.
 *	Counts of one fault share the word self->c: 0..7 path bits, 8 never zero,
 *	9..26 inserts, 27..43 failed inserts, 44..63 map lookups.  What runs over at the
 *	top is lost and corrupts nothing; inserts above 2^18 would (never seen).
 *	While the buffer of a CPU is full, DTrace skips whole clauses on that CPU, the
 *	ones that only assign included.  A fault that such a gap cuts can come out
 *	with counts of two faults in one, or out of balance: where a trace has
 *	drops, an imbalance proves nothing.  That is why an entry always starts
 *	afresh.
 *
 * RELEASES 1100000 -
 *	11.0 to 16.  From 15 the insert is inlined: vm_page_insert, vm_page_iter_insert
 *	and vm_page_iter_rename tell of it.  1500013 to 1500029: renames are not
 *	recorded.
 *
 * RUN ON
 *	13.2-RELEASE and 15.0-RELEASE amd64, without arguments: F records equal the
 *	calls, M replace equals vm.stats.vm.v_cow_optim, A records equal the FAIL
 *	column of the UMA zone "RADIX NODE" (75 = 75), locksum 0 in every fault.  With
 *	the column caller on 13.2: F 5,751 and 5,784 equal the calls, A 25 = 25,
 *	M replace 29 = 29.  With alloc of pages with an object only, on 13.2: F 5,626 and
 *	5,639 equal the calls, A 20 = 20, M replace 12 = 12 and 3 = 3.
 *	With NAME 100 faults of that program and no other, 100 calls.  PID and PGID, used
 *	in predicates this way, ran on 10.1 and 13.2 in scripts of their own.
 * NOT RUN
 *	11, 12, 14, 16: written from their sources, never tried.  On 15: the column
 *	caller, allocations asked for their object.
 */
#pragma D option quiet
#pragma D option bufsize=16m
#pragma D option dynvarsize=32m
#pragma D option switchrate=20hz
#pragma D option cleanrate=200hz
#pragma D option strsize=32
#pragma D option defaultargs

/* Script arguments.  None given, each is 0 or "" and lets everything pass. */
inline int PID = $1;
inline string EXEC = $$2;
inline int PGID = $3;
inline int WANTED = (PID == 0 || pid == PID) && (EXEC == "" || execname == EXEC) &&
    (PGID == 0 || (curthread->td_proc->p_pgrp != NULL && curthread->td_proc->p_pgrp->pg_id == PGID));

dtrace:::BEGIN
{
	printf("#vmtrace\t1\n#script\tvmfault\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n",
	    `osreldate, walltimestamp, timestamp);
	printf("#fields\tF\tts:time\tcpu:int\tpid:int\ttid:int\tva:addr\tprot:bits\tflags:bits\trc:int\tdur:ns\toncpu:ns\tpath:bits\tlocksum:addr\tinserts:int\tinsfails:int\tlookups:int\texecname:str\n");
	printf("#fields\tM\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\tpage:addr\tsrc:addr\tdst:addr\tpindex:int\tmold:addr\trc:int\tdur:ns\tinfault:int\tbusy:bits\tdirty:bits\tmoldbusy:bits\tcaller:str\texecname:str\n");
	printf("#fields\tA\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\trc:int\tinfault:int\texecname:str\tstack:stack\n");
	printf("#fields\tX\tts:time\tcpu:int\tpid:int\ttid:int\tkind:str\tobject:addr\tpage:addr\towner:addr\texecname:str\tstack:stack\n");
	printf("#fields\tT\tts:time\n#fields\tC\tfn:str\tcalls:int\n");
	printf("#bits\tpath\t0x1\tpager\t0x2\tzero\t0x4\tcopy\t0x8\trename\t0x10\treplace\t0x20\talloc\t0x40\tbusy\t0x80\twait\n");
}
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }

/*
 * The fault.  vm_fault_hold is the handler up to 12.1 (called by vm_fault, so
 * it starts the record a second time); from 12.2 it is vm_fault itself.
 */
fbt::vm_fault:entry,
fbt::vm_fault_hold:entry
/WANTED/
{
	self->st = timestamp;
	self->vt = vtimestamp | 1;
	self->va = arg1 | 1;
	self->pf = (arg2 & 0xff) | ((arg3 & 0xffff) << 8) | (1 << 30);
	self->c = (int64_t)0x100;
	self->ls = (uint64_t)1 << 63;
	@calls[probefunc] = count();
}

/* Signed sum of lock addresses, one more or less in the low bits: balanced, it is where it began; one lock left, it is that lock + 1. */
lockstat:::rw-acquire /self->st > 1/ { self->ls += arg0 + 1; }
lockstat:::rw-release /self->st > 1/ { self->ls -= arg0 + 1; }

fbt::vm_map_lookup:entry	/self->st > 1/ { self->c += (int64_t)1 << 44; }
fbt::vm_radix_insert:return	/self->st > 1/ { self->c += arg1 == 0 ? (int64_t)1 << 9 : (int64_t)1 << 27; }
fbt::vm_page_free_toq:entry
/((struct vm_page *)arg0)->busy_lock == 0xfffffffe && `osreldate >= 1300000/
{
	printf("X\t%d\t%d\t%d\t%d\tdouble-free\t0x0\t0x%x\t0x0\t%S", timestamp, cpu, pid, tid, arg0, execname);
	stack(12);
}

/* A page came from the pager: asking it is no page-in yet (0 is VM_PAGER_OK). */
fbt::vm_pager_get_pages:return	/self->st > 1 && (int)arg1 == 0/ { self->c |= 0x1; }
fbt::pmap_zero_page:entry	/self->st > 1/ { self->c |= 0x2; }
fbt::pmap_copy_page:entry	/self->st > 1/ { self->c |= 0x4; }
fbt::vm_page_rename:entry,
fbt::vm_page_iter_rename:entry	/self->st > 1/ { self->c |= 0x8; }
fbt::vm_page_replace:entry	/self->st > 1/ { self->c |= 0x10; }
/* arg0 is the object: a page without one is a page table's. */
fbt::vm_page_alloc_iter:entry,
fbt::vm_page_alloc_after:entry,
fbt::vm_page_alloc:entry	/self->st > 1 && arg0 != 0/ { self->c |= 0x20; }
fbt::vm_page_busy_sleep:entry,
fbt::_vm_page_busy_sleep:entry	/self->st > 1/ { self->c |= 0x40; }
fbt::vm_wait*:entry,
fbt::vm_radix_wait:entry	/self->st > 1/ { self->c |= 0x80; }

fbt::vm_fault:return,
fbt::vm_fault_hold:return
/self->st > 1/
{
	this->c = self->c;
	this->ls = self->ls - ((uint64_t)1 << 63);
	printf("F\t%d\t%d\t%d\t%d\t0x%x\t0x%x\t0x%x\t%d\t%d\t%d\t0x%x\t0x%x\t%d\t%d\t%d\t%S\n",
	    self->st, cpu, pid, tid, self->va & ~1, self->pf & 0xff, (self->pf >> 8) & 0xffff,
	    (int)arg1, timestamp - self->st, vtimestamp - self->vt, this->c & 0xff,
	    this->ls, (this->c >> 9) & 0x3ffff, (this->c >> 27) & 0x1ffff, (this->c >> 44) & 0xfffff, execname);
	self->st = 1;
}

/*
 * Pages that change their object.  1500013 to 1500029 had vm_page_rename with other
 * arguments, not told apart here.
 */
fbt::vm_page_rename:entry
/WANTED && `osreldate < 1500013/
{
	self->mt = timestamp;
	self->mc = (uintptr_t)caller;
	self->mp = arg0;
	self->md = arg1;
	self->mx = arg2 + 1;
	self->ms = (uintptr_t)((struct vm_page *)arg0)->object | 1;
	@calls["vm_page_rename"] = count();
}
fbt::vm_page_rename:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\trename\t0x%x\t0x%x\t0x%x\t%d\t0x0\t%d\t%d\t%d\t0x%x\t0x%x\t0x0\t%a\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->ms & ~1, self->md, self->mx - 1,
	    (int)arg1, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, self->mc, execname);
	self->mt = 1;
}
/* From 1500030 an iterator comes first, and the result is a bool: false is failure, so rc is turned round. */
fbt::vm_page_iter_rename:entry
/WANTED/
{
	self->mt = timestamp;
	self->mc = (uintptr_t)caller;
	self->mp = arg1;
	self->md = arg2;
	self->mx = arg3 + 1;
	self->ms = (uintptr_t)((struct vm_page *)arg1)->object | 1;
	@calls["vm_page_iter_rename"] = count();
}
fbt::vm_page_iter_rename:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\trename\t0x%x\t0x%x\t0x%x\t%d\t0x0\t%d\t%d\t%d\t0x%x\t0x%x\t0x0\t%a\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->ms & ~1, self->md, self->mx - 1,
	    (arg1 & 0xff) == 0, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, self->mc, execname);
	self->mt = 1;
}
/* arg3 is the old page from 13.0; before, vm_page_replace returned it. */
fbt::vm_page_replace:entry
/WANTED/
{
	self->mt = timestamp;
	self->mc = (uintptr_t)caller;
	self->mp = arg0;
	self->md = arg1;
	self->mx = arg2 + 1;
	self->mo = (uintptr_t)(`osreldate >= 1300000 ? arg3 : 0) | 1;
	self->mb = `osreldate >= 1300000 ? (uint64_t)((struct vm_page *)arg3)->busy_lock | ((uint64_t)1 << 32) : (uint64_t)1 << 32;
	@calls["vm_page_replace"] = count();
}
/* Up to 12 it returns; from 13.0 it ends in a jump to the free of the old page, so the beginning of that is its end. */
fbt::vm_page_replace:return
/self->mt > 1 && `osreldate < 1300000/
{
	printf("M\t%d\t%d\t%d\t%d\treplace\t0x%x\t0x0\t0x%x\t%d\t0x%x\t0\t%d\t%d\t0x%x\t0x%x\t0x0\t%a\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->md, self->mx - 1, arg1, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, self->mc, execname);
	self->mt = 1;
}
fbt::vm_page_free_toq:entry
/self->mt > 1 && (self->mo & ~1) == arg0/
{
	printf("M\t%d\t%d\t%d\t%d\treplace\t0x%x\t0x0\t0x%x\t%d\t0x%x\t0\t%d\t%d\t0x%x\t0x%x\t0x%x\t%a\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->md, self->mx - 1, arg0, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, self->mb & 0xffffffff, self->mc, execname);
	self->mt = 1;
	self->mo = (uintptr_t)1;
}

/* Radix nodes that could not be had. */
fbt::vm_radix_insert:entry /WANTED/ { @calls["vm_radix_insert"] = count(); }
fbt::vm_radix_insert:return
/arg1 != 0 && WANTED/
{
	printf("A\t%d\t%d\t%d\t%d\tvm_radix_insert\t%d\t%d\t%S",
	    timestamp, cpu, pid, tid, (int)arg1, self->st > 1, execname);
	stack(12);
}

/*
 * From 15 vm_radix_insert is inlined, and the return of uma_zalloc_smr does not fire where it fails (it jumps on).
 * Three functions insert, and each returns: vm_page_insert, vm_page_iter_insert (0 is success), vm_page_iter_rename (true is).
 */
fbt::vm_page_insert:entry,
fbt::vm_page_iter_insert:entry
/WANTED && `osreldate >= 1500000/
{
	@calls[probefunc] = count();
}
fbt::vm_page_insert:return,
fbt::vm_page_iter_insert:return
/self->st > 1 && `osreldate >= 1500000/
{
	self->c += (int)arg1 == 0 ? (int64_t)1 << 9 : (int64_t)1 << 27;
}
fbt::vm_page_iter_rename:return
/self->st > 1/
{
	self->c += (arg1 & 0xff) != 0 ? (int64_t)1 << 9 : (int64_t)1 << 27;
}
fbt::vm_page_insert:return,
fbt::vm_page_iter_insert:return
/(int)arg1 != 0 && WANTED && `osreldate >= 1500000/
{
	printf("A\t%d\t%d\t%d\t%d\t%s\t12\t%d\t%S", timestamp, cpu, pid, tid, probefunc, self->st > 1, execname);
	stack(12);
}
fbt::vm_page_iter_rename:return
/(arg1 & 0xff) == 0 && WANTED/
{
	printf("A\t%d\t%d\t%d\t%d\t%s\t12\t%d\t%S", timestamp, cpu, pid, tid, probefunc, self->st > 1, execname);
	stack(12);
}

profile:::tick-1s { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); clear(@calls); }
dtrace:::END { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); printf("#end\t%d\n", timestamp); }
