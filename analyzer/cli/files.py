"""Files that commands write: nothing is overwritten unasked, an input never; '-' is standard output."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from analyzer.errors import CannotCreateError, UsageError

STDOUT = Path("-")
Form = TypeVar("Form")
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are there; an input never.")]


def is_stream(log: str) -> bool:
    """Whether a log can be read only once, from its beginning: standard input, a pipe, a device."""
    path = Path(log)
    return log == "-" or path.is_fifo() or path.is_char_device() or path.is_socket()


def require_writable(path: Path | None, inputs: Iterable[str], force: bool) -> None:
    """Say at once, not after long work, that a file cannot be made, is there already, or is an input.

    None and STDOUT are standard output.
    """
    if path in (None, STDOUT):
        return
    if not path.parent.is_dir():
        raise CannotCreateError(f"{path}: its folder does not exist; name another file")
    if path.is_dir():
        raise CannotCreateError(f"{path}: is a directory; name a file in it")
    if any(_is_same(path, name) for name in inputs):
        raise CannotCreateError(f"{path}: is an input and is never overwritten; name another file")
    if path.is_file() and not force:
        raise CannotCreateError(f"{path}: is there already; name another file, or overwrite it with --force")


def _is_same(path: Path, name: str) -> bool:
    try:
        return os.path.samefile(path, name)
    except OSError:
        return False


def ending_of(path: Path | None, endings: dict[str, Form]) -> Form | None:
    """What the path's ending stands for in `endings`; None for standard output, which has none."""
    if path is None or path == STDOUT:
        return None
    found = endings.get(path.suffix.lower())
    if found is None:
        raise UsageError(f"{path}: its ending says not what to write; it may be {', '.join(endings)}")
    return found


def write(path: Path | None, data: bytes | str) -> None:
    """Write a file whole or not at all, or to standard output; CannotCreateError where that fails.

    The old file stays until the new one is whole; what somebody linked there is not followed, if it is not there.
    """
    if path is None or path == STDOUT:
        if isinstance(data, str):
            sys.stdout.write(data)
        else:
            sys.stdout.buffer.write(data)
        return
    is_plain = not path.exists() or (path.is_file() and not path.is_symlink())
    fresh = path.with_name(f"{path.name}.{os.getpid()}.new") if is_plain else path
    try:
        with fresh.open("xb" if is_plain else "wb") as file:
            file.write(data.encode() if isinstance(data, str) else data)
        if is_plain:
            fresh.replace(path)
    except OSError as error:
        if is_plain:
            fresh.unlink(missing_ok=True)
        raise CannotCreateError(f"{path}: {error.strerror}; name another file") from None
