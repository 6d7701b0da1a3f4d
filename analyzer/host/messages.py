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
    (
        re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) drops? on CPU \d+"),
        "records",
        "the buffers were full; try -x switchrate=100hz, -x bufsize=64m, "
        "a narrower filter (--pid, --exec), or --script vmagg",
    ),
    (
        re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) dynamic variable drops?"),
        "dynamic variables",
        "the state of faults was lost; try -x dynvarsize=128m, -x cleanrate=1000hz, "
        "or a narrower filter (--pid, --exec)",
    ),
    (
        re.compile(rb"^dtrace: (?:\[\w+\] )?(\d+) aggregation drops? on CPU \d+"),
        "aggregation entries",
        "the aggregation buffer was full; try -x aggsize=32m, or a narrower filter (--pid, --exec)",
    ),
)

# Each error on an enabled probe is one record that was not printed.
_ERROR = re.compile(rb"^dtrace: error on enabled probe ID ")


def loss(line: bytes) -> tuple[str, int, str] | None:
    """What a stderr line says was lost: its kind, how many, and what to do; None where nothing was."""
    for pattern, kind, advice in _DROPS:
        match = pattern.match(line)
        if match:
            return kind, int(match.group(1)), advice
    if _ERROR.match(line):
        return "clauses with errors", 1, "a probe's clause failed, see the dtrace: lines in the log"
    return None


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
            return TemporaryError(
                f"dtrace gave up: {text}; the box was too busy to read the trace: try a narrower filter "
                "(--pid, --exec), --script vmagg, or less load"
            )
        if text.startswith(("failed to ", "could not ", "couldn't ")):
            return UnavailableError(f"dtrace failed: {text}; see 'vmtrace doctor'")
    return None
