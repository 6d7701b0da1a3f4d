"""The tests, collected once in this process; each run of them is in a process forked from it."""

import importlib
import json
import multiprocessing
import os
import re
import resource
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from _pytest.runner import runtestprotocol

ROOT = Path(__file__).parent.parent.parent
# Others start an interpreter of their own: what is changed here does not reach it.
_IN_PROCESS = re.compile(r"^from (?:analyzer|recordings|fuzz|simulator)", re.MULTILINE)
_OPTIONS = ["-s", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]
_MEMORY = 3 << 30  # bytes: a mutant that takes more is seen
_PATIENCE = 5.0  # so many times what a test takes, and so many seconds of the processor more, and it hangs

Items = dict[str, pytest.Item]


def with_items(work: Callable[[Items], None]) -> None:
    """Collect the tests and give them to `work`, by their names: "test_format.py::test_counts"."""

    class Plugin:
        def pytest_runtestloop(self, session: pytest.Session) -> bool:
            # The command as a process is forked of this one, so that what is changed here reaches it.
            importlib.import_module("command")._CONTEXT = multiprocessing.get_context("fork")
            work({item.nodeid.removeprefix("tests/"): item for item in session.items})
            return True

    files = [str(path) for path in sorted((ROOT / "tests").glob("test_*.py")) if _IN_PROCESS.search(path.read_text())]
    with tempfile.TemporaryDirectory(prefix="vmtrace-mutate-") as folder:
        pytest.main([*_OPTIONS, f"--basetemp={folder}/tests", *files], plugins=[Plugin()])


def forked(work: Callable[[], Any], seconds: float) -> Any:
    """What `work` gives (as JSON) in a forked process, or None where that ends otherwise or takes longer."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.setpgid(0, 0)
        os.close(reading)
        _silence()
        resource.setrlimit(resource.RLIMIT_DATA, (_MEMORY, _MEMORY))
        with os.fdopen(writing, "w") as pipe:
            json.dump(work(), pipe)
        os._exit(0)
    os.close(writing)
    end = time.monotonic() + seconds
    while not (ended := os.waitpid(child, os.WNOHANG)[0]) and time.monotonic() < end:
        time.sleep(0.01)
    with suppress(ProcessLookupError):  # it, and what it left running
        os.killpg(child, signal.SIGKILL)
    if not ended:
        os.waitpid(child, 0)
    with os.fdopen(reading) as pipe:
        text = pipe.read()
    return json.loads(text) if text else None


def _silence() -> None:
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)


def first_that_fails(items: list[pytest.Item], seconds: list[float]) -> int | None:
    """The place of the first test that does not pass; one that hangs ends this process."""
    for place, item in enumerate(items):
        signal.setitimer(signal.ITIMER_PROF, _PATIENCE * (1 + seconds[place]))
        if not passes(item, items[place + 1] if place + 1 < len(items) else None):
            return place
    return None


def passes(item: pytest.Item, following: pytest.Item | None = None) -> bool:
    """Whether a test passes; what only its module shares is kept where `following` is of it too."""
    return not any(report.failed for report in runtestprotocol(item, log=False, nextitem=following))
