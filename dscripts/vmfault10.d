#!/usr/sbin/dtrace -Zs
/*
 * vmfault10.d - the records of vmfault.d on FreeBSD 10.x, with the marks of the D4326 bug
 *
 * PURPOSE
 *	What every fault did and how long it took, every page that moved, every radix
 *	node that could not be had; and at once, what must not happen: a page freed
 *	twice, a fault that goes on with the lock of its top object held.
 *
 * USAGE
 *	vmfault10.d [-o LOG] [-c COMMAND] [PID [NAME [PGID]]]
 *	It needs the option -Z of its first line.  Elsewhere: dtrace -Z -s vmfault10.d ...
 *
 * ARGUMENTS
 *	PID	only this process; 0 for any
 *	NAME	only processes of this name (execname, at most 19 letters); "" for any
 *	PGID	only this process group; 0 for any
 *	They narrow together, and are optional from the right.  A process group
 *	keeps children whose parent has left; progenyof() would lose them.  What
 *	narrows is said in the log by #host.filter lines.
 *	X double-free is reported whatever they say.
 *
 * SCOPE machine
 *
 * FIELDS
 *	F  one fault, printed at its return: ts cpu pid tid, va prot flags as asked,
 *	   rc (KERN_*), dur and oncpu in ns, path bits, held (below), inserts insfails
 *	   (radix), lookups (1 + retries), execname
 *	M  one page that moved: fn (rename), page, src and dst object, pindex, mold
 *	   (always 0), rc (0 moved, 1 failed), dur, infault, busy and dirty, caller
 *	   (the code that moved it: fork's split, a collapse, the fault)
 *	A  one failed radix insert: fn, rc 12 (ENOMEM), infault, stack
 *	X  what must not happen; the thread may never come back to print its F:
 *	   double-free  vm_page_free_toq of a page that is free already (PG_FREE 0x2)
 *	   lock-held    unlock_and_deallocate returned, the top object is still locked
 *	T  a second has passed; C  calls of a function since the last T
 *
 *	Uncontended object locks fire no lockstat probe in the VM code of 10.x, so
 *	balance cannot be counted.  Instead the lock word of the top object is read
 *	where the handler must have let go of it: `held` is the address of that object
 *	if the thread still owns its write lock, else 0.  The rw_lock word of 10.x:
 *	flags 0xf, bit 0 clear and the rest the thread pointer of the owner when
 *	write-owned.
 *
 * OVERHEAD
 *	Not measured on its own.  It has no lock probes; vmfault.d, of which they are
 *	1.0, takes 5.4 times as long as no tracing (13.2, emulated).
 *	Probes that fire in a fault, in the median as vmevents.d recorded them on 10.1:
 *	soft 4, zero-fill 7, copy 7, rename 11; the allocation of the page, which that
 *	recording lacks, is one more.
 *	No thread-local ever holds zero, see vmfault.d, which also says what self->c
 *	holds.
 *
 * RELEASES 1000000 - 1099999
 *	10.0 to 10.4.
 *
 * RUN ON
 *	10.1-RELEASE amd64, without arguments: F records equal the calls, M records
 *	equal the calls.  Its first edition ran there on a stock kernel, with the panic
 *	at the second free turned off, and with the error path mended.
 *	Arguments declared and used in predicates this way ran on 10.1 and 13.2 in
 *	scripts of their own.
 * NOT RUN
 *	10.0, 10.2, 10.3, 10.4: written from the sources of 10.1 and 10.4.  The
 *	column caller.
 */
#pragma D option quiet
#pragma D option bufsize=16m
#pragma D option dynvarsize=32m
#pragma D option switchrate=50hz
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
	printf("#vmtrace\t1\n#script\tvmfault10\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n",
	    `osreldate, walltimestamp, timestamp);
	printf("#fields\tF\tts:time\tcpu:int\tpid:int\ttid:int\tva:addr\tprot:bits\tflags:bits\trc:int\tdur:ns\toncpu:ns\tpath:bits\theld:addr\tinserts:int\tinsfails:int\tlookups:int\texecname:str\n");
	printf("#fields\tM\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\tpage:addr\tsrc:addr\tdst:addr\tpindex:int\tmold:addr\trc:int\tdur:ns\tinfault:int\tbusy:bits\tdirty:bits\tcaller:str\texecname:str\n");
	printf("#fields\tA\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\trc:int\tinfault:int\texecname:str\tstack:stack\n");
	printf("#fields\tX\tts:time\tcpu:int\tpid:int\ttid:int\tkind:str\tobject:addr\tpage:addr\towner:addr\texecname:str\tstack:stack\n");
	printf("#fields\tT\tts:time\n#fields\tC\tfn:str\tcalls:int\n");
	printf("#bits\tpath\t0x1\tpager\t0x2\tzero\t0x4\tcopy\t0x8\trename\t0x10\treplace\t0x20\talloc\t0x40\tbusy\t0x80\twait\n");
}
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }

fbt::vm_fault_hold:entry
/WANTED/
{
	self->st = timestamp;
	self->vt = vtimestamp | 1;
	self->va = arg1 | 1;
	self->pf = (arg2 & 0xff) | ((arg3 & 0xffff) << 8) | (1 << 30);
	self->c = (int64_t)0x100;
	self->ob = (uintptr_t)1;
	@calls[probefunc] = count();
}

/* vm_map_lookup(&map, va, type, &entry, &object, ...): arg4 is where the top object lands. */
fbt::vm_map_lookup:entry	/self->st > 1/ { self->c += (int64_t)1 << 44; self->po = arg4; }
fbt::vm_map_lookup:return	/self->st > 1 && arg1 == 0/ { self->ob = *(uintptr_t *)self->po | 1; }

fbt::vm_radix_insert:return	/self->st > 1/ { self->c += arg1 == 0 ? (int64_t)1 << 9 : (int64_t)1 << 27; }
/* A page came from the pager: asking it is no page-in yet (0 is VM_PAGER_OK). */
fbt::vm_pager_get_pages:return	/self->st > 1 && (int)arg1 == 0/ { self->c |= 0x1; }
fbt::pmap_zero_page:entry	/self->st > 1/ { self->c |= 0x2; }
fbt::pmap_copy_page:entry	/self->st > 1/ { self->c |= 0x4; }
fbt::vm_page_rename:entry	/self->st > 1/ { self->c |= 0x8; }
fbt::vm_page_alloc:entry	/self->st > 1/ { self->c |= 0x20; }
fbt::vm_page_busy_sleep:entry	/self->st > 1/ { self->c |= 0x40; }
fbt::vm_wait*:entry		/self->st > 1/ { self->c |= 0x80; }

/* What must not happen.  A double free is reported whatever the arguments say. */
fbt::vm_page_free_toq:entry
/((struct vm_page *)arg0)->flags & 0x2/
{
	printf("X\t%d\t%d\t%d\t%d\tdouble-free\t0x%x\t0x%x\t0x0\t%S",
	    timestamp, cpu, pid, tid, self->ob & ~1, arg0, execname);
	stack(12);
}
fbt::unlock_and_deallocate:return
/self->st > 1 && self->ob > 1/
{
	this->w = (uintptr_t)((struct vm_object *)(self->ob & ~1))->lock.rw_lock;
}
fbt::unlock_and_deallocate:return
/self->st > 1 && self->ob > 1 && (this->w & 1) == 0 && (this->w & ~0xf) == (uintptr_t)curthread/
{
	printf("X\t%d\t%d\t%d\t%d\tlock-held\t0x%x\t0x0\t0x%x\t%S",
	    timestamp, cpu, pid, tid, self->ob & ~1, this->w & ~0xf, execname);
	stack(12);
}

fbt::vm_fault_hold:return
/self->st > 1/
{
	this->w = self->ob > 1 ? (uintptr_t)((struct vm_object *)(self->ob & ~1))->lock.rw_lock : 1;
	printf("F\t%d\t%d\t%d\t%d\t0x%x\t0x%x\t0x%x\t%d\t%d\t%d\t0x%x\t0x%x\t%d\t%d\t%d\t%S\n",
	    self->st, cpu, pid, tid, self->va & ~1, self->pf & 0xff, (self->pf >> 8) & 0xffff,
	    (int)arg1, timestamp - self->st, vtimestamp - self->vt, self->c & 0xff,
	    (this->w & 1) == 0 && (this->w & ~0xf) == (uintptr_t)curthread ? self->ob & ~1 : 0,
	    (self->c >> 9) & 0x3ffff, (self->c >> 27) & 0x1ffff, (self->c >> 44) & 0xfffff, execname);
	self->st = 1;
}

fbt::vm_page_rename:entry
/WANTED/
{
	self->mt = timestamp;
	self->mc = (uintptr_t)caller;
	self->mp = arg0;
	self->md = arg1;
	self->mx = arg2 + 1;
	self->ms = (uintptr_t)((struct vm_page *)arg0)->object | 1;
	@calls[probefunc] = count();
}
fbt::vm_page_rename:return
/self->mt > 1/
{
	printf("M\t%d\t%d\t%d\t%d\trename\t0x%x\t0x%x\t0x%x\t%d\t0x0\t%d\t%d\t%d\t0x%x\t0x%x\t%a\t%S\n",
	    self->mt, cpu, pid, tid, self->mp, self->ms & ~1, self->md, self->mx - 1,
	    (int)arg1, timestamp - self->mt, self->st > 1,
	    ((struct vm_page *)self->mp)->busy_lock, ((struct vm_page *)self->mp)->dirty, self->mc, execname);
	self->mt = 1;
}

fbt::vm_radix_insert:entry /WANTED/ { @calls[probefunc] = count(); }
fbt::vm_radix_insert:return
/arg1 != 0 && WANTED/
{
	printf("A\t%d\t%d\t%d\t%d\tvm_radix_insert\t%d\t%d\t%S",
	    timestamp, cpu, pid, tid, (int)arg1, self->st > 1, execname);
	stack(12);
}

profile:::tick-1s { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); clear(@calls); }
dtrace:::END { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); printf("#end\t%d\n", timestamp); }
