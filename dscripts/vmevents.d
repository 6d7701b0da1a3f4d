#!/usr/sbin/dtrace -Zs
/*
 * vmevents.d - every step inside the faults of one target, in order: calls, results, locks
 *
 * PURPOSE
 *	The steps of a fault in the order in which they happened: function entries and
 *	returns, and operations on reader/writer locks with the code that did them.
 *	For a narrow question, not for a whole machine: it prints some twenty records
 *	a fault, and untargeted it traces the faults of dtrace too and drops most of it.
 *
 * USAGE
 *	vmevents.d [-o LOG] -c COMMAND     or -p PID, or with arguments:
 *	vmevents.d [-o LOG] PID [NAME [PGID]]
 *	It needs the option -Z of its first line.  Elsewhere: dtrace -Z -s vmevents.d ...
 *
 * ARGUMENTS
 *	PID	only this process; 0 for any
 *	NAME	only processes of this name (execname, at most 19 letters); "" for any
 *	PGID	only this process group; 0 for any
 *	They narrow together, and are optional from the right.  A process group
 *	keeps children whose parent has left; progenyof() would lose them.  What
 *	narrows is said in the log by #host.filter lines.
 *	Without arguments the target of -c or -p and its progeny are traced.
 *
 * SCOPE target
 *
 * FIELDS
 *	E  function entry: ts cpu pid tid fn, its first four arguments, execname
 *	R  function return: ts cpu pid tid fn rc (the whole register; for
 *	   vm_page_iter_rename 1 is failure)
 *	L  lock operation: ts cpu pid tid op, lock, reader (1) or writer (0), the name
 *	   of the lock, the code that did it.  On 10.x reader is always 0, and most
 *	   operations of the VM code fire no probe: no balance from such a trace.
 *
 * OVERHEAD
 *	Not measured.  Buffers of 4m lost records when threads of one process did
 *	nothing but fault.
 *	Probes that fire in a fault and print a record each, in the median as recorded on
 *	13.2: soft 9, zero-fill 19, copy 24, replace 29; the allocation of the page, which
 *	those recordings lack, is two more.
 *
 * RELEASES 1000000 -
 *	10.0 to 16.
 *
 * RUN ON
 *	13.2-RELEASE and 10.1-RELEASE amd64, with -c.  The filter by process group ran
 *	on both in scripts of its own.  15.0-RELEASE, without the names of 15: it saw
 *	neither allocation nor insert there.
 * NOT RUN
 *	The arguments in this script; 11, 12, 14, 16.  The names of 15 (vm_page_alloc_iter,
 *	vm_page_insert, vm_page_iter_insert, zone_alloc_item, and their returns): each
 *	probe is there on 15.0, and they ran in other scripts.
 */
#pragma D option quiet
#pragma D option bufsize=8m
#pragma D option dynvarsize=16m
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
	printf("#vmtrace\t1\n#script\tvmevents\n#edition\t2\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n",
	    `osreldate, walltimestamp, timestamp);
	printf("#fields\tE\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\ta0:addr\ta1:addr\ta2:addr\ta3:addr\texecname:str\n");
	printf("#fields\tR\tts:time\tcpu:int\tpid:int\ttid:int\tfn:str\trc:int\n");
	printf("#fields\tL\tts:time\tcpu:int\tpid:int\ttid:int\top:str\tlock:addr\treader:int\tname:str\tsite:str\n");
}
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }

fbt::vm_fault:entry,
fbt::vm_fault_hold:entry
/WANTED && (PID != 0 || EXEC != "" || PGID != 0 || pid == $target || progenyof($target))/
{
	self->in = 2;
}

fbt::vm_fault:entry, fbt::vm_fault_hold:entry, fbt::vm_map_lookup:entry,
fbt::vm_page_rename:entry, fbt::vm_page_iter_rename:entry, fbt::vm_page_replace:entry, fbt::vm_page_free_toq:entry,
fbt::vm_page_alloc_after:entry, fbt::vm_page_alloc_iter:entry,
fbt::vm_page_busy_sleep:entry,
fbt::vm_pager_get_pages:entry, fbt::pmap_zero_page:entry, fbt::pmap_copy_page:entry, fbt::pmap_enter:entry,
fbt::vm_object_collapse:entry, fbt::vm_object_split:entry,
fbt::vm_radix_insert:entry, fbt::vm_radix_node_alloc:entry, fbt::vm_radix_remove:entry, fbt::vm_radix_replace:entry,
fbt::vm_radix_lookup:entry, fbt::vm_radix_lookup_le:entry, fbt::vm_radix_lookup_ge:entry
/self->in > 1/
{
	printf("E\t%d\t%d\t%d\t%d\t%s\t0x%x\t0x%x\t0x%x\t0x%x\t%S\n",
	    timestamp, cpu, pid, tid, probefunc, arg0, arg1, arg2, arg3, execname);
}

fbt::vm_map_lookup:return,
fbt::vm_page_rename:return, fbt::vm_page_replace:return,
fbt::vm_page_alloc_after:return, fbt::vm_page_alloc_iter:return,
fbt::vm_pager_get_pages:return, fbt::pmap_enter:return,
fbt::vm_object_collapse:return, fbt::vm_object_split:return,
fbt::vm_radix_insert:return, fbt::vm_radix_remove:return, fbt::vm_radix_replace:return,
fbt::vm_fault:return, fbt::vm_fault_hold:return
/self->in > 1/
{
	printf("R\t%d\t%d\t%d\t%d\t%s\t%d\n", timestamp, cpu, pid, tid, probefunc, (int64_t)arg1);
}

/*
 * From 15 the radix functions are inlined: these insert (0 is success), and zone_alloc_item returns 0 where the zone
 * has no node.  Before 15, vm_radix_insert tells of the same insert.
 */
fbt::vm_page_insert:entry, fbt::vm_page_iter_insert:entry, fbt::zone_alloc_item:entry
/self->in > 1 && `osreldate >= 1500000/
{
	printf("E\t%d\t%d\t%d\t%d\t%s\t0x%x\t0x%x\t0x%x\t0x%x\t%S\n",
	    timestamp, cpu, pid, tid, probefunc, arg0, arg1, arg2, arg3, execname);
}
fbt::vm_page_insert:return, fbt::vm_page_iter_insert:return, fbt::zone_alloc_item:return
/self->in > 1 && `osreldate >= 1500000/
{
	printf("R\t%d\t%d\t%d\t%d\t%s\t%d\n", timestamp, cpu, pid, tid, probefunc, (int64_t)arg1);
}

/* A bool, true is success: turned round, so that 1 is failure as with vm_page_rename. */
fbt::vm_page_iter_rename:return
/self->in > 1/
{
	printf("R\t%d\t%d\t%d\t%d\t%s\t%d\n", timestamp, cpu, pid, tid, probefunc, (arg1 & 0xff) == 0);
}

lockstat:::rw-acquire, lockstat:::rw-release, lockstat:::rw-upgrade, lockstat:::rw-downgrade
/self->in > 1/
{
	printf("L\t%d\t%d\t%d\t%d\t%s\t0x%x\t%d\t%s\t%a\n", timestamp, cpu, pid, tid, probename, arg0, (int)arg1,
	    stringof(((struct rwlock *)arg0)->lock_object.lo_name), caller);
}

fbt::vm_fault:return, fbt::vm_fault_hold:return
/self->in > 1/
{
	self->in = 1;
}

dtrace:::END { printf("#end\t%d\n", timestamp); }
