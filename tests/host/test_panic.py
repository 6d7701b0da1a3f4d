"""collect --survive-panic: off unless asked for, said, undone, and what it is for."""

import pytest
from staging import ROOT

from analyzer.host import dscript
from analyzer.ingest.trace import load

PANIC = "P\t22222222222\t0\t134\t100052\tvm_page_free: freeing free page\\0\tcow\\0\n"


def test_it_is_off_unless_asked_for(stage):
    assert stage.run("collect", "--duration", "100ms")[0] == 0
    d = (stage.state / "script.d").read_text()
    assert "chill" not in d and "destructive" not in d
    assert not [event for event in stage.events if "rtprio" in event]


@pytest.mark.parametrize("ssh", [[], ["--ssh", "box"]])
def test_it_is_said_and_undone(stage, ssh):
    status, _, err = stage.run("collect", *ssh, "--survive-panic", "--duration", "100ms")
    assert status == 0, err
    assert "vmtrace: --survive-panic: dtrace may act on this kernel (its option -w), a panic waits half a second" in err
    assert ("a log on this box hardly survives its panic" in err) == (not ssh)
    d = (stage.state / "script.d").read_text()
    assert d.endswith("fbt::stop_cpus_hard:entry { chill(200000000); }\n")
    for option in ("destructive", "switchrate=100hz"):
        assert d.count(f"#pragma D option {option}\n") == 1
    done = [event for event in stage.events if "rtprio" in event]
    assert done == ["rtprio 1 process", "rtprio 1 dtrace", "rtprio -t process"]


def test_the_panic_is_told(make_stage):
    """Its last records come, and the message; the connection is lost."""
    stage = make_stage("10.1/badfault.log.xz")
    fields = "#fields\tP\tts:time\tcpu:int\tpid:int\ttid:int\tmessage:str\texecname:str\n"
    stage.plays([["out", stage.recorded.running + fields + PANIC], ["sleep", 0.3], ["panic"]])
    status, _, err = stage.run("collect", "--ssh", "box", "--survive-panic", "--", "sleep", "1000")
    assert status == 75
    assert err.splitlines()[-1].startswith(
        "vmtrace: the box panicked (vm_page_free: freeing free page): the connection to box was lost;"
    )
    trace = load(str(stage.folder / "vmtrace.log"))
    assert trace.tables["P"]["message"].tolist() == ["vm_page_free: freeing free page"]


def test_the_clauses_declare_what_they_print():
    text = (ROOT / "dscripts" / "panic.d").read_text()
    for part in ("PURPOSE", "USAGE", "FIELDS", "OVERHEAD", "RELEASES", "RUN ON", "NOT RUN"):
        assert part in text, part
    assert "panic" not in dscript.names()
    assert dscript.probes(text) == [
        "dtrace:::BEGIN",
        "fbt::panic:entry",
        "fbt::vpanic:entry",
        "fbt::stop_cpus_hard:entry",
    ]


def test_doctor_says_what_of_it_can_be_done(stage):
    rows = (stage.state / "dtrace-l.txt").read_text()
    for name in ("panic", "vpanic", "stop_cpus_hard"):
        rows += f"99999        fbt            kernel {name:>33} entry\n"
    stage.set("dtrace-l.txt", rows)
    out = stage.run("doctor")[1]
    assert "\nyes collect --survive-panic: chill in panic, real-time priority\n" in out
    stage.set("sysctl", (stage.state / "sysctl").read_text() + "security.bsd.allow_destructive_dtrace: 0\n")
    stage.set("dtrace-l.txt", rows.replace(" vpanic ", " vpanik "))
    out = stage.run("doctor")[1]
    assert "\n?   collect --survive-panic: no fbt::vpanic:entry, security.bsd.allow_destructive_dtrace=0 (loader" in out
