"""The command line, run as a process of its own."""

import multiprocessing
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from recordings import ROOT

# A process that is forked of one that has imported everything starts a second earlier.
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(
    ["analyzer.cli.report", "analyzer.report.bundle", "analyzer.report.checked", "analyzer.report.html",
     "analyzer.host.request", "analyzer.host.doctor", "analyzer.host.prove"]
)  # fmt: skip
_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_TIMEOUT = 120


def command(folder: Path) -> Callable[..., subprocess.CompletedProcess]:
    """How to run it in a folder: command(folder)("report", path, …) gives a CompletedProcess.

    Where an environment is given the interpreter is started anew, as a user's is.
    """

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        words = list(map(str, arguments))
        if "env" in options:
            program = [sys.executable, "-m", "analyzer", *words]
            return subprocess.run(program, cwd=folder, capture_output=True, timeout=_TIMEOUT, **options)
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}
        return forked(words, folder, environment, **options)

    return run


def forked(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], input: bytes = b"", system: str = ""
) -> subprocess.CompletedProcess:
    """The command in a process that has its imports; `system` is the PATH of the box that it is on, if any."""
    with tempfile.TemporaryDirectory() as streams:
        files = [Path(streams, name) for name, _ in _STREAMS]
        files[0].write_bytes(input)
        process = _CONTEXT.Process(target=_run, args=(arguments, folder, environment, system, files))
        process.start()
        process.join(_TIMEOUT)
        if process.exitcode is None:
            process.kill()
            raise subprocess.TimeoutExpired(arguments, _TIMEOUT)
        return subprocess.CompletedProcess(arguments, process.exitcode, *(file.read_bytes() for file in files[1:]))


def _run(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str], system: str, files: Sequence[Path]
) -> None:
    from analyzer.cli import main
    from analyzer.host import box

    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    box.PATH = system or box.PATH
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    for descriptor, ((name, mode), file) in enumerate(zip(_STREAMS, files, strict=True)):
        with open(file, mode) as stream:
            os.dup2(stream.fileno(), descriptor)
        setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8", closefd=False))
    sys.argv = ["vmtrace", *arguments]
    main()
