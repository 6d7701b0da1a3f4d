#!/usr/sbin/dtrace -Zs
/*
 * vmlocks.d - how long VM object locks are waited for and held, by code site (12.0 and later)
 *
 * PURPOSE
 *	Which code holds object locks for how long, and which code waits for them.
 *	Aggregations only: constant output however long it runs.
 *
 * USAGE
 *	vmlocks.d [-o LOG] [-c COMMAND] [PID [NAME [PGID]]]
 *	It needs the option -Z of its first line.  Elsewhere: dtrace -Z -s vmlocks.d ...
 *
 * ARGUMENTS
 *	PID	only this process; 0 for any
 *	NAME	only processes of this name (execname, at most 19 letters); "" for any
 *	PGID	only this process group; 0 for any
 *	They narrow together, and are optional from the right.  A process group
 *	keeps children whose parent has left; progenyof() would lose them.  What
 *	narrows is said in the log by #host.filter lines.
 *
 * SCOPE machine
 *
 * FIELDS
 *	held   ns held in all, by mode (read, write) and site; hold  the distribution
 *	block  ns asleep waiting, spin  ns spinning; by mode and site
 *	lost   holds that were not counted ("slot taken") beside those that were
 *	A site is the function and offset that took the lock (hold) or waits for it.
 *	The mode of a spin is the third argument of rw-spin, which 13.2 passes and
 *	does not declare (args[] has two).
 *
 * OVERHEAD
 *	Not measured.  Every reader/writer lock of the machine fires it.
 *	Probes that fire in a fault, in the median as vmevents.d recorded them on 13.2:
 *	soft 2, zero-fill 6, copy 10, replace 10; those of locks that are not of VM
 *	objects, which the recordings lack, are more.
 *	A thread holds few object locks at once.  Each goes to one of 16 slots of the
 *	thread by its address, and a slot is never freed (see vmfault.d, rule 1); when
 *	two locks of one thread meet in a slot, the older hold is not counted, and
 *	@lost says how often.
 *
 * RELEASES 1200000 -
 *	12.0 to 16.
 *
 * RUN ON
 *	13.2-RELEASE amd64, without arguments (slots lost: 176 of 185,780 holds).
 * NOT RUN
 *	The arguments in this script; 12, 14, 16.  On 15.0 it ran and saw nothing: object
 *	locks are named "vmobject" there, which it has been taught since.
 */
#pragma D option quiet
#pragma D option dynvarsize=32m
#pragma D option cleanrate=200hz
#pragma D option aggsize=8m
#pragma D option strsize=32
#pragma D option defaultargs

/* Script arguments.  None given, each is 0 or "" and lets everything pass. */
inline int PID = $1;
inline string EXEC = $$2;
inline int PGID = $3;
inline int WANTED = (PID == 0 || pid == PID) && (EXEC == "" || execname == EXEC) &&
    (PGID == 0 || (curthread->td_proc->p_pgrp != NULL && curthread->td_proc->p_pgrp->pg_id == PGID));

uintptr_t vmname;		/* the name literal all ordinary objects share */
self uintptr_t l[uintptr_t];	/* slot: the lock, 1 when free */
self uint64_t t[uintptr_t];	/* when it was taken */
self uintptr_t c[uintptr_t];	/* by what code */
self int m[uintptr_t];		/* 1 as writer, 2 as reader */

dtrace:::BEGIN
{
	printf("#vmtrace\t1\n#script\tvmlocks\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n",
	    `osreldate, walltimestamp, timestamp);
}
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }

/* All ordinary objects share one name literal ("vmobject" on 15): learn its address, then compare pointers. */
lockstat:::rw-acquire
/vmname == 0 && (stringof(((struct rwlock *)arg0)->lock_object.lo_name) == "vm object" ||
    stringof(((struct rwlock *)arg0)->lock_object.lo_name) == "vmobject")/
{
	vmname = (uintptr_t)((struct rwlock *)arg0)->lock_object.lo_name;
}

lockstat:::rw-acquire
/(uintptr_t)((struct rwlock *)arg0)->lock_object.lo_name == vmname && vmname != 0 && WANTED/
{
	this->s = (uintptr_t)(arg0 >> 3) & 0xf;
	@lost[self->l[this->s] > 1 ? "slot taken" : "free"] = count();
	self->l[this->s] = arg0;
	self->t[this->s] = timestamp;
	self->c[this->s] = (uintptr_t)caller;
	self->m[this->s] = (int)arg1 + 1;
}

lockstat:::rw-release
/(uintptr_t)((struct rwlock *)arg0)->lock_object.lo_name == vmname && vmname != 0 && self->l[(uintptr_t)(arg0 >> 3) & 0xf] == arg0/
{
	this->s = (uintptr_t)(arg0 >> 3) & 0xf;
	this->d = timestamp - self->t[this->s];
	@hold[self->m[this->s] == 1 ? "write" : "read", self->c[this->s]] = quantize(this->d);
	@held[self->m[this->s] == 1 ? "write" : "read", self->c[this->s]] = sum(this->d);
	self->l[this->s] = (uintptr_t)1;
}

lockstat:::rw-block
/(uintptr_t)((struct rwlock *)arg0)->lock_object.lo_name == vmname && vmname != 0 && WANTED/
{
	@block[arg2 == 0 ? "write" : "read", (uintptr_t)caller] = quantize(arg1);
}
lockstat:::rw-spin
/(uintptr_t)((struct rwlock *)arg0)->lock_object.lo_name == vmname && vmname != 0 && WANTED/
{
	@spin[arg2 == 0 ? "write" : "read", (uintptr_t)caller] = quantize(arg1);
}

dtrace:::END
{
	printf("#aggregation\theld\tmode\tsite\tns\n"); printa("%s\t%a\t%@d\n", @held);
	printf("#aggregation\tlost\twhat\tcount\n"); printa("%s\t%@d\n", @lost);
	printf("#aggregation\thold\tmode\tsite\tquantize\n"); printa("%s\t%a%@d\n", @hold);
	printf("#aggregation\tblock\tmode\tsite\tquantize\n"); printa("%s\t%a%@d\n", @block);
	printf("#aggregation\tspin\tmode\tsite\tquantize\n"); printa("%s\t%a%@d\n", @spin);
	printf("#end\t%d\n", timestamp);
}
