"""As root on somebody else's box: nothing is run, followed or left behind that another user could have made so."""

import gzip
import io
import lzma
import os
import signal
import time
from pathlib import Path

import pytest
from staging import ROOT, finish

from analyzer.errors import CannotCreateError, IoError
from analyzer.host.output import Output, _Whole
from analyzer.host.streams import Joiner
from analyzer.ingest.sources import Source

POINT = "debug.fail_point.uma_zalloc_arg"
FAIL_POINT = ("--fail-point", "uma_zalloc_arg=1%return")
COMMAND = ("--", "sh", "-c", 'echo running >>"$STANDIN/events"; sleep 1')


@pytest.mark.parametrize("step", ["dtrace '-Z'", "counters read", f"set {POINT}=1%return", "running", "gets SIGTERM"])
def test_kill_9_at_each_step_leaves_nothing(stage, step):
    """COMMAND alone, which is the user's, runs to its end."""
    if step.startswith("dtrace"):
        stage.plays([["sleep", 1000]])  # it does not heed SIGTERM
    process = stage.start("collect", *FAIL_POINT, *COMMAND, limits={"DRAIN": 1})
    stage.await_event("running" if step.startswith("gets") else step)
    if step.startswith("gets"):
        process.terminate()
        stage.await_event(step)
    process.kill()
    finish(process)
    if f"set {POINT}=1%return" in stage.events:
        stage.await_event(f"set {POINT}=off")
    stage.gone()
    assert f"{POINT}: off\n" in (stage.state / "sysctl").read_text()
    folder = Path((stage.state / "script.path").read_text()).parent
    assert folder.match("/tmp/vmtrace.*") and not folder.exists()


def test_a_point_that_somebody_armed_meanwhile_is_left_as_it_is(stage):
    armed = ["sed", "-i", "s/zalloc_arg: off/zalloc_arg: 5%return(0)/", str(stage.state / "sysctl")]
    stage.plays([["run", armed], *stage.recorded.steps()])
    status, _, err = stage.run("collect", *FAIL_POINT, "--", "touch", str(stage.folder / "ran"))
    assert (status, err.splitlines()[-1]) == (
        75, f"vmtrace: somebody else has armed {POINT} meanwhile: it is left as it is",
    )  # fmt: skip
    assert f"{POINT}: 5%return(0)\n" in (stage.state / "sysctl").read_text()
    assert not (stage.folder / "ran").exists()


def test_programs_and_modules_of_a_user_are_not_run(stage):
    """What lies in the PATH and in the current folder; COMMAND alone is looked up where the caller looks."""
    stage.own("sysctl", 'echo "sysctl of a user" >>"$STANDIN/events"')
    stage.own("mine", 'echo "COMMAND ran" >>"$STANDIN/events"')
    (stage.folder / "resource.py").write_text("raise SystemExit('module of a user')")
    assert finish(stage.start("collect", "--", "mine"))[0] == 0
    assert "COMMAND ran" in stage.events
    finish(stage.start("prove", "--script", "vmfault"))
    assert len(list(stage.folder.rglob("statement"))) == 0  # the load has run to its end and was cleared away
    assert "sysctl of a user" not in stage.events


def test_the_command_takes_no_module_from_the_current_folder(vmtrace, tmp_path):
    (tmp_path / "typer.py").write_text("raise SystemExit(9)")
    assert vmtrace("--version", env=os.environ | {"PYTHONPATH": str(ROOT)}).returncode == 0


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
def test_a_power_cut_costs_what_came_since_the_last_second(tmp_path, ending):
    path = tmp_path / f"log{ending}"
    output = Output(str(path), force=False)
    output.write(b"a\n" * 1000)
    output.sync()
    assert b"".join(Source(str(path)).chunks()) == b"a\n" * 1000
    output.write(b"b\n")
    output.close()
    assert b"".join(Source(str(path)).chunks()) == b"a\n" * 1000 + b"b\n"


def test_a_log_that_another_collect_writes_gives_way_to_none(tmp_path, monkeypatch):
    path = tmp_path / "log"
    path.write_bytes(b"old")
    one = Output(str(path), force=True)
    monkeypatch.setattr("os.getpid", lambda: 7)
    other = Output(str(path), force=True)
    one.keep()
    with pytest.raises(IoError, match=rf"this log is {path}\.7\.new$"):
        other.keep()
    with pytest.raises(CannotCreateError, match="is being written by another vmtrace"):
        Output(str(path), force=True)
    one.write(b"new")
    one.close()
    assert path.read_bytes() == b"new"
    (tmp_path / "log.7.new").unlink()
    Output(str(path), force=True).discard()


def test_a_pause_of_vmtrace_itself_is_no_end_of_tracing(stage):
    """kill -STOP and -CONT, as a suspended machine: T lines went on."""
    head = stage.recorded.running[: stage.recorded.running.index("F\t")]
    beats = [step for number in range(1, 30) for step in (["out", f"T\t{number}00000000\n"], ["sleep", 0.1])]
    stage.plays([["out", head], *beats, ["wait"], ["out", stage.recorded.ending]])
    process = stage.start("collect", "--script", "vmfault", limits={"STOPPED": 1, "SILENT": 0.5})
    stage.await_event("counters read")
    process.send_signal(signal.SIGSTOP)
    time.sleep(1.2)
    process.send_signal(signal.SIGCONT)
    time.sleep(0.3)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert (status, "ended by the kernel" in err) == (0, False), err


class Grudging(io.RawIOBase):
    """Takes a byte at a time, as a disk that is nearly full may."""

    def __init__(self):
        self.taken = bytearray()

    def write(self, data):
        self.taken += bytes(data[:1])
        return 1


def test_short_writes_lose_nothing_of_a_compressed_log():
    for module in (gzip, lzma):
        raw = Grudging()
        with module.open(_Whole(raw), "wb") as file:
            file.write(b"F\t1\n" * 999)
        assert module.decompress(bytes(raw.taken)) == b"F\t1\n" * 999


def test_what_has_no_end_of_line_does_not_fill_the_memory():
    written = []
    joiner = Joiner(written.append, written.append)
    joiner.feed("out", b"T\t1\n")
    for _ in range(5):
        joiner.feed("out", b"\xff" * (1 << 19))
    assert written == [b"T\t1\n", b"#host.cut\t" + b"\xff" * (3 << 19) + b"\n"]
    assert joiner.finish() == b"\xff" * (2 << 19)
