"""A load that knows its faults, for `vmtrace prove`: it says what it did, and the trace must say the same.

It is sent to the box as text and run there by any Python 3, so it imports the standard library only and nothing of
vmtrace.  Each part touches pages of its own: a trace tells parts apart by address and process.  Counts are primes, so
that one cannot pass for another.  Where the kernel itself counts a process's faults (getrusage), that stands beside.

Usage: python3 -c TEXT STATEMENT whole|few|sparse.  STATEMENT is written at the end, as JSON.  `few` is for a trace of
each step inside the faults, `sparse` for failing allocations of radix nodes.
"""

import contextlib
import ctypes
import json
import mmap
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

ZERO_FILL, COPY, FILE, SPLIT = 1009, 503, 211, 307  # pages
FEW = 101, 53  # pages to fill with zero, and to copy
THREADS, EACH = 4, 251  # threads, and pages of each
PROTECTED, INVALID, BEYOND = 13, 11, 7  # faults that must fail
ROUNDS, MOVED = 4, 307  # of a parent that leaves, and pages of each of its child's threads
PAUSE = 1 if sys.platform.startswith("freebsd") else 0  # seconds after a round, in which dtrace can catch up
SPARSE = 503  # pages so far apart that each needs a radix node of its own

PAGE = mmap.PAGESIZE
NODE = 16  # pages below one radix node
RW = mmap.PROT_READ | mmap.PROT_WRITE
FIXED, RANDOM, INVALIDATE = 0x10, 1, 2  # MAP_FIXED, MADV_RANDOM, MS_INVALIDATE: the same on FreeBSD and Linux

libc = ctypes.CDLL(None)
libc.mmap.restype = ctypes.c_void_p
libc.mmap.argtypes = (
    ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int, ctypes.c_int, ctypes.c_int, ctypes.c_int64,
)  # fmt: skip
for name in ("munmap", "mprotect", "madvise", "msync"):
    getattr(libc, name).argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)[: 2 if name == "munmap" else 3]


# What an old Python has no name for is in quotes.
def mapped(address: "int | None", size: int, protection: int, flags: int, fd: int = -1) -> int:
    found = libc.mmap(address, size, protection, flags, fd, 0)
    if found == ctypes.c_void_p(-1).value:
        sys.exit("the load cannot map memory")
    return found


def region(pages: int, protection: int = RW, fd: int = -1) -> int:
    """An address with that many pages, and nothing that could grow together with them on either side."""
    around = mapped(None, (pages + 2) * PAGE, 0, mmap.MAP_PRIVATE | mmap.MAP_ANON)
    flags = FIXED | (mmap.MAP_SHARED if fd >= 0 else mmap.MAP_PRIVATE | mmap.MAP_ANON)
    first = mapped(around + PAGE, pages * PAGE, protection, flags, fd)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):
        libc.madvise(first, pages * PAGE, mmap.MADV_NOHUGEPAGE)
    return first


def write(first: int, pages: int, step: int = 1) -> None:
    for page in range(0, pages, step):
        ctypes.memset(first + page * PAGE, 1, 1)


def counted(work: "Callable[[], object]") -> "tuple[int, int]":
    """Do it; the faults without and with input that the kernel counted for this process meanwhile."""
    before = resource.getrusage(resource.RUSAGE_SELF)
    work()
    after = resource.getrusage(resource.RUSAGE_SELF)
    return after.ru_minflt - before.ru_minflt, after.ru_majflt - before.ru_majflt


def child(work: "Callable[[], object]") -> "tuple[int, int, Any]":
    """Do it in a child: its process id, its wait status, what `work` gave back."""
    out, into = os.pipe()
    pid = os.fork()
    if pid == 0:
        status = 1
        with contextlib.suppress(BaseException):
            os.write(into, json.dumps(work()).encode())
            status = 0
        os._exit(status)
    os.close(into)
    with os.fdopen(out) as pipe:
        text = pipe.read()
    return pid, os.waitpid(pid, 0)[1], json.loads(text) if text else None


def part(
    name: str, first: int, pages: int, faults: int, pids: "list[int]", most: "int | None" = None
) -> "dict[str, Any]":
    """What a part did.  `faults` happened; `most` is what the kernel counted, with those of the interpreter itself."""
    return {
        "part": name, "first": first, "last": first + pages * PAGE, "faults": faults,
        "most": faults if most is None else most, "pids": pids,
    }  # fmt: skip


def zero_fill(pages: int) -> "dict[str, Any]":
    first = region(pages)
    most = sum(counted(lambda: write(first, pages)))
    return part("zero-fill", first, pages, pages, [os.getpid()], most)


def copy(pages: int) -> "dict[str, Any]":
    first = region(pages)
    write(first, pages)
    pid, _, faults = child(lambda: counted(lambda: write(first, pages)))
    return part("copy", first, pages, pages, [pid], sum(faults))


def threads() -> "dict[str, Any]":
    pages = THREADS * EACH
    first = region(pages)
    most = sum(counted(lambda: in_threads(first, EACH)))
    return part("threads", first, pages, pages, [os.getpid()], most)


def in_threads(first: int, each: int, begun: "Callable[[], object]" = lambda: None) -> None:
    """THREADS threads, each writing `each` pages of its own; memset(3) runs without Python's lock."""
    workers = [
        threading.Thread(target=ctypes.memset, args=(first + number * each * PAGE, 2, each * PAGE))
        for number in range(THREADS)
    ]
    for worker in workers:
        worker.start()
    begun()
    for worker in workers:
        worker.join()


def page_in(folder: str) -> "dict[str, Any]":
    """Pages of a file that is not in memory any more, if the system lets go of it."""
    with open(os.path.join(folder, "file"), "wb+") as file:
        file.write(b"x" * FILE * PAGE)
        file.flush()
        os.fsync(file.fileno())
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
        first = region(FILE, mmap.PROT_READ, file.fileno())
        libc.msync(first, FILE * PAGE, INVALIDATE)
        libc.madvise(first, FILE * PAGE, RANDOM)
        faults = counted(lambda: [ctypes.string_at(first + page * PAGE, 1) for page in range(FILE)])
    return part("page-in", first, FILE, faults[1], [os.getpid()])


def dying(name: str, first: int, pages: int, address: int, times: int) -> "dict[str, Any]":
    """Children that each write to `address` once, and die of it."""
    ended = [child(lambda: ctypes.memset(address, 1, 1)) for _ in range(times)]
    died = [pid for pid, status, _ in ended if status & 0x7F in (signal.SIGSEGV, signal.SIGBUS)]
    return part(name, first, pages, len(died), died)


def protected() -> "dict[str, Any]":
    first = region(1, mmap.PROT_READ)
    return dying("protected", first, 1, first, PROTECTED)


def invalid() -> "dict[str, Any]":
    first = region(1)
    libc.munmap(first, PAGE)
    return dying("invalid", first, 1, first, INVALID)


def beyond(folder: str) -> "dict[str, Any]":
    with open(os.path.join(folder, "short"), "wb+") as file:
        file.truncate(PAGE)
        first = region(8, RW, file.fileno())
    return dying("beyond", first, 8, first + 4 * PAGE, BEYOND)


def split() -> "dict[str, Any]":
    """Two mappings of one object: fork moves the pages of the first to an object of its own."""
    first = region(2 * SPLIT)
    write(first, 2 * SPLIT)
    libc.mprotect(first + SPLIT * PAGE, SPLIT * PAGE, mmap.PROT_READ)
    child(lambda: None)
    return part("fork", first, SPLIT, 0, [os.getpid()]) | {"moves": SPLIT}


def moved() -> "dict[str, Any]":
    """A parent that leaves while its child's threads write: a page may move to the child in the fault (facts 13.4)."""
    pages = THREADS * MOVED
    first = region(pages)
    ctypes.memset(first, 1, pages * PAGE)
    told, tells = os.pipe()
    done, does = os.pipe()
    parent = os.fork()
    if parent == 0:
        writer = os.fork()
        if writer == 0:
            most = sum(counted(lambda: in_threads(first, MOVED, lambda: os.write(tells, b"x"))))
            os.write(does, json.dumps([os.getpid(), most]).encode())
            os._exit(0)
        os.read(told, 1)
        os._exit(0)
    os.waitpid(parent, 0)
    os.close(does)
    with os.fdopen(done) as pipe:
        pid, most = json.loads(pipe.read())
    for end in (told, tells):
        os.close(end)
    libc.munmap(first, pages * PAGE)
    time.sleep(PAUSE)
    return part("moved", first, pages, pages, [pid], most)


def sparse() -> "dict[str, Any]":
    first = region(SPARSE * NODE)
    most = sum(counted(lambda: write(first, SPARSE * NODE, NODE)))
    return part("sparse", first, SPARSE * NODE, SPARSE, [os.getpid()], most)


def main(statement: str, kind: str) -> None:
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    folder = os.path.dirname(statement)
    if kind == "sparse":
        parts = [sparse()]
    elif kind == "few":
        parts = [zero_fill(FEW[0]), copy(FEW[1]), protected(), invalid(), beyond(folder)]
    else:
        # The parts that move pages come last: what they leave behind would move again at each fork.
        parts = [zero_fill(ZERO_FILL), copy(COPY), threads(), page_in(folder)]
        parts += [protected(), invalid(), beyond(folder), split(), *(moved() for _ in range(ROUNDS))]
    name = subprocess.check_output(["ps", "-o", "comm=", "-p", str(os.getpid())]).decode().strip()
    with open(statement, "w") as file:
        json.dump({"name": name, "parts": parts}, file)


if __name__ == "__main__":
    main(*sys.argv[1:])
