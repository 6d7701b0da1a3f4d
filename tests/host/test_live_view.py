"""vmtrace watch and report --follow: in a terminal emulator and without one, against a log that grows."""

import fcntl
import lzma
import os
import random
import select
import struct
import termios
import time

import pyte
import pytest
from staging import sample

from analyzer.host.live import Live
from analyzer.host.until import Until

WATCH = "13.2/watch-clean.log.xz"


class Terminal:
    """The command on a terminal of its own."""

    def __init__(self, stage, *words, columns=110, lines=34, **options):
        self.screen = pyte.Screen(columns, lines)
        self._stream = pyte.ByteStream(self.screen)
        self._main, side = os.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))

        def own_terminal():
            os.setsid()
            fcntl.ioctl(side, termios.TIOCSCTTY, 0)

        streams = {"stdin": side, "stdout": side, "stderr": side}
        self.process = stage.start(*words, preexec_fn=own_terminal, **streams, **options)
        os.close(side)

    @property
    def text(self):
        return "\n".join(line.rstrip() for line in self.screen.display)

    def await_text(self, text, seconds=60):
        until = time.monotonic() + seconds
        while text not in self.text:
            assert time.monotonic() < until, f"{text!r} is not shown:\n{self.text}"
            self._read(0.1)

    def type(self, keys):
        os.write(self._main, keys)

    def finish(self):
        """Its exit status."""
        while self._read(60):
            pass
        os.close(self._main)
        return self.process.wait(timeout=60)

    def _read(self, seconds):
        if not select.select([self._main], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._main, 1 << 16)
        except OSError:  # Linux's way to say that the terminal's other side is closed
            return False
        self._stream.feed(data)
        return bool(data)


def test_the_live_view(make_stage):
    """Everything that the recorded log says of itself (known.json), on a terminal; w writes the log, q ends."""
    stage = make_stage(WATCH)
    terminal = Terminal(stage, "watch", "--interval", "300ms")
    terminal.await_text("zero-fill+alloc")
    shown = terminal.text
    for text in (
        "vmtrace watch  this machine  vmwatch.d  tracing  ",
        "28,362 in all",
        "KERN_INVALID_ADDRESS 20, KERN_PROTECTION_FAILURE 21, KERN_OUT_OF_BOUNDS 20",
        "locks left 0   double frees 0",
        "10,466 (0 failed)  old page exclusively busy 8",
    ):
        assert text in shown, shown
    rows = [line.split() for line in shown.splitlines()]
    assert ["cowmove", "17,094"] in rows
    paths = {row[0]: int(row[1].replace(",", "")) for row in rows if len(row) == 8}
    assert sum(paths.values()) == 28368
    terminal.type(b"w")
    terminal.await_text("vmtrace.log: ")
    begun = stage.log()
    assert begun.startswith("#host.uname\t") and "#aggregation\tlatency\t" in begun
    terminal.type(b"q")
    assert terminal.finish() == 0
    assert "the trace: " in terminal.text and "28,368 faults (61 failed)" in terminal.text
    assert stage.log() == begun  # what comes after w is thrown away, as top(1) keeps nothing


def test_a_line_an_interval_through_ssh_without_a_terminal(make_stage):
    stage = make_stage(WATCH)
    status, out, err = stage.run("watch", "--ssh", "box", "--interval", "300ms", "--duration", "1s")
    assert status == 0, err
    lines = out.splitlines()
    assert 2 <= len(lines) <= 4
    for text in ("28,362 faults  ", "61 failed  0 locks left  0 double frees  10,466 moves (0 failed)  0 inserts"):
        assert text in lines[-1]
    assert not (stage.folder / "vmtrace.log").exists()


def test_a_wide_name_and_a_small_terminal(make_stage):
    """What does not fit is cut; nothing wraps, and control characters in a process name do nothing."""
    stage = make_stage(WATCH)
    hostile = stage.recorded.running.replace("cowmove\\0\t0\t", "\\033[2J\\0\t0\t")
    stage.plays([["out", hostile], ["wait"], ["out", stage.recorded.ending]])
    terminal = Terminal(stage, "watch", "--interval", "300ms", columns=60, lines=40)
    terminal.await_text("\\033[2J")
    assert "PROCESS" in terminal.text
    terminal.type(b"q")
    assert terminal.finish() == 0


def imbalance(stage):
    """A fault that leaves a lock held, as vmwatch prints it."""
    ts = int(stage.recorded.running.partition("#timestamp\t")[2].partition("\n")[0]) + 10**9
    return f"F\t{ts}\t1\t134\t100056\t0x8274d9000\t0\t106599\t0x28\t0xfffff80001cf6801\tcow\\0\n"


def first_fault(stage):
    """A record of the recording: KERN_OUT_OF_BOUNDS."""
    return "F\t" + stage.recorded.running.partition("\nF\t")[2].partition("\n")[0] + "\n"


SITES = "#aggregation\tsites\tfn\trc\tinfault\tstack\tcount\n  vm_radix_insert   12   0\n                7\n"


@pytest.mark.parametrize(
    ("until", "what"),
    [
        ("imbalance", imbalance),
        ("double-free", lambda _: "X\t20424135401\t1\t130\t100066\tdouble-free\t0x0\t0xfffff800a\t0x0\tcow\\0\n"),
        ("result=KERN_OUT_OF_BOUNDS", lambda stage: first_fault(stage)),
        ("slower=100ms", lambda stage: imbalance(stage).replace("106599", "106599000")),
        ("failed-insert", lambda _: SITES),
    ],
)
def test_until_it_happens(make_stage, until, what):
    """It ends at the first one, with 1; --then has run once, while tracing was on, and its output is in the log."""
    stage = make_stage(WATCH)
    stage.set("procstat", "  134 100052 cow   -   mi_switch+0xd2\n")
    head = stage.recorded.running.partition("\nT\t")[0] + "\n"
    stage.plays([["out", head], ["sleep", 0.3], ["out", what(stage)], ["wait"], ["out", "#end\t20719032958\n"]])
    words = ["--until", until, "--then", "procstat -kk 134; echo done", "-o", "u.log"]
    status, _, err = stage.run("collect", *words, "--", "sleep", "1000")
    assert status == 1, err
    log = stage.log("u.log")
    assert "#host.then.command\tprocstat -kk 134; echo done\n" in log
    assert "KSTACK\n#host.then\t134 100052 cow   -   mi_switch+0xd2\n#host.then\tdone\n#host.then.status\t0\n" in log
    assert log.endswith(f"#host.ended\t--until {until}\n")


def test_what_has_not_happened_ends_nothing(make_stage):
    """20 faults of the recording have a record, of KERN_OUT_OF_BOUNDS; none of them is what is waited for."""
    live = Live()
    live.lines(make_stage(WATCH).recorded.out.encode())
    for kind, value in (("imbalance", 0), ("double-free", 0), ("failed-insert", 0), ("result", 3), ("slower", 10**9)):
        assert not Until(kind, kind, value).met(live), kind
    assert Until("result", "result", 9).met(live) and Until("slower", "slower", 10**5).met(live)


def test_a_damaged_log_is_watched_on(make_stage):
    """Whatever a line has become, the recording goes on; the report tells of it."""
    data = bytearray(make_stage(WATCH).recorded.out.encode())
    change = random.Random(5)
    for _ in range(2000):
        data[change.randrange(len(data))] = change.choice(b"\t\n #F0x9-|A")
    live = Live()
    live.lines(bytes(data))
    assert live.tally.handled


def test_watch_keeps_the_log_of_what_happened(make_stage):
    stage = make_stage(WATCH)
    head = stage.recorded.running.partition("\nT\t")[0] + "\n"
    stage.plays([["out", head], ["sleep", 0.3], ["out", imbalance(stage)], ["wait"], ["out", "#end\t20719032958\n"]])
    status, _, err = stage.run("watch", "--until", "imbalance", "-o", "leak.log")
    assert status == 1, err
    assert "vmtrace: leak.log: " in err
    assert "0xfffff80001cf6801" in stage.log("leak.log")


def test_slower_is_an_argument_of_the_script(make_stage):
    stage = make_stage(WATCH)
    assert stage.run("collect", "--slower", "50ms", "--duration", "200ms")[0] == 0
    assert stage.events[0] == "dtrace '-Z' '-s' 'vmwatch.d' '0' '' '0' '50000000'"
    status, _, err = stage.run("collect", "--slower", "50ms", "--script", "vmfault", "--force")
    assert status == 64
    assert "--slower: vmfault records every fault" in err


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--until", "panic"], "--until 'panic': write imbalance, double-free, failed-insert"),
        (["--until", "result=KERN_SUCCESS"], "result=NAME: KERN_INVALID_ADDRESS, "),
        (["--until", "slower=soon"], "--until slower 'soon': write it as"),
        (["--then", "true"], "--then runs at the moment that --until names: give both"),
    ],
)
def test_wrong_moments(stage, words, told):
    status, _, err = stage.run("watch", *words)
    assert (status, stage.events) == (64, [])
    assert told in err


def test_a_growing_log_is_followed(make_stage):
    """It is drawn as it grows, losses too; ^C gives the whole report."""
    stage = make_stage(WATCH)
    text = "".join(f"#host.{key}\t{value}\n" for key, value in stage.recorded.host.items()) + stage.recorded.running
    half = text.index("\nT\t", text.index("\nT\t") + 1) + 5  # in the middle of a line
    log = stage.folder / "grows.log"
    log.write_text(text[:half])
    terminal = Terminal(stage, "report", "--follow", "grows.log")
    terminal.await_text("222 in all")
    with log.open("a") as file:
        file.write(text[half:] + "dtrace: 7 drops on CPU 1\n")
    terminal.await_text("28,362 in all")
    terminal.await_text("lost 7")
    assert "w writes" not in terminal.text
    with log.open("a") as file:
        file.write(stage.recorded.ending)
    terminal.type(b"\x03")
    terminal.await_text("Provenance")
    assert terminal.finish() == 0


@pytest.mark.parametrize(
    ("words", "status", "told"),
    [
        (["a.log", "b.log"], 64, "--follow follows one log that is a plain file"),
        (["no.log"], 66, "no.log: No such file"),
        (["packed.xz"], 65, "packed.xz: is compressed, and such a log cannot be followed"),
    ],
)
def test_what_cannot_be_followed(vmtrace, tmp_path, words, status, told):
    (tmp_path / "packed.xz").write_bytes(b"\xfd7zXZ\0" + bytes(100))
    run = vmtrace("report", "--follow", *words)
    assert run.returncode == status
    assert told in run.stderr.decode()


@pytest.mark.parametrize("name", ["13.2/watch-clean", "13.2/watch-5pct", "15.0/watch-clean", "15.0/watch-5pct"])
def test_a_log_of_hours_stays_small(name):
    """At most 15 MB an hour, 1 MB as .xz: T and C each second, the counts every 10, the distributions every 30."""
    sections = {b"records": b""}
    for line in sample(f"{name}.log.xz").encode().splitlines(keepends=True):
        if line.startswith(b"#aggregation"):
            into = line.split(b"\t")[1]
        elif line.startswith((b"T\t", b"C\t")):
            into = b"records"
        elif line.startswith((b"#", b"F\t", b"dtrace: ")):
            continue
        sections[into] = sections.get(into, b"") + line
    ticks = sections[b"records"].count(b"T\t")
    seconds = {b"records": ticks, b"latency": 30, b"movens": 30}

    def an_hour(size):
        return sum(3600 / seconds.get(section, 10) * size(text) for section, text in sections.items())

    assert 5e6 < an_hour(len) < 15e6
    assert an_hour(lambda text: len(lzma.compress(text))) < 1e6  # each alone: one stream of them is smaller
