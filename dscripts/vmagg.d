#!/usr/sbin/dtrace -Zs
/*
 * vmagg.d - the fault path in aggregations only: constant output however long it runs
 *
 * PURPOSE
 *	Results, lock balance, time and its distribution per path, failed renames and
 *	radix inserts with their stacks: for hours, or for a load whose records
 *	would overrun the consumer.
 *
 * USAGE
 *	vmagg.d [-o LOG] [-c COMMAND] [PID [NAME [PGID]]]
 *	It needs the option -Z of its first line.  Elsewhere: dtrace -Z -s vmagg.d ...
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
 *	results    faults by path bits and KERN_* result
 *	imbalance  faults by path bits and acquires minus releases (empty before 11.0)
 *	total      ns by path bits; latency  the distribution of the same
 *	renames    vm_page_rename by result (0 moved, 1 failed)
 *	inserts    radix inserts by result (0, 12 ENOMEM); from 15 node allocations
 *	sites      stacks of the failed ones
 *	Path bits: 0x1 pager, 0x2 zero, 0x4 copy, 0x8 rename, 0x10 replace, 0x20 alloc.
 *
 * OVERHEAD
 *	Not measured on its own; its probes are a part of those of vmfault.d (2.0 times
 *	on a load that does nothing but fault).  No record can be dropped; no
 *	thread-local ever holds zero, see vmfault.d.
 *
 * RELEASES 1000000 -
 *	10.0 to 16.
 *
 * RUN ON
 *	13.2-RELEASE amd64, without arguments, with and without injected failures.
 * NOT RUN
 *	The arguments in this script; every other release.
 */
#pragma D option quiet
#pragma D option dynvarsize=16m
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

dtrace:::BEGIN
{
	printf("#vmtrace\t1\n#script\tvmagg\n#osreldate\t%d\n#walltime\t%d\n#timestamp\t%d\n", `osreldate, walltimestamp, timestamp);
}
dtrace:::BEGIN /PID != 0/ { printf("#host.filter\tpid\t%d\n", PID); }
dtrace:::BEGIN /EXEC != ""/ { printf("#host.filter\texec\t%S\n", EXEC); }
dtrace:::BEGIN /PGID != 0/ { printf("#host.filter\tpgid\t%d\n", PGID); }
fbt::vm_fault:entry, fbt::vm_fault_hold:entry
/WANTED/
{
	self->st = timestamp;
	self->c = (int64_t)1 << 62;
}
/* Before 11.0 most lock operations of the VM code fire no probe: no balance there. */
lockstat:::rw-acquire /self->st > 1 && `osreldate >= 1100000/ { self->c += 1; }
lockstat:::rw-release /self->st > 1 && `osreldate >= 1100000/ { self->c += 1 << 10; }
fbt::vm_pager_get_pages:entry	/self->st > 1/ { self->c |= (int64_t)0x1 << 44; }
fbt::pmap_zero_page:entry	/self->st > 1/ { self->c |= (int64_t)0x2 << 44; }
fbt::pmap_copy_page:entry	/self->st > 1/ { self->c |= (int64_t)0x4 << 44; }
fbt::vm_page_rename:entry,
fbt::vm_page_iter_rename:entry	/self->st > 1/ { self->c |= (int64_t)0x8 << 44; }
fbt::vm_page_replace:entry	/self->st > 1/ { self->c |= (int64_t)0x10 << 44; }
fbt::vm_page_alloc_after:entry,
fbt::vm_page_alloc:entry	/self->st > 1/ { self->c |= (int64_t)0x20 << 44; }

fbt::vm_fault:return, fbt::vm_fault_hold:return
/self->st > 1 && `osreldate >= 1100000/
{
	this->imb = (int)((self->c & 0x3ff) - ((self->c >> 10) & 0x3ff));
	@imbalance[(self->c >> 44) & 0xff, this->imb] = count();
}
fbt::vm_fault:return, fbt::vm_fault_hold:return
/self->st > 1/
{
	this->path = (self->c >> 44) & 0xff;
	@latency[this->path] = quantize(timestamp - self->st);
	@results[this->path, (int)arg1] = count();
	@total[this->path] = sum(timestamp - self->st);
	self->st = 1;
}
fbt::vm_page_rename:return /WANTED/ { @renames[(int)arg1] = count(); }
fbt::vm_page_iter_rename:return /WANTED/ { @renames[(arg1 & 0xff) == 0] = count(); }
fbt::vm_radix_insert:return /WANTED/ { @inserts[(int)arg1] = count(); }
fbt::vm_radix_insert:return /arg1 != 0 && WANTED/ { @sites[stack(6)] = count(); }
/* From 15 the insert is inlined: the allocation of its node is counted, see vmfault.d. */
fbt::vm_radix_node_alloc:entry /WANTED/ { self->na = 2; }
fbt::uma_zalloc_smr:return /self->na > 1 && arg1 == 0/ { @sites[stack(6)] = count(); }
fbt::uma_zalloc_smr:return /self->na > 1/ { @inserts[arg1 == 0 ? 12 : 0] = count(); self->na = 1; }

dtrace:::END
{
	printf("#aggregation\tresults\tpath\trc\tcount\n"); printa("%d\t%d\t%@d\n", @results);
	printf("#aggregation\timbalance\tpath\tdelta\tcount\n"); printa("%d\t%d\t%@d\n", @imbalance);
	printf("#aggregation\ttotal\tpath\tns\n"); printa("%d\t%@d\n", @total);
	printf("#aggregation\trenames\trc\tcount\n"); printa("%d\t%@d\n", @renames);
	printf("#aggregation\tinserts\trc\tcount\n"); printa("%d\t%@d\n", @inserts);
	printf("#aggregation\tlatency\tpath\tquantize\n"); printa("path %d%@d\n", @latency);
	printf("#aggregation\tsites\tstack\tcount\n"); printa(@sites);
	printf("#end\t%d\n", timestamp);
}
