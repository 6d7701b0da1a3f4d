"""How long things are waited for, in seconds: nothing waits without one of these."""

TICK = 0.1  # between two looks at what goes on
ANSWER = 120.0  # for a piece of sh(1): loading modules and listing probes take seconds on a slow box
COMPILE = 300.0  # for the script's first line
READING = 30.0  # for counters and fail points while tracing is on
SILENT = 5.0  # without a T line, before that is said
STOPPED = 30.0  # without a T line and a record, before the trace counts as ended by the kernel
DRAIN = 60.0  # without output from a dtrace that was told to end, before it is killed
BEHIND = 600.0  # for such a dtrace that still prints: at most two buffers a CPU
COMMAND = 10.0  # for COMMAND to end after its signal, before it is killed
KILLED = 10.0  # for what was killed to be gone
CONNECTION = 5.0  # for the ssh connection to close
