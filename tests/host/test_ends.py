"""Every way to end: signals, death, hangs, full disks, refusals.  Records are kept, and nothing stays armed."""

import fcntl
import os
import re
import signal
import subprocess
import termios

import pytest
from staging import finish, sample

ARM = "set debug.fail_point.uma_zalloc_arg=1%return"
OFF = "set debug.fail_point.uma_zalloc_arg=off"
FAIL_POINT = ("--fail-point", "uma_zalloc_arg=1%return")
SLEEP = ("--", "sleep", "1000")
COMPILING = "vmtrace: compiling vmwatch.d\n"


def disarmed(stage):
    return [event for event in stage.events if event in (ARM, OFF)] == [ARM, OFF]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_first_signal_ends_cleanly(stage, number):
    process = stage.start("collect", *FAIL_POINT)
    stage.await_event(ARM)
    process.send_signal(number)
    status, _, err = finish(process)
    assert status == 0, err
    assert disarmed(stage)
    log = stage.log()
    assert log.endswith(f"#host.ended\t{number.name}\n")
    assert stage.recorded.ending + "#host.window\t" in log


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_signal_ends_the_command_too(stage, number):
    process = stage.start("collect", *FAIL_POINT, "--", "sh", "-c", 'echo running >>"$STANDIN/events"; sleep 1000')
    stage.await_event("running")
    process.send_signal(number)
    status, _, err = finish(process)
    assert status == 128 + number, err
    assert disarmed(stage)
    assert "#end\t" in stage.log()


def test_second_signal_ends_at_once(stage):
    """A dtrace that does not want to end."""
    stage.plays([*stage.recorded.steps()[:3], ["sleep", 1000]])
    process = stage.start("collect", *FAIL_POINT)
    stage.await_event(ARM)
    process.send_signal(signal.SIGINT)
    stage.await_event("dtrace gets SIGTERM")
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130, err
    assert "\nvmtrace: a second SIGINT: ended at once, what dtrace had not printed yet is lost\n" in err
    assert "the trailer is missing" in err
    assert disarmed(stage)
    assert stage.recorded.running in stage.log()


@pytest.mark.parametrize(
    ("limits", "dtrace"),
    [({"DRAIN": 0.5}, [["sleep", 1000]]), ({"BEHIND": 0.5}, [["out", "T\t1\n"], ["sleep", 0.05]] * 500)],
)
def test_a_dtrace_that_does_not_end_is_waited_for_so_long(stage, limits, dtrace):
    stage.plays([*stage.recorded.steps()[:3], *dtrace])
    told = limits | {"SILENT": 0.1}
    status, _, err = finish(stage.start("collect", "--duration", "200ms", limits=told))
    assert status == 75, err
    assert "\nvmtrace: dtrace was told to end and is behind: " in err
    killed = r"dtrace did not end within \d+ s and was killed: what dtrace had not printed yet is lost; what it had "
    assert re.search(f"\nvmtrace: {killed}printed is kept in vmtrace.log\n", err)
    assert "\n#host.killed\tdtrace\n" in stage.log()
    assert stage.log().endswith("#host.ended\tthe end of its duration\n")
    stage.gone()


def test_ctrl_c_typed_on_a_terminal(stage):
    """The terminal's SIGINT reaches vmtrace alone, which then ends dtrace and COMMAND in order."""
    main, side = os.openpty()

    def own_terminal():
        os.setsid()
        fcntl.ioctl(side, termios.TIOCSCTTY, 0)

    tell = 'tell() { echo "$1" >>"$STANDIN/events"; }; trap "tell INT; exit 5" INT; tell run'
    words = ["sh", "-c", f"{tell}; while :; do sleep 0.1; done"]
    streams = {"stdin": side, "stdout": side, "stderr": side}
    process = stage.start("collect", *FAIL_POINT, "--", *words, preexec_fn=own_terminal, **streams)
    os.close(side)
    stage.await_event("run")
    os.write(main, b"\x03")
    assert process.wait(timeout=30) == 5
    os.close(main)
    told = [event for event in stage.events if event in (ARM, OFF, "run", "INT") or "gets" in event]
    assert told[:3] == [ARM, "run", OFF]
    assert sorted(told[3:]) == ["INT", "dtrace gets SIGTERM"]
    assert stage.log().endswith("#host.ended\tSIGINT\n")


def test_signal_before_tracing_began(stage):
    stage.plays([["sleep", 1000]])
    process = stage.start("collect", *FAIL_POINT, "--", "touch", str(stage.folder / "ran"))
    stage.await_event("dtrace '-Z'")
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 75
    assert err.endswith(COMPILING + "vmtrace: ended by SIGINT before tracing began: nothing recorded\n")
    assert ARM not in stage.events
    assert not (stage.folder / "ran").exists()
    assert not (stage.folder / "vmtrace.log").exists()


def test_nohup_is_respected(stage):
    process = stage.start("collect", *FAIL_POINT, preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    stage.await_event(ARM)
    process.send_signal(signal.SIGHUP)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 0
    assert stage.log().endswith("#host.ended\tSIGTERM\n")


def test_background_job_that_ignores_sigint_is_heard(stage):
    """As a non-interactive sh starts it with &."""
    process = stage.start("collect", preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN))
    stage.await_event("counters read")
    process.send_signal(signal.SIGINT)
    assert finish(process)[0] == 0
    assert stage.log().endswith("#host.ended\tSIGINT\n")


def test_hanging_command_is_ended_with_the_duration(stage):
    words = ["sh", "-c", 'trap "" TERM; echo running >>"$STANDIN/events"; while :; do sleep 0.1; done']
    process = stage.start("collect", *FAIL_POINT, "--duration", "300ms", "--", *words)
    stage.await_event(OFF)
    process.send_signal(signal.SIGINT)  # do not wait the whole grace
    process.send_signal(signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 130, err
    assert disarmed(stage)
    assert "#end\t" in stage.log()


def test_duration_ends_a_command(stage):
    status, _, err = stage.run("collect", *FAIL_POINT, "--duration", "300ms", *SLEEP)
    assert status == 143, err
    assert disarmed(stage)
    assert stage.log().endswith("#host.ended\tthe end of its duration\n")


def test_dtrace_killed_in_mid_line(make_stage):
    stage = make_stage("13.2/killed.log.xz")
    whole, _, cut = stage.recorded.out.rpartition("\n")
    assert cut.startswith("F\t")  # the recording ends in mid-line
    stage.plays([["out", stage.recorded.out], ["sleep", 0.4], ["kill", 9]])
    status, _, err = stage.run("collect", *FAIL_POINT, *SLEEP)
    assert status == 75
    assert "vmtrace: dtrace was killed by signal 9; what it had printed is kept in vmtrace.log\n" in err
    assert "the trailer is missing" in err
    assert disarmed(stage)
    assert stage.log().endswith(f"{whole}\n#host.cut\t{cut}\n#host.ended\tdtrace\n")


def test_processing_aborted(stage):
    stage.plays(
        [
            ["out", stage.recorded.running],
            ["sleep", 0.3],
            ["err", "dtrace: processing aborted: Abort due to systemic unresponsiveness\n"],
            ["exit", 1],
        ]
    )
    status, _, err = stage.run("collect", *FAIL_POINT, *SLEEP)
    assert status == 75
    assert err.splitlines()[-1] == (
        "vmtrace: tracing was ended by the kernel: the box was too busy to read the trace: "
        "try a narrower filter (--pid, --exec), --script vmwatch, or less load"
    )
    assert disarmed(stage)
    assert stage.recorded.running in stage.log()


@pytest.mark.parametrize(
    ("message", "code", "told"),
    [
        (
            "failed to compile script /tmp/vmtrace.x/vmfault.d: line 59: failed to resolve struct vm_page",
            65,
            "failed to compile script vmfault.d: line 59: failed to resolve struct vm_page; the script does not fit",
        ),
        ("failed to initialize dtrace: DTrace requires additional privileges", 77, "dtrace may not trace here"),
        ("failed to initialize dtrace: DTrace device not available on system", 69, "try 'kldload dtraceall' as root"),
        ("could not enable tracing: Enabling exceeds size of buffer", 69, "dtrace failed: could not enable tracing"),
        ("something never seen", 75, "before tracing began: dtrace: something never seen"),
    ],
)
def test_dtrace_does_not_start(stage, message, code, told):
    stage.plays([["err", f"dtrace: {message}\n"], ["exit", 1]])
    status, out, err = stage.run("collect", *FAIL_POINT, "--", "touch", str(stage.folder / "ran"))
    assert (status, out) == (code, "")
    assert err.partition(COMPILING)[2].count("\n") == 1
    assert told in err
    assert ARM not in stage.events
    assert not (stage.folder / "ran").exists()
    assert not (stage.folder / "vmtrace.log").exists()


def test_recorded_refusal(stage):
    """The message that the live 13.2 printed for a probe that is not there."""
    stage.plays([["err", sample("13.2/raw/nomatch.txt.xz").lstrip()], ["exit", 1]])
    status, _, err = stage.run("collect")
    assert status == 65
    assert "probe description fbt::vm_fault_hold:entry does not match any probes; the script does not fit" in err


def test_full_disk(stage):
    status, _, err = stage.run("collect", *FAIL_POINT, "-o", "/dev/full", *SLEEP)
    assert status == 74
    assert err.splitlines()[-1] == (
        "vmtrace: no space left for /dev/full: the trace was ended, its first 0 bytes are kept; "
        "make room, or use -o on another disk or a name ending in .xz"
    )
    assert stage.events[-1] == "dtrace gets SIGTERM"
    assert stage.events.count(ARM) == stage.events.count(OFF)


def test_closed_pipe(stage):
    begin = stage.recorded.out[: stage.recorded.out.index("F\t")]
    stage.plays([["out", begin], ["sleep", 1], ["out", stage.recorded.running], ["wait"]])
    reading, writing = os.pipe()
    process = stage.start("collect", *FAIL_POINT, "-o", "-", stdout=writing)
    os.close(writing)
    stage.await_event(ARM)
    os.close(reading)
    status, _, err = finish(process)
    assert status == 74
    assert "vmtrace: the reader of standard output has gone: the trace was ended after" in err
    assert disarmed(stage)


def test_nobody_reads_the_messages(stage):
    """stderr's reader has gone, as a terminal after a hang-up: the log is ended all the same."""
    stage.plays([*stage.recorded.steps()[:2], ["err", "dtrace: 3 drops on CPU 1\n"], *stage.recorded.steps()[2:]])
    reading, writing = os.pipe()
    os.close(reading)
    process = stage.start("collect", *FAIL_POINT, "--duration", "300ms", stderr=writing)
    os.close(writing)
    assert process.wait(timeout=30) == 0
    process.stdout.close()
    assert disarmed(stage)
    assert stage.log().endswith("#host.ended\tthe end of its duration\n")


def test_unwritable_name(stage):
    status, _, err = stage.run("collect", "-o", "nowhere/log")
    assert (status, stage.events) == (73, [])
    assert err == "vmtrace: cannot write nowhere/log: No such file or directory; choose another name with -o\n"


@pytest.mark.parametrize("force", [[], ["--force"]])
def test_directory_as_log(stage, force):
    status, _, err = stage.run("collect", "-o", "state", *force)
    assert (status, stage.events) == (73, [])
    assert err == "vmtrace: state is a directory: give the log a name in it\n"


def test_not_root(stage):
    stage.set("user", "1001\n")
    status, _, err = stage.run("collect")
    assert (status, stage.events) == (77, [])
    assert err == (
        "vmtrace: recording needs root, and on this machine you are user 1001: run it with su(1), sudo or doas\n"
    )


def test_not_freebsd(stage):
    stage.set("uname-s", "Linux\n")
    status, _, err = stage.run("collect")
    assert (status, stage.events) == (69, [])
    assert "this machine runs Linux" in err


def test_modules_cannot_be_loaded(stage):
    stage.unset("loaded")
    stage.set("unloadable")
    status, _, err = stage.run("collect")
    assert status == 69
    assert "cannot be loaded on this machine: kldload: can't load dtraceall: No such file or directory; try" in err


def test_no_device(stage):
    stage.set("refuses", "dtrace: failed to initialize dtrace: DTrace device not available on system\n")
    status, _, err = stage.run("collect")
    assert status == 69
    assert "DTrace device not available on system: try 'kldload dtraceall' as root" in err


def test_fail_point_that_is_not_there(stage):
    status, _, err = stage.run("collect", "--fail-point", "nothing=1%return")
    assert status == 69
    assert "has no debug.fail_point.nothing" in err


def test_fail_point_armed_before(stage):
    text = (stage.state / "sysctl").read_text()
    stage.set("sysctl", text.replace("zalloc_arg: off", "zalloc_arg: 5%return(0)"))
    status, _, err = stage.run("collect", *FAIL_POINT)
    assert status == 75
    assert "is armed already (5%return(0)): disarm it with 'sysctl debug.fail_point.uma_zalloc_arg=off'" in err


def test_fail_point_refused(stage):
    stage.set("refused", "debug.fail_point.uma_zalloc_arg=1%return\n")
    status, _, err = stage.run("collect", *FAIL_POINT, "--", "touch", str(stage.folder / "ran"))
    assert status == 64
    assert "the kernel does not take debug.fail_point.uma_zalloc_arg=1%return: sysctl: " in err
    assert not (stage.folder / "ran").exists()
    assert not (stage.folder / "vmtrace.log").exists()


def test_fail_point_that_cannot_be_disarmed(stage):
    stage.set("refused", "debug.fail_point.uma_zalloc_arg=off\n")
    status, _, err = stage.run("collect", *FAIL_POINT, "--", "true")
    assert status == 74
    assert "may still be armed on this machine: type 'sysctl debug.fail_point.uma_zalloc_arg=off' there" in err
    assert "#end\t" in stage.log()


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--pid", "1", "--exec", "x"], "--pid and --exec exclude each other"),
        (["--pid", "1", "--", "true"], "--pid and COMMAND exclude each other"),
        (["--duration", "soon"], "--duration 'soon': write it as"),
        (["--fail-point", "x"], "--fail-point 'x': write it as NAME=TERM"),
        (["--fail-point", "x=1%retrun"], "'1%retrun' is no term of fail(9)"),
        (["--fail-point", "x=5%return[pid 7]"], "is no term of fail(9); write it as"),
        (["-x", "bufsize 4m"], "-x 'bufsize 4m': write it as"),
        (["--script", "nothing"], "no script 'nothing': choose one of vmevents, vmfault, vmfault10, vmlocks, vmwatch"),
        (["--script", "vmfault10"], "vmfault10.d is for FreeBSD 10.0 to 10.x, and this is 13.2-RELEASE"),
        (["--exec", "-csh"], "--exec '-csh': dtrace takes no name that begins with -"),
        (["--exec", "x" * 20], "the kernel keeps 19 letters"),
        (["--", "no-such-command"], "COMMAND 'no-such-command' not found"),
    ],
)
def test_wrong_use(stage, words, told):
    status, _, err = stage.run("collect", *words)
    assert status == 64
    assert told in err
    assert not any("dtrace '-Z'" in event for event in stage.events)
    assert not (stage.folder / "vmtrace.log").exists()


def test_process_that_is_not_there(stage):
    child = subprocess.Popen(["true"])
    child.wait()
    status, _, err = stage.run("collect", "--pid", str(child.pid))
    assert (status, stage.events) == (66, [])
    assert err == f"vmtrace: no process {child.pid} on this machine: 'ps ax' lists what runs\n"


def test_vmlocks_is_not_for_10(make_stage):
    status, _, err = make_stage("10.1/badfault.log.xz").run("collect", "--script", "vmlocks")
    assert status == 64
    assert "vmlocks.d is for FreeBSD 12.0 or later, and this is 10.1-RELEASE" in err


def test_trailer_dropped(make_stage):
    """The live 10.1 lost its END record in a flood of drops; what is missing is told."""
    stage = make_stage("10.1/clean.log.xz")
    assert "#end\t" not in stage.recorded.out
    status, _, err = stage.run("collect", "--", "true")
    assert status == 0
    assert "the trailer is missing: the log was cut off" in err
    drops = sum(int(line.split()[1]) for line in stage.recorded.messages if "drop" in line)
    assert f"lost: {drops:,} records" in err
    assert "coverage: not measured, the end of the log is missing; " in err


def test_a_real_terminal_shows_progress(stage):
    """Under script(1)'s place: a pseudo-terminal for stderr."""
    main, side = os.openpty()
    process = stage.start("collect", "--duration", "1200ms", stderr=side, stdout=subprocess.DEVNULL)
    os.close(side)
    shown = b""
    try:
        while data := os.read(main, 4096):
            shown += data
    except OSError:
        pass  # Linux's way to say that the terminal's other side is closed
    process.wait()
    running = stage.recorded.running.splitlines()
    calls = sum(int(line.split("\t")[2]) for line in running if line.startswith("C\tvm_fault\t"))
    lines = [line.strip() for line in shown.decode().replace("\r\n", "\r").split("\r") if line.strip()]
    for beginning in ("compiling  0 s  vmwatch.d", f"tracing  1 s  {calls:,} faults  ", "ending  0 s  "):
        assert any(line.startswith(beginning) for line in lines), (beginning, lines)
    assert lines[-3].startswith("vmtrace: vmtrace.log: 1.")
