"""vmtrace prove: the load run for real, its trace played by a kernel whose truth is known."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import log
from staging import ROOT, STANDINS, finish, sample

from analyzer import measures
from analyzer.host import counters, failmod, proof
from analyzer.host import prove as loading
from analyzer.host.box import Answer, Box
from analyzer.report import origin
from analyzer.summary.summarize import summarize

KERNEL = Path(__file__).with_name("kernel.py")
COUNTED = {counters.FAULTS: 7000, counters.COPIED_ON_WRITE: 508, counters.MOVED_ON_WRITE: 5, counters.ZERO_FILLED: 2013}
REFUSED = {counters.FAULTS: 500, counters.NODES_FAILED: 23}
ALWAYS = {"faults", "calls", "results", "zero-fill", "copy", "path-alloc", "lock-balance", "moves-rename"}


@pytest.fixture
def prove(stage):
    """Prove vmfault on a kernel with a defect: exit status and outcome by measure."""

    def prove(defects="", *options, script="vmfault"):
        kernel = [sys.executable, str(KERNEL), str(stage.state / "script.d"), str(stage.folder), defects]
        stage.plays([["out", f"#vmtrace\t1\n#script\t{script}\n#osreldate\t1302001\n"], ["wait"], ["run", kernel]])
        for reading, grown in (("before", {}), ("after", COUNTED), ("3", {}), ("4", REFUSED)):
            counted = dict.fromkeys((*COUNTED, *REFUSED), 0) | grown
            stage.set(f"counters.{reading}", "".join(f"{name}: {value}\n" for name, value in counted.items()))
        status, out, err = stage.run("prove", "--script", script, "--json", *options)
        assert err.startswith(f"vmtrace: {script}: tracing a load in Python\n")
        answers = json.loads(out)["scripts"][0]["measures"]
        return status, {name: answer["outcome"] for name, answer in answers.items()}

    return prove


def test_a_kernel_that_is_right_is_exact(prove, stage):
    stage.set("sysctl", (stage.state / "sysctl").read_text() + f"{failmod.GROUP}: 0\n")
    status, answers = prove()
    assert {name for name, outcome in answers.items() if outcome == "exact"} >= ALWAYS | {"failed-inserts"}
    assert "wrong" not in answers.values()
    assert status == (0 if set(answers.values()) == {"exact"} else 2)
    assert f"set {failmod.POINT}=5%return(1)" in stage.events
    assert f"set {failmod.GROUP}=0" in stage.events


def test_a_kernel_that_is_wrong_is_told_and_remembered(prove, stage):
    status, answers = prove("copy lost", "--ssh", "box")
    assert status == 1
    assert answers["failed-inserts"] == "not asked"  # there is no fail point
    assert {name for name, outcome in answers.items() if outcome == "wrong"} == {
        "copy", "faults", "path-alloc", "zero-fill",
    }  # fmt: skip
    assert not list(stage.folder.glob("vmtrace-load.*"))
    stage.plays(stage.recorded.steps())
    stage.run("collect", "--script", "vmfault", "--duration", "200ms")
    told = next(line for line in stage.log().splitlines() if line.startswith("#host.proved\t")).partition("\t")[2]
    assert told.startswith("13.2-RELEASE vmfault ")
    assert measures.proved(told) == answers
    assert measures.why_wrong("copy", told)
    assert measures.why_wrong("calls", told) is None


def test_a_signal_ends_all_of_it(stage):
    process = stage.start("prove")
    stage.await_event("dtrace '")
    process.send_signal(signal.SIGINT)
    status, out, err = finish(process)
    assert (status, out) == (130, ""), err
    assert not list(stage.folder.glob("vmtrace-*"))
    assert sum(event.startswith("dtrace '") for event in stage.events) == 1  # no other script was tried


def test_each_step_is_proved_too(prove):
    status, answers = prove(script="vmevents")
    assert (status, set(answers.values())) == (0, {"exact"})
    assert set(answers) == proof.OF_STEPS


def test_faults_from_steps_are_those_of_the_report():
    faults = proof.digest(sample("13.2/events-badfault.log.xz").encode()).faults
    assert len(faults) == summarize([log("13.2/events-badfault")]).total().faults > 0


class WithoutPython(Box):
    """A box of the base system alone."""

    remote = True

    def run(self, script):
        return Answer(1, "", "") if "python3" in script else super().run(script)


def test_without_python_a_shell_makes_the_faults(tmp_path, monkeypatch):
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    load = loading._load(WithoutPython())
    assert not load.python
    subprocess.run(load.command("whole"), check=True)
    assert json.loads(Path(load.folder, "statement").read_text()) == {"name": "dd", "parts": []}


def test_a_kernel_that_was_never_proved_says_nothing(stage):
    stage.run("collect", "--script", "vmfault", "--duration", "200ms")
    assert "#host.proved" not in stage.log()


def test_reports_say_beside_the_release_what_was_proved():
    assert origin.proof({}) == ["nothing proved on this kernel"]
    told = {"host.proved": "13.2-RELEASE vmfault faults=exact calls=exact copy=wrong page-in=not-asked"}
    assert origin.proof(told) == ["2 measures proved exact on this kernel", "proved wrong: copy"]


@pytest.mark.parametrize(("counted", "outcome"), [(21, "exact"), (20, "wrong"), (22, "wrong")])
def test_faults_that_fail_as_the_loads_program_starts_are_none_of_the_load(counted, outcome):
    """As on a live 13.2: 13 children were to fail, and the process that forked them had failed 8 times at its start."""
    text = (
        f"#aggregation\tprocess\texecname\trc\tcount\npython3.11\\0\t2\t{counted}\ngrep\\0\t2\t1\n"
        f"#aggregation\tlatency\tpath\trc\tllquantize\n0\t2\n           50000 |@@@@@ {counted + 1}\n"
        "#aggregation\tfailed\texecname\tpid\trc\tcount\npython3.11\\0\t63\t2\t8\ngrep\\0\t60\t2\t1\n"
    ) + "".join(f"python3.11\\0\t{pid}\t2\t1\n" for pid in range(65, 78))
    parts = [{"part": "protected", "first": 0, "last": 4096, "faults": 13, "pids": list(range(65, 78))}]
    judge = proof.Judge(proof.digest(text.encode()), {"name": "python3.11", "parts": parts}, {}, 2)
    assert judge.answer("results").outcome == outcome


PATHS = {"faults", "zero-fill", "copy", "path-alloc"}


@pytest.mark.parametrize(
    ("log", "exact", "wrong"),
    [
        ("13.2/failpoint-5pct", PATHS | {"calls", "failed-inserts"}, set()),
        ("13.2/clean", PATHS | {"calls"}, {"moves-replace"}),
        ("15.0/fault2-5pct", PATHS | {"calls", "moves-replace", "failed-inserts"}, set()),
        ("15.0/failpoint-5pct", {"faults", "calls", "copy"}, {"path-alloc", "failed-inserts"}),
    ],
)
def test_real_kernels_against_their_own_counters(log, exact, wrong):
    """What the first edition cannot see on 13.2 and 15.0 (docs/freebsd-vm-tracing.md, 13.2 to 13.4) comes out wrong."""
    text = sample(f"{log}.log.xz")
    read = {when: {} for when in ("before", "after")}
    for line in text.splitlines():
        if line.startswith("#counter."):
            when, name, value = line.removeprefix("#counter.").split("\t")
            read[when][name] = int(value)
    growth = {name: value - read["before"][name] for name, value in read["after"].items()}
    judge = proof.Judge(proof.digest(text.encode()), {"name": "", "parts": []}, growth, 2)
    outcomes = {name: judge.answer(name).outcome for name in exact | wrong}
    assert outcomes == dict.fromkeys(exact, "exact") | dict.fromkeys(wrong, "wrong")


def test_the_load_does_what_it_says(tmp_path):
    statement = tmp_path / "statement"
    environment = os.environ | {"PATH": f"{STANDINS}:{os.environ['PATH']}"}
    command = [sys.executable, ROOT / "analyzer" / "host" / "load.py", statement, "whole"]
    subprocess.run(command, check=True, env=environment)
    parts = {part["part"]: part for part in json.loads(statement.read_text())["parts"]}
    for name in ("zero-fill", "copy", "threads", "moved"):  # what the kernel counted, with a few of Python's own
        assert parts[name]["faults"] <= parts[name]["most"] < 1.2 * parts[name]["faults"]
    assert {name: parts[name]["faults"] for name in ("protected", "invalid", "beyond")} == {
        "protected": 13, "invalid": 11, "beyond": 7,
    }  # fmt: skip
