"""The kernel module vmfail: its source, its sysctls, and whether a box has it."""

from pathlib import Path

from analyzer.errors import CannotCreateError
from analyzer.host.box import Box
from analyzer.resources import resource

POINT = "debug.fail_point.uma_zalloc_arg"
GROUP = "debug.vmfail_pgid"  # the process group that it is narrowed to; only the module has it
BUILD = "make && kldload ./vmfail.ko"


def write(folder: str) -> list[Path]:
    """Write the source into a new folder; CannotCreateError where there is one already."""
    made = []
    try:
        Path(folder).mkdir(parents=True)
        for source in sorted((resource("kmod") / "vmfail").iterdir()):
            made.append(Path(folder) / source.name)
            made[-1].write_bytes(source.read_bytes())
    except FileExistsError:
        raise CannotCreateError(f"{folder} exists: choose another folder with -o") from None
    except OSError as error:
        raise CannotCreateError(f"cannot write {folder}: {error.strerror}; choose another folder with -o") from None
    return made


def is_loaded(box: Box) -> bool:
    """Whether the module is loaded: only then a fail point can be narrowed to a process group."""
    return box.run(f"sysctl -n {GROUP}").status == 0
