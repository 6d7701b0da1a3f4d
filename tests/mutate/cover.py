"""Which test calls which function of the package, and how long it takes: asked once, by a profiler."""

import cProfile
import hashlib
import importlib
import json
import os
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any, NamedTuple

from .suite import ROOT, Items, forked, passes

_LONGEST = 120.0  # seconds
_PACKAGE = str(ROOT / "analyzer") + "/"


class Called(NamedTuple):
    """What is known of one test: its seconds of the processor, and what it calls as "module.py:function"."""

    seconds: float
    calls: frozenset[str]


def cover(items: Items, file: Path) -> dict[str, Called]:
    """The tests that pass; what was found is kept in `file` for the next time, until a file they call changes."""
    known: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    for name, item in items.items():
        if name not in known or known[name]["digest"] != _digest(name, known[name]["calls"]):
            found = forked(lambda item=item: _asked(item), _LONGEST) or {"passed": False, "seconds": 0, "calls": []}
            known[name] = found | {"digest": _digest(name, found["calls"])}
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(json.dumps(known))
    of_all = ((name, known[name]) for name in items)
    return {name: Called(each["seconds"], frozenset(each["calls"])) for name, each in of_all if each["passed"]}


def _digest(name: str, calls: list[str]) -> str:
    """Of the test's file and all modules that it calls."""
    files = {ROOT / "tests" / name.partition("::")[0], *(Path(_PACKAGE + call.partition(":")[0]) for call in calls)}
    return hashlib.sha1(b"".join(path.read_bytes() if path.exists() else b"" for path in sorted(files))).hexdigest()


def _asked(item: Any) -> dict[str, Any]:
    """One test under the profiler, in all its threads and in the commands that it forks."""
    profiles: list[cProfile.Profile] = []

    def begin(*_: object) -> None:
        profiles.append(cProfile.Profile(builtins=False))
        profiles[-1].enable()

    threading.setprofile(begin)
    begin()
    begun = sum(os.times()[:4])
    with tempfile.TemporaryFile("w+") as told:
        _let_commands_tell(told, profiles)
        passed = passes(item)
        sys.setprofile(None)
        told.seek(0)
        calls = _calls(profiles) | set(told.read().split())
    return {"passed": passed, "seconds": sum(os.times()[:4]) - begun, "calls": sorted(calls)}


def _let_commands_tell(told: IO[str], profiles: list[cProfile.Profile]) -> None:
    """Let each command that a test forks write what it called."""
    command: Any = importlib.import_module("command")

    def run(*arguments: Any, run: Callable[..., None] = command._run) -> None:
        try:
            run(*arguments)
        finally:
            told.write("".join(f"{call}\n" for call in _calls(profiles)))
            told.flush()

    command._run = run


def _calls(profiles: list[cProfile.Profile]) -> set[str]:
    codes = {entry.code for profile in profiles for entry in profile.getstats() if not isinstance(entry.code, str)}
    ours = ((code.co_filename, code.co_qualname) for code in codes if code.co_filename.startswith(_PACKAGE))
    return {f"{file.removeprefix(_PACKAGE)}:{function}" for file, function in ours}
