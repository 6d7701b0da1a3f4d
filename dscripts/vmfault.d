#!/usr/sbin/dtrace -Zs
/*
 * vmfault.d - one record for each page fault, page move and failed radix insert (11.0 and later)
 *
 * PURPOSE
 *	What every fault did, how long it took, whether it gave back each lock that
 *	it took; every page that moved to another object; every radix node that
 *	could not be had.
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
 *	counters of the kernel are no measure of coverage.
 *
 * SCOPE machine
 *
 * FIELDS
 *	F  one fault, printed at its return: ts cpu pid tid, va prot flags as asked,
 *	   rc (KERN_*), dur and oncpu in ns, path bits, acq rel lockxor (lock
 *	   operations), inserts insfails (radix), lookups (1 + retries), frees
 *	   freexor (pages), execname
 *	M  one page that moved: fn (rename or replace), page, src and dst object,
 *	   pindex, mold (page replaced), rc (0 moved, 1 failed), dur, infault, busy
 *	   and dirty of the page at the return
 *	A  one radix node that could not be had: fn, rc 12 (ENOMEM), infault, stack
 *	T  a second has passed; C  calls of a function since the last T
 *
 *	lockxor and freexor are the exclusive-or of every lock address acquired or
 *	released, of every page freed.  Balanced, lockxor is 0; one lock left held,
 *	it is that lock (a VM object has the address of its lock).  frees 2 with
 *	freexor 0 is one page freed twice.
 *
 * OVERHEAD
 *	A load that does nothing but fault runs 2.0 times as long (emulated 13.2,
 *	median of five; entry and return alone 1.5, without the lock probes 1.7).
 *	Measured before the arguments were added, which put a predicate more on
 *	each fault; not measured since.
 *	Two rules keep it lossless under a fork-heavy load.  The plain way, one
 *	thread-local per counter and all set to 0 at return, lost half the faults to
 *	dynamic variable drops and took 5 times as long as no tracing.
 *	1. A thread-local never holds zero.  Storing zero frees the variable, and
 *	   freed variables wait for the cleaner.  Bit 0 or a high bit is a spare.
 *	2. All counters of one fault share the word self->c:
 *	     0..9 rw-acquire  10..19 rw-release  20..25 radix inserts
 *	     26..31 failed inserts  32..37 map lookups  38..43 pages freed
 *	     44..51 path bits
 *	While the buffer of a CPU is full, DTrace skips whole clauses on that CPU, the
 *	ones that only assign included.  A fault that such a gap cuts can come out
 *	with counts of two faults in one, or out of balance: where a trace has
 *	drops, an imbalance proves nothing.  That is why an entry always starts
 *	afresh.
 *
 * RELEASES 1100000 -
 *	11.0 to 16.  On 15 and later `inserts` stays 0 (the insert is inlined), `A`
 *	comes from vm_radix_node_alloc, and moves by vm_page_iter_rename.
 *
 * RUN ON
 *	13.2-RELEASE amd64, without arguments: F records equal the growth of
 *	vm.stats.vm.v_vm_faults, records with path 0x10 equal v_cow_optim, A records
 *	equal the FAIL column of the UMA zone "RADIX NODE".
 *	Arguments declared and used in predicates this way ran on 10.1 and 13.2 in
 *	scripts of their own.
 * NOT RUN
 *	11, 12, 14, 15, 16: written from their sources, never tried.  Whether the
 *	failing path of uma_zalloc_smr has a return probe on 15 is not known; it
 *	had one on 13.2.  1500013 to 1500029: renames are not recorded.
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
	printf("#fields\tF\tts:time\tcpu:int\tpid:int\ttid:int\tva:addr\tprot:bits\tflags:bits\trc:int\tdur:ns\toncpu:ns\tpath:bits\tacq:int\trel:int\tlockxor:addr\tinserts:int\tinsfails:int\tlookups:int\tfrees:int\tfreexor:addr\texecname:str\n");
	printf("#fields\tM\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\tpage:addr\tsrc:addr\tdst:addr\tpindex:int\tmold:addr\trc:int\tdur:ns\tinfault:int\tbusy:bits\tdirty:bits\texecname:str\n");
	printf("#fields\tA\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\trc:int\tinfault:int\texecname:str\tstack:stack\n");
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
	self->c = (int64_t)1 << 62;
	self->lx = (uintptr_t)1;
	self->fx = (uintptr_t)1;
	@calls[probefunc] = count();
}

lockstat:::rw-acquire /self->st > 1/ { self->c += 1; self->lx ^= arg0; }
lockstat:::rw-release /self->st > 1/ { self->c += 1 << 10; self->lx ^= arg0; }

fbt::vm_map_lookup:entry	/self->st > 1/ { self->c += (int64_t)1 << 32; }
fbt::vm_radix_insert:return	/self->st > 1/ { self->c += arg1 == 0 ? 1 << 20 : 1 << 26; }
fbt::vm_page_free_toq:entry	/self->st > 1/ { self->c += (int64_t)1 << 38; self->fx ^= arg0; }

fbt::vm_pager_get_pages:entry	/self->st > 1/ { self->c |= (int64_t)0x1 << 44; }
fbt::pmap_zero_page:entry	/self->st > 1/ { self->c |= (int64_t)0x2 << 44; }
fbt::pmap_copy_page:entry	/self->st > 1/ { self->c |= (int64_t)0x4 << 44; }
fbt::vm_page_rename:entry,
fbt::vm_page_iter_rename:entry	/self->st > 1/ { self->c |= (int64_t)0x8 << 44; }
fbt::vm_page_replace:entry	/self->st > 1/ { self->c |= (int64_t)0x10 << 44; }
fbt::vm_page_alloc_after:entry,
fbt::vm_page_alloc:entry	/self->st > 1/ { self->c |= (int64_t)0x20 << 44; }
fbt::vm_page_busy_sleep:entry,
fbt::_vm_page_busy_sleep:entry	/self->st > 1/ { self->c |= (int64_t)0x40 << 44; }
fbt::vm_wait*:entry,
fbt::vm_radix_wait:entry	/self->st > 1/ { self->c |= (int64_t)0x80 << 44; }

fbt::vm_fault:return,
fbt::vm_fault_hold:return
/self->st > 1/
{
	printf("F\t%d\t%d\t%d\t%d\t0x%x\t0x%x\t0x%x\t%d\t%d\t%d\t0x%x\t%d\t%d\t0x%x\t%d\t%d\t%d\t%d\t0x%x\t%S\n",
	    self->st, cpu, pid, tid, self->va & ~1, self->pf & 0xff, (self->pf >> 8) & 0xffff,
	    (int)arg1, timestamp - self->st, vtimestamp - self->vt, (self->c >> 44) & 0xff,
	    self->c & 0x3ff, (self->c >> 10) & 0x3ff, self->lx & ~1,
	    (self->c >> 20) & 0x3f, (self->c >> 26) & 0x3f, (self->c >> 32) & 0x3f, (self->c >> 38) & 0x3f,
	    self->fx & ~1, execname);
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
	self->mp = arg0;
	self->md = arg1;
	self->mx = arg2 + 1;
	self->ms = (uintptr_t)((struct vm_page *)arg0)->object | 1;
	@calls["vm_page_rename"] = count();
}
fbt::vm_page_rename:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\trename\t0x%x\t0x%x\t0x%x\t%d\t0x0\t%d\t%d\t%d\t0x%x\t0x%x\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->ms & ~1, self->md, self->mx - 1,
	    (int)arg1, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, execname);
	self->mt = 1;
}
/* From 1500030 an iterator comes first, and the result is a bool: false is failure, so rc is turned round. */
fbt::vm_page_iter_rename:entry
/WANTED/
{
	self->mt = timestamp;
	self->mp = arg1;
	self->md = arg2;
	self->mx = arg3 + 1;
	self->ms = (uintptr_t)((struct vm_page *)arg1)->object | 1;
	@calls["vm_page_iter_rename"] = count();
}
fbt::vm_page_iter_rename:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\trename\t0x%x\t0x%x\t0x%x\t%d\t0x0\t%d\t%d\t%d\t0x%x\t0x%x\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->ms & ~1, self->md, self->mx - 1,
	    (arg1 & 0xff) == 0, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, execname);
	self->mt = 1;
}
/* arg3 is the old page from 13.0; before, vm_page_replace returned it. */
fbt::vm_page_replace:entry
/WANTED/
{
	self->mt = timestamp;
	self->mp = arg0;
	self->md = arg1;
	self->mx = arg2 + 1;
	self->mo = (`osreldate >= 1300000 ? arg3 : 0) | 1;
	@calls["vm_page_replace"] = count();
}
fbt::vm_page_replace:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\treplace\t0x%x\t0x0\t0x%x\t%d\t0x%x\t0\t%d\t%d\t0x%x\t0x%x\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->md, self->mx - 1,
	    `osreldate >= 1300000 ? self->mo & ~1 : arg1, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, execname);
	self->mt = 1;
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
 * From 15 the insert is inlined; what is left to see is the node's allocation.
 * vm_radix_node_alloc ends in a jump to uma_zalloc_smr, whose return is its own.
 */
fbt::vm_radix_node_alloc:entry
/WANTED/
{
	self->na = 2;
	@calls["vm_radix_node_alloc"] = count();
}
fbt::uma_zalloc_smr:return /self->na > 1 && arg1 == 0 && self->st > 1/ { self->c += 1 << 26; }
fbt::uma_zalloc_smr:return
/self->na > 1 && arg1 == 0/
{
	printf("A\t%d\t%d\t%d\t%d\tvm_radix_node_alloc\t12\t%d\t%S",
	    timestamp, cpu, pid, tid, self->st > 1, execname);
	stack(12);
}
fbt::uma_zalloc_smr:return /self->na > 1/ { self->na = 1; }

profile:::tick-1s { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); clear(@calls); }
dtrace:::END { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); printf("#end\t%d\n", timestamp); }
