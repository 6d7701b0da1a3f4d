#!/usr/sbin/dtrace -Zs
/*
 * vmwatch.d - every fault counted in the kernel, a record of what must not be (11.0 and later)
 *
 * PURPOSE
 *	Results, time and its distribution by path, page moves, failed radix inserts
 *	with their stacks, lock balance and double frees: for a whole machine, at any
 *	rate, for days.  Where vmfault.d was cut off for want of speed it counted every
 *	fault to the last one, in 1 % of the bytes.
 *
 * USAGE
 *	vmwatch.d [-o LOG] [-c COMMAND] [PID [NAME [PGID [SLOW]]]]
 *	It needs the option -Z of its first line.  Elsewhere: dtrace -Z -s vmwatch.d ...
 *
 * ARGUMENTS
 *	PID	only this process; 0 for any
 *	NAME	only processes of this name (execname, at most 19 letters); "" for any
 *	PGID	only this process group; 0 for any
 *	SLOW	a fault that takes longer is recorded, ns; 0 for one second
 *	They narrow together, and are optional from the right.  A process group
 *	keeps children whose parent has left; progenyof() would lose them.  What
 *	narrows is said in the log by #host.filter lines.
 *	X is reported whatever they say.
 *
 * SCOPE machine
 *
 * FIELDS
 *	F  a fault that must not be, or that one wants to see: out of balance, a result
 *	   above 2, slower than SLOW (#select says so).  Evidence, never a count: ts cpu
 *	   pid tid, va (its page), rc (KERN_*), dur in ns, path bits, locksum (below), execname
 *	X  double-free: vm_page_free_toq of a page that is free already (13.0 and
 *	   later keep busy_lock 0xfffffffe, VPB_FREED, until it is allocated again)
 *	T  a second has passed; C  calls of the fault handler since the last T
 *	Aggregations, again and again with what was counted since; sections of one name
 *	add.  Every 10 s:
 *	total      ns by path bits
 *	process    faults by process and result
 *	moves      pages that moved, by fn, rc (0 moved, 1 failed), infault and caller
 *	           (the code that moved it: fork's split, a collapse, the fault)
 *	moldbusy   busy_lock of the pages replaced (2: exclusively busy; 13.0 and later)
 *	sites      radix nodes that could not be had, by fn, rc, infault and stack
 *	Every 30 s:
 *	movens     ns of a move by fn (a replace ends where the free of the old page
 *	           begins)
 *	latency    ns of a fault by path and result, 100 steps a decade; the sum of its
 *	           rows is the number of faults
 *	How many inserts there were is not counted: it costs too much.  Growth of
 *	vm.uma.RADIX_NODE.stats.allocs and .fails is the rate of node allocations that
 *	failed.
 *
 *	locksum is the sum of (lock + 1) over every rw-acquire less the same over every
 *	rw-release, modulo 2^64.  Balanced it is 0; one lock left held, it is that lock
 *	+ 1 (a VM object has the address of its lock).  Locks are 8-aligned, so its low
 *	3 bits are acquires less releases modulo 8.  No number of operations makes it
 *	say "balanced" of a fault that is not.
 *
 * OVERHEAD
 *	A zero-fill fault takes 5.6 times as many instructions (13.2, emulated, counted
 *	by the emulator, medians of five windows of 1,023 faults; untraced 6,476 = 1;
 *	entry and return alone 1.55); without the two lock clauses (collect --no-locks)
 *	3.9.  A probe on the way costs 0.3, one more aggregation in the return clause 0.2.
 *	Probes that fire in a fault, in the median as vmevents.d recorded them on 13.2:
 *	soft 4, zero-fill 10, copy 14, replace 15; the allocation of the page, which
 *	those recordings lack, is one more.
 *	No thread-local ever holds zero, see vmfault.d.  self->c: 0..7 path bits, 8
 *	never zero, 12..63 the page of the address.
 *
 * RELEASES 1100000 -
 *	11.0 to 16.  From 15 the insert is inlined: vm_page_insert, vm_page_iter_insert
 *	and vm_page_iter_rename tell of it.  1500013 to 1500029: renames are not
 *	counted.
 *
 * RUN ON
 *	13.2-RELEASE and 15.0-RELEASE amd64, without arguments: faults equal the calls to
 *	the last one, on hosts so busy that vmfault.d was cut off; failed inserts equal
 *	the FAIL column of the UMA zone "RADIX NODE" (72 and 64).  These clauses, with the
 *	key caller, on 13.2: faults 5,350 and 5,486 equal the calls, failed inserts 35 = 35,
 *	replaces 15 = 15 and 1 = 1; by 'vmtrace prove' every measure exact, of 34,393 faults
 *	zero-fill 10,407, copy 20,475, failed 31, replaces 16, failed inserts 21.
 *	With NAME 115 faults of that program and no other, 115 calls; with PID 29 and 29;
 *	with SLOW 1 a record of each, 530 of 530.
 *	PGID, used in a predicate this way, ran on 10.1 and 13.2 in scripts of its own.
 * NOT RUN
 *	11, 12, 14, 16: written from their sources, never tried.  On 15: the key
 *	caller, path and address in one word, allocations asked for their object.
 */
#pragma D option quiet
#pragma D option bufsize=4m
#pragma D option aggsize=16m
#pragma D option aggrate=2hz
#pragma D option dynvarsize=32m
#pragma D option switchrate=10hz
#pragma D option cleanrate=200hz
#pragma D option strsize=32
#pragma D option defaultargs

/* Script arguments.  None given, each is 0 or "" and lets everything pass. */
inline int PID = $1;
inline string EXEC = $$2;
inline int PGID = $3;
inline int SLOW = $4 == 0 ? 1000000000 : $4;	/* ns: a fault that takes longer is recorded */
inline int WANTED = (PID == 0 || pid == PID) && (EXEC == "" || execname == EXEC) &&
    (PGID == 0 || (curthread->td_proc->p_pgrp != NULL && curthread->td_proc->p_pgrp->pg_id == PGID));

/* One word tells whether an argument narrows: a fault then compares no strings. */
dtrace:::BEGIN { narrow = PID != 0 || EXEC != "" || PGID != 0; }
dtrace:::BEGIN
{
	printf("#vmtrace\t1\n#script\tvmwatch\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n",
	    `osreldate, walltimestamp, timestamp);
	printf("#fields\tF\tts:time\tcpu:int\tpid:int\ttid:int\tva:addr\trc:int\tdur:ns\tpath:bits\tlocksum:addr\texecname:str\n");
	printf("#fields\tX\tts:time\tcpu:int\tpid:int\ttid:int\tkind:str\tobject:addr\tpage:addr\towner:addr\texecname:str\tstack:stack\n");
	printf("#fields\tT\tts:time\n#fields\tC\tfn:str\tcalls:int\n");
	printf("#bits\tpath\t0x1\tpager\t0x2\tzero\t0x4\tcopy\t0x8\trename\t0x10\treplace\t0x20\talloc\t0x40\tbusy\t0x80\twait\n");
}
dtrace:::BEGIN { printf("#select\tF\tlocksum != 0 || rc > 2 || dur > %d\n", SLOW); }
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }

/*
 * The fault.  vm_fault_hold is the handler up to 12.1 (called by vm_fault, so
 * it starts the record a second time); from 12.2 it is vm_fault itself.
 */
fbt::vm_fault:entry,
fbt::vm_fault_hold:entry
/!narrow || WANTED/
{
	self->st = timestamp;
	self->ls = (uint64_t)1 << 63;
	self->c = ((uint64_t)arg1 & ~(uint64_t)0xfff) | 0x100;
	@calls[probefunc] = count();
}

/* Signed sum of lock addresses, one more or less in the low bits: balanced, it is where it began; one lock left, it is that lock + 1. */
lockstat:::rw-acquire /self->c > 1/ { self->ls += arg0 + 1; }
lockstat:::rw-release /self->c > 1/ { self->ls -= arg0 + 1; }

fbt::vm_page_free_toq:entry
/((struct vm_page *)arg0)->busy_lock == 0xfffffffe && `osreldate >= 1300000/
{
	printf("X\t%d\t%d\t%d\t%d\tdouble-free\t0x0\t0x%x\t0x0\t%S", timestamp, cpu, pid, tid, arg0, execname);
	stack(12);
}

/* A page came from the pager: asking it is no page-in yet (0 is VM_PAGER_OK). */
fbt::vm_pager_get_pages:return	/self->c > 1 && (int)arg1 == 0/ { self->c |= 0x1; }
fbt::pmap_zero_page:entry	/self->c > 1/ { self->c |= 0x2; }
fbt::pmap_copy_page:entry	/self->c > 1/ { self->c |= 0x4; }
fbt::vm_page_rename:entry,
fbt::vm_page_iter_rename:entry	/self->c > 1/ { self->c |= 0x8; }
fbt::vm_page_replace:entry	/self->c > 1/ { self->c |= 0x10; }
/* arg0 is the object: a page without one is a page table's. */
fbt::vm_page_alloc_iter:entry,
fbt::vm_page_alloc_after:entry,
fbt::vm_page_alloc:entry	/self->c > 1 && arg0 != 0/ { self->c |= 0x20; }
fbt::vm_page_busy_sleep:entry,
fbt::_vm_page_busy_sleep:entry	/self->c > 1/ { self->c |= 0x40; }
fbt::vm_wait*:entry,
fbt::vm_radix_wait:entry	/self->c > 1/ { self->c |= 0x80; }

/* What the first clause has read, the second prints: this-> outlives a clause within one firing. */
fbt::vm_fault:return,
fbt::vm_fault_hold:return
/self->c > 1/
{
	this->c = self->c;
	this->st = self->st;
	this->ls = self->ls - ((uint64_t)1 << 63);
	self->c = 1;
	this->d = timestamp - this->st;
	this->p = this->c & 0xff;
	this->odd = this->ls != 0 || (int)arg1 > 2 || this->d > SLOW;
	@latency[this->p, (int)arg1] = llquantize(this->d, 10, 2, 10, 100);
	@total[this->p] = sum(this->d);
	@process[execname, (int)arg1] = count();
}
fbt::vm_fault:return,
fbt::vm_fault_hold:return
/this->odd/
{
	this->odd = 0;
	printf("F\t%d\t%d\t%d\t%d\t0x%x\t%d\t%d\t0x%x\t0x%x\t%S\n", this->st, cpu, pid, tid, this->c & ~(uint64_t)0xfff,
	    (int)arg1, this->d, this->p, this->ls, execname);
}

/* Pages that change their object: rename up to 15, from 1500030 vm_page_iter_rename (a bool, true is success). */
fbt::vm_page_rename:entry /WANTED && `osreldate < 1500013/ { self->mt = timestamp; self->mc = (uintptr_t)caller; }
fbt::vm_page_iter_rename:entry /WANTED/ { self->mt = timestamp; self->mc = (uintptr_t)caller; }
fbt::vm_page_rename:return
/self->mt > 1/
{
	@moves["rename", (int)arg1, self->c > 1, self->mc] = count();
	@movens["rename"] = llquantize(timestamp - self->mt, 10, 2, 8, 100);
	self->mt = 1;
}
fbt::vm_page_iter_rename:return
/self->mt > 1/
{
	@moves["rename", (arg1 & 0xff) == 0, self->c > 1, self->mc] = count();
	@movens["rename"] = llquantize(timestamp - self->mt, 10, 2, 8, 100);
	self->mt = 1;
}
fbt::vm_page_replace:entry
/WANTED/
{
	self->mr = timestamp;
	self->mc = (uintptr_t)caller;
	self->mo = (uintptr_t)(`osreldate >= 1300000 ? arg3 : 0) | 1;
}
fbt::vm_page_replace:entry /WANTED && `osreldate >= 1300000/ { @moldbusy[((struct vm_page *)arg3)->busy_lock] = count(); }
/* Up to 12 it returns; from 13.0 it ends in a jump to the free of the old page, so the beginning of that is its end. */
fbt::vm_page_replace:return
/self->mr > 1 && `osreldate < 1300000/
{
	@moves["replace", 0, self->c > 1, self->mc] = count();
	@movens["replace"] = llquantize(timestamp - self->mr, 10, 2, 8, 100);
	self->mr = 1;
}
fbt::vm_page_free_toq:entry
/self->mr > 1 && (self->mo & ~1) == arg0/
{
	@moves["replace", 0, self->c > 1, self->mc] = count();
	@movens["replace"] = llquantize(timestamp - self->mr, 10, 2, 8, 100);
	self->mr = 1;
	self->mo = (uintptr_t)1;
}

/* Radix nodes that could not be had, by stack. */
fbt::vm_radix_insert:return /arg1 != 0 && WANTED/ { @sites["vm_radix_insert", (int)arg1, self->c > 1, stack(10)] = count(); }
/* From 15: see vmfault.d. */
fbt::vm_page_insert:return,
fbt::vm_page_iter_insert:return
/(int)arg1 != 0 && WANTED && `osreldate >= 1500000/
{
	@sites[probefunc, 12, self->c > 1, stack(10)] = count();
}
fbt::vm_page_iter_rename:return
/(arg1 & 0xff) == 0 && WANTED/
{
	@sites[probefunc, 12, self->c > 1, stack(10)] = count();
}

profile:::tick-1s { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); clear(@calls); }

/* What was counted so far, every 10 seconds: a log that is cut has all but the last of it.  Sections of one name add. */
profile:::tick-10s,
dtrace:::END
{
	printf("#aggregation\ttotal\tpath\tns\n"); printa("%d\t%@d\n", @total); trunc(@total);
	printf("#aggregation\tprocess\texecname\trc\tcount\n"); printa("%S\t%d\t%@d\n", @process); trunc(@process);
	printf("#aggregation\tmoves\tfn\trc\tinfault\tcaller\tcount\n"); printa("%s\t%d\t%d\t%a\t%@d\n", @moves); trunc(@moves);
	printf("#aggregation\tmoldbusy\tbusy\tcount\n"); printa("%d\t%@d\n", @moldbusy); trunc(@moldbusy);
	printf("#aggregation\tsites\tfn\trc\tinfault\tstack\tcount\n"); printa(@sites); trunc(@sites);
}
/* The distributions, which are the counts too, are long: every 30 seconds. */
profile:::tick-30s,
dtrace:::END
{
	printf("#aggregation\tmovens\tfn\tllquantize\n"); printa("%s%@d\n", @movens); trunc(@movens);
	printf("#aggregation\tlatency\tpath\trc\tllquantize\n"); printa("%d\t%d%@d\n", @latency); trunc(@latency);
}
dtrace:::END { printf("T\t%d\n", timestamp); printa("C\t%s\t%@d\n", @calls); printf("#end\t%d\n", timestamp); }
