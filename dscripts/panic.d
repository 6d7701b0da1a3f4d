/*
 * panic.d - clauses that let the last records out while the kernel panics
 *
 * PURPOSE
 *	A stock kernel panics within a millisecond of the bug of D4326, before dtrace
 *	has taken its buffers.  chill() holds the panicking CPU; the other one takes
 *	and prints them.
 *
 * USAGE
 *	vmtrace collect --survive-panic puts them at the end of a script.  By hand:
 *	cat vmfault10.d panic.d > both.d; rtprio 1 dtrace -w -Z -x switchrate=100hz -s both.d
 *	and whoever takes its output away at rtprio 1 too.  They need dtrace -w, as
 *	chill() acts on the kernel, and a second CPU.
 *
 * FIELDS
 *	P  the kernel panics: ts cpu pid tid, message (panic's format, its arguments
 *	   not filled in), execname
 *
 * OVERHEAD
 *	None until the kernel panics; then half a second.
 *
 * RELEASES 1000000 -
 *	RUN ON 10.1: over ssh, with dtrace and its reader at rtprio 1, 2 of 2 traces
 *	came whole; without real-time priority 0 of 5; to a file on UFS 0 of 3.
 *	NOT RUN on others.
 */
dtrace:::BEGIN { printf("#fields\tP\tts:time\tcpu:int\tpid:int\ttid:int\tmessage:str\texecname:str\n"); }
fbt::panic:entry { printf("P\t%d\t%d\t%d\t%d\t%S\t%S\n", timestamp, cpu, pid, tid, stringof((char *)arg0), execname); }
fbt::panic:entry { chill(60000000); }
fbt::vpanic:entry { chill(230000000); }
fbt::stop_cpus_hard:entry { chill(200000000); }
