"""A stage: the real command as a process, on a Linux that looks like one of the recorded FreeBSD boxes."""

import contextlib
import json
import lzma
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from command import forked

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "samples"
STANDINS = ROOT / "tests" / "standins"
SYSTEM = f"{STANDINS}:{Path(sys.executable).parent}:{os.environ['PATH']}"
OSRELDATE = {"15.0": 1500068, "13.2": 1302001, "10.1": 1001000}


def sample(name):
    """The text of a recording."""
    return lzma.decompress((SAMPLES / name).read_bytes()).decode()


class Recorded:
    """A recorded log, taken apart as dtrace had printed it."""

    def __init__(self, name):
        self.release = name.partition("/")[0]
        lines = sample(name).splitlines(keepends=True)
        self.host = {
            line.split("\t")[0][6:]: line.split("\t", 1)[1].rstrip("\n") for line in lines if line.startswith("#host.")
        }
        self.counters = {
            when: [line.split("\t")[1:] for line in lines if line.startswith(f"#counter.{when}\t")]
            for when in ("before", "after")
        }
        self.messages = [line for line in lines if line.startswith("dtrace: ")]
        self.out = "".join(line for line in lines if not line.startswith(("#host.", "#counter.", "dtrace: ")))
        end = self.out.find("#end\t")
        last = self.out.rfind("T\t", 0, end) if end > 0 else len(self.out)
        self.running, self.ending = self.out[:last], self.out[last:]

    def steps(self):
        """How dtrace printed it: lowered buffers, the records, the trailer when told to end."""
        return [
            *(["err", line] for line in self.messages),
            ["out", self.running],
            ["wait"],
            ["out", self.ending],
        ]


class Stage:
    """A box made of stand-ins."""

    def __init__(self, folder, name="13.2/badfault.log.xz"):
        self.folder = folder
        self.state = folder / "state"
        self.state.mkdir()
        self.recorded = Recorded(name)
        self.box()
        self.plays(self.recorded.steps())

    def box(self):
        recorded, state = self.recorded, self.state
        release = f"{recorded.release}-RELEASE"
        host = recorded.host
        for flag, text in (("s", "FreeBSD"), ("r", release), ("a", host["uname"]), ("i", host["ident"])):
            (state / f"uname-{flag}").write_text(text + "\n")
        (state / "user").write_text("0\n")
        (state / "events").write_text("")
        (state / "loaded").write_text("")
        (state / "dtrace-l.txt").write_text(sample(f"{recorded.release}/raw/dtrace-l.txt.xz"))
        for when, pairs in recorded.counters.items():
            (state / f"counters.{when}").write_text("".join(f"{name}: {value.strip()}\n" for name, value in pairs))
        (state / "sysctl").write_text(
            f"hw.ncpu: {recorded.host['ncpu']}\nhw.physmem: {recorded.host['physmem']}\n"
            f"hw.pagesize: {recorded.host['pagesize']}\nkern.osreldate: {OSRELDATE[recorded.release]}\n"
            "debug.fail_point.uma_zalloc_arg: off\n"
        )

    def plays(self, steps):
        """What the stand-in dtrace does."""
        (self.state / "dtrace.json").write_text(json.dumps(steps))

    def set(self, name, text=""):
        (self.state / name).write_text(text)

    def unset(self, name):
        (self.state / name).unlink()

    @property
    def events(self):
        return (self.state / "events").read_text().splitlines()

    def await_event(self, text):
        """Until something has happened; a test that waits for what never comes fails."""
        until = time.monotonic() + 40
        while not any(text in event for event in self.events):
            assert time.monotonic() < until, f"{text!r} did not happen: {self.events}"
            time.sleep(0.02)

    @property
    def environment(self):
        return {
            "PATH": f"{self.folder}/bin:{SYSTEM}",  # as many a user's begins
            "PYTHONPATH": str(ROOT),
            "STANDIN": str(self.state),
            "HOME": str(self.folder),
            "TERM": "xterm",
            "TMPDIR": str(self.folder),
        }

    def start(self, *words, limits=None, **options):
        """The command as a process; `limits` are those of analyzer.host.limits that a test need not wait for."""
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        options = pipes | {"preexec_fn": hear_signals} | options
        set_limits = "".join(f"limits.{name} = {seconds}\n" for name, seconds in (limits or {}).items())
        program = f"from analyzer.host import box, limits\nbox.PATH = {SYSTEM!r}\n{set_limits}"
        return subprocess.Popen(
            [sys.executable, "-c", f"{program}from analyzer.cli import main\nmain()", *words],
            cwd=self.folder, env=self.environment, text=True, **options,
        )  # fmt: skip

    def run(self, *words):
        """The command to its end, and that of all it began: (exit status, stdout, stderr)."""
        done = forked(words, self.folder, self.environment, system=SYSTEM)
        self.gone()
        return done.returncode, done.stdout.decode(), done.stderr.decode()

    def own(self, name, script):
        """A program in the user's own folder, which stands first in the PATH."""
        program = self.folder / "bin" / name
        program.parent.mkdir(exist_ok=True)
        program.write_text(f"#!/bin/sh\n{script}\n")
        program.chmod(0o755)

    def gone(self):
        """Until nothing runs any more that was started here."""
        assert no_process_left(self)

    def log(self, name="vmtrace.log"):
        return (self.folder / name).read_text()


def hear_signals():
    """Whoever runs the tests may ignore signals (nohup, a job in the background), and a process inherits that."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)


def finish(process):
    try:
        out, err = process.communicate(timeout=90)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out, err


def no_process_left(stage):
    """Whether nothing that was started for this stage still runs."""
    until = time.monotonic() + 5
    marker = f"STANDIN={stage.state}".encode()
    while True:
        left = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                with contextlib.suppress(OSError):  # it has ended meanwhile
                    if marker in (process / "environ").read_bytes().split(b"\0"):
                        left.append((process / "cmdline").read_bytes())
        if not left or time.monotonic() > until:
            return left == []
        time.sleep(0.05)
