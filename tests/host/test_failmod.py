"""vmtrace failmod: the module's source, and its names against those that collect and doctor use."""

import re
import shlex
import signal

import pytest
from staging import ROOT, finish

from analyzer.cli import app
from analyzer.host import failmod

SOURCE = (ROOT / "kmod" / "vmfail" / "vmfail.c").read_text()


def test_the_module_has_the_sysctls_that_the_box_is_asked_for():
    (point,) = re.findall(r"KFAIL_POINT_CODE\(DEBUG_FP, (\w+),", SOURCE)
    parent, group = re.search(r"SYSCTL_INT\(_(\w+), OID_AUTO, (\w+),", SOURCE).groups()
    assert f"debug.fail_point.{point}" == failmod.POINT
    assert f"{parent}.{group}" == failmod.GROUP
    for header in ("PURPOSE", "USAGE", "RUN ON", "NOT RUN"):
        assert f" * {header}\n" in SOURCE


def test_failmod_writes_the_source_once(stage):
    status, out, err = stage.run("failmod", "-o", "module")
    assert (status, err) == (0, "")
    assert out == "module/Makefile\nmodule/vmfail.c\non the box, as root: cd module && make && kldload ./vmfail.ko\n"
    assert (stage.folder / "module" / "vmfail.c").read_text() == SOURCE
    assert stage.run("failmod", "-o", "module")[::2] == (
        73, "vmtrace: module exists: choose another folder with -o\n",
    )  # fmt: skip


ARM, OFF = f"set {failmod.POINT}=1%return", f"set {failmod.POINT}=off"
FAIL_POINT = ("--fail-point", "uma_zalloc_arg=1%return")
SLEEP = ("--", "sh", "-c", 'echo "group $(ps -o pgid= -p $$)" >>"$STANDIN/events"; sleep 2')


@pytest.fixture
def loaded(make_stage):
    """A box with the module loaded, whose group somebody had set."""

    def make(name="13.2/badfault.log.xz"):
        stage = make_stage(name)
        stage.set("sysctl", (stage.state / "sysctl").read_text() + f"{failmod.GROUP}: 7\n")
        return stage

    return make


def narrowed(stage):
    """Whether the point failed in COMMAND's process group only, and all is as it was before."""
    events = [event for event in stage.events if event.startswith(("set ", "group "))]
    (group,) = (event.split()[1] for event in events if event.startswith("group "))
    wanted = [f"set {failmod.GROUP}={group}", ARM, f"group {group}", OFF, f"set {failmod.GROUP}=7"]
    return [re.sub(" +", " ", event) for event in events] == wanted


@pytest.mark.parametrize(
    ("number", "through"), [(signal.SIGINT, ()), (signal.SIGKILL, ()), (signal.SIGKILL, ("--ssh", "box"))]
)
def test_the_group_is_put_back_however_it_ends(loaded, number, through):
    stage = loaded()
    process = stage.start("collect", *through, *FAIL_POINT, *SLEEP)
    stage.await_event("group ")
    process.send_signal(number)
    process.wait(timeout=30)  # after SIGKILL COMMAND runs on
    stage.await_event(f"set {failmod.GROUP}=7")
    assert narrowed(stage)
    assert "#host.failpoint.reach\tCOMMAND's process group\n" in stage.log()


def test_the_group_is_put_back_when_dtrace_dies(loaded):
    stage = loaded()
    stage.plays([["out", stage.recorded.running], ["sleep", 1], ["kill", 9]])
    status, _, err = finish(stage.start("collect", *FAIL_POINT, *SLEEP))
    assert status == 75, err
    assert narrowed(stage)
    assert "fails in COMMAND's process group only; what leaves the group, as tests of kyua do, needs --yes\n" in err


def test_the_group_is_put_back_when_the_term_is_refused(loaded):
    stage = loaded()
    stage.set("refused", f"{failmod.POINT}=1%return\n")
    assert stage.run("collect", *FAIL_POINT, "--", "true")[0] == 64
    assert stage.events[-1] == f"set {failmod.GROUP}=7"


@pytest.mark.parametrize(
    ("options", "reach"),
    [
        (("--yes", *FAIL_POINT, "--", "true"), "the whole machine"),
        (("--fail-point", "uma_zalloc_arg=1%return(0)[pid 1]", "--", "true"), "process 1"),
        ((*FAIL_POINT, "--duration", "100ms"), "the whole machine"),
    ],
)
def test_nothing_is_narrowed_unasked(loaded, options, reach):
    stage = loaded()
    status, _, err = stage.run("collect", *options)
    assert status == 0, err
    assert not any(failmod.GROUP in event for event in stage.events)
    assert f"#host.failpoint.reach\t{reach}\n" in stage.log()
    assert "fails in every process of this machine" in err or reach == "process 1"


def test_on_10_the_whole_machine_is_asked_for(make_stage, loaded):
    stage = make_stage("10.1/badfault.log.xz")
    status, _, err = stage.run("collect", *FAIL_POINT, "--", "true")
    assert status == 64
    assert err.startswith("vmtrace: on 10.1-RELEASE a fail point for the whole machine ends in a panic: write it as ")
    assert stage.run("collect", "--fail-point", "uma_zalloc_arg=1%return(0)[pid 1]", "--", "true")[0] == 0
    assert loaded("10.1/badfault.log.xz").run("collect", *FAIL_POINT, "--", "true")[0] == 0


def test_a_dry_run_says_it(loaded):
    out = loaded().run("collect", "--dry-run", *FAIL_POINT, "--", "true")[1]
    assert f"\nsysctl {failmod.GROUP}=PGID\nsysctl {failmod.POINT}=1%return\n" in out
    assert f"\nsysctl {failmod.POINT}=off {failmod.GROUP}=0\n" in out


PLAN = re.findall(r"^    vmtrace (.*)$", (ROOT / "docs" / "fault-injection.md").read_text(), re.MULTILINE)


@pytest.mark.parametrize("line", PLAN)
def test_the_plan_calls_commands_as_they_are(line, capsys):
    words = shlex.split(re.split(" && |   |-- ", line + " ")[0])
    assert app([*words, "--help"], standalone_mode=False) in (0, None)
    assert capsys.readouterr().out
