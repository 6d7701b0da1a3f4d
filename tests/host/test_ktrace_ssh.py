"""Recording with ktrace(1), and on another box through ssh(1)."""

import signal

import pytest
from staging import finish, sample
from test_ends import ARM, FAIL_POINT, OFF, SLEEP, disarmed
from test_record import expected, header, steady

KDUMP = {"13.2": "13.2/raw/kdump-badfault-HT.txt.xz", "10.1": "10.1/raw/kdump-badfault-HT.txt.xz"}


@pytest.mark.parametrize("name", ["13.2/badfault.log.xz", "10.1/badfault.log.xz"])
def test_ktrace(make_stage, name):
    stage = make_stage(name)
    text = sample(KDUMP[stage.recorded.release])
    stage.set("kdump.txt", text)
    words = ["sh", "-c", 'echo command >>"$STANDIN/events"; exit 4']
    status, _, err = stage.run("collect", "--ktrace", *FAIL_POINT, "--yes", "--", *words)
    assert status == 4, err
    assert stage.events == [
        "ktrace -i -t f -f ktrace.out -g GROUP",
        ARM,
        "command",
        OFF,
        "ktrace -c -i -t f -f ktrace.out -g GROUP",
        "kdump -HT -f ktrace.out",
    ]
    (stage.state / "script.d").write_text("")
    log = stage.log()
    assert log.endswith(text)
    top = log.removesuffix(text).splitlines()
    host = stage.recorded.host
    assert top[0] == f"#host.uname\t{host['uname']}"
    assert top[-4:-1] == [
        "#host.failpoint\tdebug.fail_point.uma_zalloc_arg=1%return",
        "#host.failpoint.reach\tthe whole machine",
        "#host.kdump\t-HT",
    ]
    assert top[-1].startswith("#osreldate\t1")
    assert f", {text.count(' PRET  '):,} faults ended" in err


def test_ktrace_of_a_process_until_signalled(stage):
    stage.set("kdump.txt", sample(KDUMP["13.2"]))
    process = stage.start("collect", "--ktrace", "--pid", "1", *FAIL_POINT)
    stage.await_event(ARM)
    process.send_signal(signal.SIGTERM)
    status, _, err = finish(process)
    assert status == 0, err
    assert disarmed(stage)
    assert stage.events[-2:] == ["ktrace -c -i -t f -f ktrace.out -p 1", "kdump -HT -f ktrace.out"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        ([], "--ktrace follows processes: give --pid N or -- COMMAND"),
        (["--pid", "1", "--script", "vmwatch"], "--ktrace runs no D script"),
    ],
)
def test_ktrace_used_wrongly(stage, words, told):
    status, _, err = stage.run("collect", "--ktrace", *words)
    assert (status, stage.events) == (64, [])
    assert told in err


def test_ktrace_dry_run(stage):
    status, out, _ = stage.run("collect", "--ktrace", "--dry-run", "--pid", "5", "--duration", "2s")
    assert (status, stage.events) == (0, [])
    assert out.splitlines() == [
        "ktrace -i -t f -f ./ktrace.out -p 5",
        "# after 2 s:",
        "ktrace -c -i -t f -f ./ktrace.out -p 5",
        "kdump -HT -f ./ktrace.out",
    ]


def without_ssh(stage):
    return [event for event in stage.events if not event.startswith("ssh ")]


def test_ssh_does_all_of_it(stage):
    status, out, err = stage.run("collect", "--ssh", "root@box", *FAIL_POINT, "--", "sh", "-c", "echo there; exit 9")
    assert (status, out) == (9, "there\n"), err
    assert without_ssh(stage) == [
        "dtrace '-Z' '-s' 'vmwatch.d'",
        "counters read",
        ARM,
        OFF,
        "counters read",
        "dtrace gets SIGTERM",
    ]
    assert stage.events[0] == "ssh -M -S SOCKET -o ControlPersist=no -o ServerAliveInterval=10 root@box exec /bin/sh -s"
    pieces = [event for event in stage.events[1:] if event.startswith("ssh ")]
    options = "-o ControlMaster=no -o BatchMode=yes -o ConnectTimeout=15"
    assert set(pieces) == {f"ssh -T -S SOCKET {options} root@box exec /bin/sh -s"}
    more = {"via": "ssh root@box", "command": "sh -c 'echo there; exit 9'"}
    more |= {"failpoint": "debug.fail_point.uma_zalloc_arg=1%return", "failpoint.reach": "the whole machine"}
    assert steady(stage.log()) == expected(stage, "vmwatch", "the end of COMMAND", **more)


def test_ssh_narrows_to_the_group_over_there(stage):
    words = ["sh", "-c", "ps -o pgid= -p $$"]
    status, out, err = stage.run("collect", "--ssh", "box", "--script", "vmevents", "--", *words)
    assert status == 0, err
    assert without_ssh(stage)[0] == f"dtrace '-Z' '-s' 'vmevents.d' '0' '' '{out.strip()}'"


def test_ssh_signal(stage):
    process = stage.start("collect", "--ssh", "box", *FAIL_POINT, *SLEEP)
    stage.await_event(ARM)
    process.send_signal(signal.SIGINT)
    status, _, err = finish(process)
    assert status == 130, err
    assert disarmed(stage)
    assert "#end\t" in stage.log()


def test_ssh_lost(stage):
    """The network goes, and vmtrace with it: the other side tidies up by itself."""
    process = stage.start("collect", "--ssh", "box", *FAIL_POINT)
    stage.await_event(ARM)
    process.kill()
    process.communicate(timeout=10)
    stage.await_event(OFF)
    stage.await_event("dtrace gets SIGTERM")


def test_ssh_connection_lost(stage):
    stage.plays([["out", stage.recorded.running], ["sleep", 0.3], ["exit", 255]])
    status, _, err = stage.run("collect", "--ssh", "box", *FAIL_POINT, *SLEEP)
    assert status == 75
    assert "vmtrace: the connection to box was lost; without it the box disarms" in err
    assert disarmed(stage)
    assert stage.recorded.running in stage.log()


def test_ssh_server_without_process_groups(stage):
    """As a server that gives its sessions no session of their own: a signal to COMMAND would end everything."""
    stage.set("no-groups")
    status, _, err = stage.run("collect", "--ssh", "box", "--", "touch", str(stage.folder / "ran"))
    assert status == 69
    assert "vmtrace: the ssh server of box puts everything into one process group, and COMMAND needs its own" in err
    assert not (stage.folder / "ran").exists()


def test_ssh_cannot_connect(stage):
    status, _, err = stage.run("collect", "--ssh", "unreachable")
    assert status == 69
    assert err.splitlines()[-1] == "vmtrace: ssh cannot connect to unreachable: try 'ssh unreachable true'"


def test_ssh_ktrace(stage):
    text = sample(KDUMP["13.2"])
    stage.set("kdump.txt", text)
    status, _, err = stage.run("collect", "--ssh", "box", "--ktrace", "--", "true")
    assert status == 0, err
    assert stage.log().endswith(text)


def test_header_says_where(stage):
    stage.run("collect", "--ssh", "box", "--duration", "100ms")
    assert stage.log().startswith(header(stage, "vmwatch", via="ssh box"))
