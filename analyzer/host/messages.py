"""dtrace's own messages: what each means for the user (facts sheet 7.5)."""

import re

from analyzer.errors import (
    DataError,
    PermissionDeniedError,
    TemporaryError,
    UnavailableError,
    VmtraceError,
)

MISSING = {
    "dtrace": "it is /usr/sbin/dtrace of the base system (WITH_CDDL); without it, record with --ktrace",
    "ktrace": "it is /usr/bin/ktrace of the base system",
    "kdump": "it is /usr/bin/kdump of the base system",
}

_DROPS = (
    (re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) drops? on CPU \d+"), "records"),
    (re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) dynamic variable drops?"), "dynamic variables"),
    (re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) aggregation drops? on CPU \d+"), "aggregation entries"),
)
# What to do about a loss: why it came, the options that may help, and the one whose size the kernel limits.
_ADVICE = {
    "records": ("the buffers were full", ["-x switchrate=100hz"], "bufsize"),
    "dynamic variables": ("the state of faults was lost", ["-x dynvarsize=128m", "-x cleanrate=1000hz"], ""),
    "aggregation entries": ("the aggregation buffer was full", ["-x aggrate=10hz"], "aggsize"),
}

# What dtrace says when the kernel's deadman has ended tracing: at once, or only when told to stop (facts sheet 13.9).
_BY_KERNEL = (b"dtrace: processing aborted", b"dtrace: couldn't stop tracing")
TOO_BUSY = (
    "the box was too busy to read the trace: try a narrower filter (--pid, --exec), --script vmwatch, or less load"
)

# Each error on an enabled probe is one record that was not printed.
_ERROR = re.compile(rb"^dtrace: error on enabled probe ID ")


def loss(line: bytes) -> tuple[str, int] | None:
    """What a stderr line says was lost: its kind, and how many; None where nothing was."""
    for pattern, kind in _DROPS:
        match = pattern.match(line)
        if match:
            return kind, int(match.group(1))
    return ("clauses with errors", 1) if _ERROR.match(line) else None


def advice(kind: str, larger: dict[str, str]) -> str:
    """What to do about a loss; `larger` has the sizes up to which this box's kernel lets an option grow."""
    if kind not in _ADVICE:
        return "a probe's clause failed, see the dtrace: lines in the log"
    why, options, size = _ADVICE[kind]
    if size in larger:
        options = [*options, f"-x {size}={larger[size]}"]
    return f"{why}; try {', '.join(options)}, a narrower filter (--pid, --exec), or --script vmwatch"


def ended_by_kernel(line: bytes) -> bool:
    """Whether a stderr line says that the kernel has ended tracing."""
    return line.startswith(_BY_KERNEL)


def failure(stderr: str) -> VmtraceError | None:
    """The error that dtrace's stderr speaks of, None where there is none."""
    for line in stderr.splitlines():
        text = line.removeprefix("dtrace: ")
        if "additional privileges" in text or "Permission denied" in text or "Destructive actions" in text:
            return PermissionDeniedError(f"dtrace may not trace here: {text}; it needs root, outside of a jail")
        if "DTrace device not available" in text or text.startswith("failed to initialize dtrace"):
            return UnavailableError(f"{text}: try 'kldload dtraceall' as root, see 'vmtrace doctor'")
        if text.startswith(("failed to compile script", "invalid probe specifier")):
            text = re.sub(r"script \S*/([^/\s]+\.d)", r"script \1", text)
            return DataError(f"{text}; the script does not fit this kernel, see 'vmtrace doctor'")
        if text.startswith("processing aborted"):
            return TemporaryError(f"dtrace gave up: {text}; {TOO_BUSY}")
        if text.startswith(("failed to ", "could not ", "couldn't ")):
            return UnavailableError(f"dtrace failed: {text}; see 'vmtrace doctor'")
    return None
