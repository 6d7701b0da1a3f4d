"""A kernel whose truth is known, and the logs that vmtrace's scripts would have printed of it.

It shares no code with the analyzer: what it holds the verdict to, it knows by itself.

    world.py      releases, threads, firings of probes, faults, moves, events
    walk.py       one thread's way through the kernel, step by step, and what each step means
    kernel.py     a plan run: all threads, bugs struck, the truth
    dtrace.py     clauses, thread-locals, aggregations, what libdtrace prints
    recording.py  vmfault and vmfault10, both editions      stepping.py  vmevents
    counting.py   vmagg and vmwatch
    losses.py     what dtrace and the machine do to a trace; the losses compose
    cases.py      a seed: plan, script, losses, what the user asks for
    scope.py      which events the script's scope and the user's question leave
    laws.py       what a verdict must not say, and must say; the only module that asks the analyzer

Laws, for every trace and filter: what did not happen is not proved; what happened in scope is not called clean, nor is
what the script has no eye for; no two answers contradict; check says broken only of what happened and kept only of what
did not.  Of a whole trace without a filter what the script can see is proved, counted right, and the numbers are the
kernel's own.

    python -m tests.simulator SEED          its log, what happened, what was said
    make soundness N=100000                 many, on all cores: seeds that break a law, how often what was said

What it does not have: a lock left held on 10.x that is not the top object's.  Buffers are full whenever a loss says so,
and then the log says how small they are.
"""
