"""What went wrong on live boxes, each replayed as it was seen there."""

import os
import resource
import signal

import pytest
from staging import finish
from test_ends import ARM, FAIL_POINT, OFF, SLEEP, disarmed

from analyzer.format import duration

NO_STOP = "dtrace: couldn't stop tracing: Invalid argument\n"
STACK = (
    "  134 100052 cow              -                mi_switch+0xd2 turnstile_wait+0x3fe __rw_wlock_hard+0x223 "
    "vm_fault_hold+0x1a88 vm_fault+0x70\n"
)
ZONE = """ITEM                   SIZE  LIMIT     USED     FREE      REQ FAIL SLEEP
RADIX NODE:             144,      0,    2035,    1520,   37773, 109,   0
"""


def last_record(text):
    """The largest time on the script's clock, as awk would find it."""
    return max(int(line.split("\t")[1]) for line in text.splitlines() if line[:2] in ("F\t", "M\t", "T\t"))


def test_the_kernel_ends_tracing_and_nothing_tells(make_stage):
    """dtrace waits on; its message comes only when it is told to stop.  The T lines stop."""
    stage = make_stage("10.1/badfault.log.xz")
    stage.plays([["out", stage.recorded.running], ["wait"], ["err", NO_STOP], ["exit", 1]])
    process = stage.start("collect", *FAIL_POINT, "--yes", *SLEEP, limits={"SILENT": 0.3, "STOPPED": 1})
    status, _, err = finish(process)
    assert status == 75, err
    assert "\nvmtrace: no T line for 0 s: the box is very busy, or its kernel has ended tracing; 1 s without" in err
    last = last_record(stage.recorded.running)
    began = int(stage.recorded.running.partition("#timestamp\t")[2].partition("\n")[0])
    assert f" s, but tracing was ended by the kernel after {(last - began) / 1e9:.1f} s: what came later" in err
    assert err.splitlines()[-1].startswith("vmtrace: tracing was ended by the kernel: the box was too busy")
    assert f"#host.stopped\t{last}\n#host.ended\tthe kernel\n" in stage.log()
    report = stage.run("report", "vmtrace.log")[1]
    assert f"The kernel stopped this trace before its end, {duration(last - began)} after its beginning" in report
    assert disarmed(stage)


def test_the_message_alone_tells_too(stage):
    """Ended by the kernel, and by the user before anybody noticed."""
    stage.plays([["out", stage.recorded.running], ["wait"], ["err", NO_STOP], ["exit", 1]])
    status, _, err = stage.run("collect", "--duration", "300ms")
    assert status == 75
    assert "but tracing was ended by the kernel after" in err
    assert "#host.stopped\t" in stage.log()


@pytest.mark.parametrize("ssh", [[], ["--ssh", "box"]])
def test_command_hangs_in_the_kernel(stage, ssh):
    """D4326: COMMAND does not end when killed, and holds its ssh session open; nothing waits for it."""
    stage.set("procstat", STACK)
    words = ["sh", "-c", 'trap "" TERM; ps -o pgid= -p $$ >"$STANDIN/hangs.$SESSION"; while :; do sleep 0.1; done']
    limits = {"COMMAND": 0.3, "KILLED": 0.5, "CONNECTION": 0.3}
    process = stage.start("collect", *ssh, *FAIL_POINT, "--duration", "300ms", "--", *words, limits=limits)
    status, _, err = finish(process)
    assert status == 75, err
    assert err.splitlines()[-1].endswith(
        "does not end even when killed: it hangs in the kernel: pid 134 (cow) in mi_switch+0xd2 turnstile_wait+0x3fe "
        "__rw_wlock_hard+0x223 vm_fault_hold+0x1a88 vm_fault+0x70"
    )
    assert disarmed(stage)
    log = stage.log()
    assert "#host.killed\tCOMMAND\n#host.left\t134\t100052\tcow\tmi_switch+0xd2 turnstile_wait+0x3fe " in log
    assert "#end\t" in log


def test_the_box_panics(stage):
    """Whatever is asked of it afterwards is refused; what counts is that the connection was lost."""
    stage.plays([["out", stage.recorded.running], ["sleep", 0.3], ["panic"]])
    status, _, err = stage.run("collect", "--ssh", "box", *FAIL_POINT, *SLEEP)
    assert status == 75
    assert err.splitlines()[-1].startswith("vmtrace: the connection to box was lost;")
    log = stage.log()
    assert stage.recorded.running in log
    assert log.endswith("#host.ended\tthe connection\n")


def test_a_box_that_is_gone_without_a_word_is_no_kernel_that_stopped(stage):
    """The silence is the same until ssh gives up."""
    stage.plays([["out", stage.recorded.running], ["sleep", 1.5], ["panic"]])
    process = stage.start("collect", "--ssh", "box", limits={"SILENT": 0.2, "STOPPED": 0.4})
    status, _, err = finish(process)
    assert status == 75
    assert "ended by the kernel" not in err
    assert err.splitlines()[-1].startswith("vmtrace: the connection to box was lost;")
    assert stage.log().endswith("#host.ended\tthe connection\n")


def test_only_what_was_written_is_counted(stage):
    """The disk is full: the file takes the first 64 KB."""
    room = 1 << 16

    def small_disk():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    stage.state.joinpath("events").write_text("")
    status, _, err = finish(stage.start("collect", *SLEEP, preexec_fn=small_disk))
    assert status == 74, err
    log = (stage.folder / "vmtrace.log").read_text()
    assert len(log) == room
    whole = log[: log.rindex("\n")]
    assert whole.count("\nF\t") < stage.recorded.out.count("\nF\t")
    assert f" s, {whole.count(chr(10) + 'F' + chr(9)):,} faults (" in err


def test_own_processes_are_named_and_none_is_begun_while_tracing(stage):
    process = stage.start("collect", *FAIL_POINT, "--", "sh", "-c", 'ps -o pgid= -p $$ >>"$STANDIN/events"')
    status, _, err = finish(process)
    assert status == 0, err
    head, _, _ = stage.log().partition("#vmtrace\t")
    own = {int(line.split("\t")[1]) for line in head.splitlines() if line.startswith("#host.self\t")}
    readers = list(map(int, (stage.state / "readers").read_text().split()))
    assert len(readers) == 2
    holder = next(int(event) for event in stage.events if event.strip().isdigit())
    assert {process.pid, int((stage.state / "dtrace.pid").read_text()), holder, *readers} <= own


def test_somebody_else_ends_dtrace(stage):
    """A SIGTERM from elsewhere: the log is whole, the counters are read, and the reason is said."""
    process = stage.start("collect", *SLEEP)
    stage.await_event("counters read")
    os.kill(int((stage.state / "dtrace.pid").read_text()), signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 75
    assert "vmtrace: somebody else ended dtrace with a signal; vmtrace.log is complete up to that moment" in err
    assert "(the second reading came after the trace had ended)" in err
    log = stage.log()
    assert "#end\t" in log
    assert "#counter.late\tvm.stats.vm.v_vm_faults\t" in log
    assert "#counter.after\t" not in log


def test_a_command_that_had_to_be_killed_is_told_of(stage):
    words = ["sh", "-c", 'trap "" TERM; while :; do sleep 0.1; done']
    process = stage.start("collect", "--duration", "300ms", "--", *words, limits={"COMMAND": 0.3})
    status, _, err = finish(process)
    assert status == 137, err
    assert "vmtrace: COMMAND did not end within 0.3 s of its signal and was killed\n" in err
    assert "#host.killed\tCOMMAND\n" in stage.log()


def test_kill_9_lets_the_command_run_on(stage):
    """As docs/collect.md says: a killed vmtrace disarms and ends dtrace, COMMAND is not its to end."""
    words = ["sh", "-c", 'echo running >>"$STANDIN/events"; sleep 0.5; echo finished >>"$STANDIN/events"']
    process = stage.start("collect", *FAIL_POINT, "--", *words)
    stage.await_event("running")
    process.kill()
    process.communicate(timeout=10)
    stage.await_event(OFF)
    stage.await_event("finished")


def test_bad_term_leaves_no_log_and_starts_no_trace(stage):
    status, _, err = stage.run("collect", "--fail-point", "uma_zalloc_arg=1%retrun")
    assert (status, stage.events) == (64, [])
    assert "'1%retrun' is no term of fail(9)" in err
    assert not (stage.folder / "vmtrace.log").exists()


def test_no_buffer_is_advised_that_the_kernel_does_not_give(stage):
    """The recorded box gives 8121k, and that is what the script asks for already."""
    stage.plays([*stage.recorded.steps()[:2], ["err", "dtrace: 3 drops on CPU 1\n"], *stage.recorded.steps()[2:]])
    err = stage.run("collect", "--script", "vmfault", "--duration", "300ms")[2]
    assert "dtrace lost 3 records: the buffers were full; try -x switchrate=100hz, a narrower" in err
    err = stage.run("collect", "--script", "vmfault", "--duration", "300ms", "-x", "bufsize=1m", "--force")[2]
    assert "try -x switchrate=100hz, -x bufsize=8121k, a narrower" in err


def test_zone_counters_of_10(make_stage):
    """No sysctl has them there; vmstat -z does."""
    stage = make_stage("10.1/badfault.log.xz")
    stage.set("vmstat-z", ZONE)
    status, _, err = stage.run("collect", "--duration", "100ms")
    assert status == 0, err
    for when in ("before", "after"):
        assert f"#counter.{when}\tvm.uma.RADIX_NODE.stats.fails\t109\n" in stage.log()
        assert f"#counter.{when}\tvm.uma.RADIX_NODE.stats.allocs\t37773\n" in stage.log()
    assert "and 0 radix nodes not to be had" in err


def test_armed_only_while_tracing(stage):
    """The guard is started before tracing, and arms nothing by being there."""
    stage.plays([["sleep", 0.2], ["err", "dtrace: failed to initialize dtrace: Permission denied\n"], ["exit", 1]])
    assert stage.run("collect", *FAIL_POINT)[0] == 77
    assert ARM not in stage.events
