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
"""
