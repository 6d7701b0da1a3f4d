"""What can go wrong, each with the exit code of sysexits(3).

A VmtraceError is one line for the user: what is wrong, where, and what to do.
The command line prints it on stderr and exits with its code; nobody sees a traceback.
"""


class VmtraceError(Exception):
    """Base of all errors that vmtrace raises on purpose."""

    exit_code = 70  # EX_SOFTWARE


class UsageError(VmtraceError):
    """The command was called wrongly."""

    exit_code = 64  # EX_USAGE


class DataError(VmtraceError):
    """The input is not what it should be."""

    exit_code = 65  # EX_DATAERR


class NoInputError(VmtraceError, OSError):
    """The input is missing or cannot be read; in Python it is the OSError that every file can give."""

    exit_code = 66  # EX_NOINPUT


class UnavailableError(VmtraceError):
    """Something that vmtrace needs is missing: a package, a program, a kernel module."""

    exit_code = 69  # EX_UNAVAILABLE


class CannotCreateError(VmtraceError):
    """An output file cannot be made."""

    exit_code = 73  # EX_CANTCREAT


class IoError(VmtraceError):
    """Reading or writing failed half-way: full disk, closed pipe."""

    exit_code = 74  # EX_IOERR


class TemporaryError(VmtraceError):
    """It failed this time; the same call may work later."""

    exit_code = 75  # EX_TEMPFAIL


class PermissionDeniedError(VmtraceError):
    """The user may not do that: not root, no /dev/dtrace."""

    exit_code = 77  # EX_NOPERM


class Interrupted(VmtraceError):
    """The user pressed ^C."""

    exit_code = 130  # what a shell says of SIGINT
