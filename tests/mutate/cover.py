"""Which test file calls which function of the package, and how long it takes: asked once, by a profiler."""

import json
import os
import re
import sys
import threading
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
# Other test files run the command as a process: what is changed here does not reach it.
_OF_ROOMS = re.compile(r"analyzer\.(?:ingest|summary|analysis|verdict)|^from fuzz|^from simulator", re.MULTILINE)
_OPTIONS = ["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist"]


def run(paths: list[str]) -> int:
    """pytest's exit code on those files, in silence."""
    with open(os.devnull, "w") as nothing, redirect_stdout(nothing), redirect_stderr(nothing):
        return int(pytest.main([*_OPTIONS, *paths]))


def cover(file: Path) -> dict[str, dict[str, Any]]:
    """By test file its `seconds` and the `calls`, as "module.py:function"; kept in `file` for the next time."""
    known: dict[str, dict[str, Any]] = json.loads(file.read_text()) if file.exists() else {}
    for path in sorted((ROOT / "tests").glob("test_*.py")):
        if not _OF_ROOMS.search(path.read_text()):
            continue
        if path.name not in known or known[path.name]["changed"] != path.stat().st_mtime:
            known[path.name] = _asked(path) | {"changed": path.stat().st_mtime}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known))
    return known


def _asked(path: Path) -> dict[str, Any]:
    """One test file in a forked process, whose end of the pipe gets what it called."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        calls: set[tuple[str, str]] = set()

        def called(frame: Any, event: str, _: object) -> None:
            if event == "call":
                calls.add((frame.f_code.co_filename, frame.f_code.co_qualname))

        threading.setprofile(called)
        sys.setprofile(called)
        begun = time.process_time()
        passed = run([str(path)]) == 0
        sys.setprofile(None)
        package = str(ROOT / "analyzer") + "/"
        ours = ((name.removeprefix(package), function) for name, function in calls if name.startswith(package))
        names = sorted(f"{name}:{function}" for name, function in ours)
        with os.fdopen(writing, "w") as pipe:
            json.dump({"passed": passed, "seconds": time.process_time() - begun, "calls": names}, pipe)
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        found: dict[str, Any] = json.load(pipe)
    os.waitpid(child, 0)
    return found
