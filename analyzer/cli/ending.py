"""How a command ends: every error as one line on stderr and an exit code of sysexits(3).

0, 1 and 2 are answers of `vmtrace check`; nothing that goes wrong may look like one.
"""

import io
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import typer

from analyzer import packages
from analyzer.errors import Interrupted, IoError, TemporaryError, UnavailableError, UsageError, VmtraceError
from analyzer.format import visible

DEBUG = "VMTRACE_DEBUG"  # set and not empty: the traceback of a defect too

# typer 0.28 carries click inside; its public BadParameter leads to the base of all usage errors.
_ClickUsageError: Any = typer.BadParameter.__bases__[0]
_PACKAGE = Path(__file__).parent.parent


def run(command: Callable[[], int | None]) -> int:
    """The exit code of a command, whatever becomes of it."""
    if sys.stderr is None:
        sys.stderr = io.TextIOWrapper(io.BytesIO())  # nobody reads it
    if sys.stdout is None:
        return _complain("standard output is closed: give it a file or a pipe", IoError.exit_code)
    for stream in (sys.stdout, sys.stderr):
        cast(Any, stream).reconfigure(errors="backslashreplace")  # no terminal is too poor for a report
    try:
        code = command() or 0
        sys.stdout.flush()  # what cannot be written must not pass for written
        return code
    except VmtraceError as error:
        return _complain(str(error), error.exit_code)
    except _ClickUsageError as error:
        return _complain(f"{error.format_message()} (see 'vmtrace --help')", UsageError.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        return _complain("interrupted", Interrupted.exit_code)
    except (BrokenPipeError, SystemExit):  # rich and typer make the one of the other, and its code is 1
        _discard_output()  # the reader has gone: there is nobody to complain to
        return IoError.exit_code
    except ModuleNotFoundError as error:
        if str(error.name).startswith("analyzer"):
            return _defect(error)
        return _complain(_lack(str(error.name)), UnavailableError.exit_code)
    except ImportError as error:
        if str(error.name).startswith("analyzer"):
            return _defect(error)
        what = str(error).partition("\n")[0]
        told = f"a package cannot be loaded, it is broken or memory is short: {what}"
        return _complain(told, UnavailableError.exit_code)
    except MemoryError:
        return _complain(
            "not enough memory, and nothing is written: read with --jobs 1 or fewer logs at once, or raise the limit",
            TemporaryError.exit_code,
        )
    except OSError as error:
        _discard_output()
        return _complain(f"{error.filename or 'standard output'}: {error.strerror or error}", IoError.exit_code)
    except Exception as error:
        return _defect(error)


def _lack(name: str) -> str:
    """What is missing, and what brings it; a module of Python's own library no package of ours brings."""
    if name.partition(".")[0] in sys.stdlib_module_names:
        return f"this Python was built without its module {name}: install a Python that has it"
    command = packages.install_command(packages.missing() or [name])
    return f"this needs packages that are missing: {command} (collect needs none of them)"


def _discard_output() -> None:
    """Keep Python from writing the rest at its end, and ending with a code of its own."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _defect(error: BaseException) -> int:
    """Something that vmtrace did not expect, in one line; whoever debugs gets the rest."""
    if os.environ.get(DEBUG):
        traceback.print_exception(error)
    frames = traceback.extract_tb(error.__traceback__)
    ours = [frame for frame in frames if Path(frame.filename).is_relative_to(_PACKAGE)]
    where = f" in {Path(ours[-1].filename).relative_to(_PACKAGE)}, line {ours[-1].lineno}" if ours else ""
    what = str(error).partition("\n")[0]
    return _complain(
        f"a defect of vmtrace: {type(error).__name__}: {what}{where}; --debug shows how it came to it",
        VmtraceError.exit_code,
    )


def _complain(message: str, code: int) -> int:
    print(f"vmtrace: {visible(message)}", file=sys.stderr)  # it may quote a log, or name a file of anybody's
    return code
