"""vmtrace script and vmtrace doctor."""

import pytest
from staging import ROOT, sample

from analyzer.host import dscript


def test_script_lists_all_with_their_purpose(stage):
    status, out, _ = stage.run("script")
    assert status == 0
    bundled = sorted(path.stem for path in (ROOT / "dscripts").glob("vm*.d"))
    assert [line.split()[0] for line in out.splitlines()] == bundled
    for line in out.splitlines():
        assert line.split(maxsplit=1)[1] == dscript.load(line.split()[0]).purpose


@pytest.mark.parametrize("name", dscript.names())
def test_script_prints_one(stage, name):
    assert stage.run("script", name) == (0, (ROOT / "dscripts" / f"{name}.d").read_text(), "")


def test_doctor_on_a_good_box(stage):
    status, out, err = stage.run("doctor")
    assert (status, err, stage.events) == (69 if "\nno " in out else 0, "", [])
    assert out.startswith("yes FreeBSD 13.2-RELEASE (osreldate 1302001, kernel VMTRACE)\nyes root\n")
    for good in ("module dtraceall loaded", "kernel CTF", "packages for reports"):
        assert f"\nyes {good}\n" in out
    assert "\n?   vmfault10.d: not for this release\n" in out
    assert "\nyes vmfault.d" in out
    assert "\nno  vmfault.d: failed inserts" not in out
    assert "\nyes fail point debug.fail_point.uma_zalloc_arg (the kernel's own: it fails for the whole machine)" in out


def test_doctor_says_what_a_kernel_cannot_show(stage):
    rows = (stage.state / "dtrace-l.txt").read_text().splitlines(keepends=True)
    stage.set("dtrace-l.txt", "".join(row for row in rows if " vm_radix_insert " not in row))
    out = stage.run("doctor")[1]
    assert "no  vmfault.d: failed inserts cannot be seen: this kernel has no fbt::vm_radix_insert:return\n" in out


def test_doctor_says_how_to_have_a_fail_point(stage):
    sysctl = (stage.state / "sysctl").read_text()
    stage.set("sysctl", sysctl.replace("debug.fail_point.uma_zalloc_arg: off\n", ""))
    assert "no  no fail point: failures cannot be made\n      -> " in stage.run("doctor")[1]
    stage.set("sysctl", sysctl + "debug.vmfail_pgid: 0\n")
    assert "\nyes fail point debug.fail_point.uma_zalloc_arg (module vmfail)\n" in stage.run("doctor")[1]
    stage.set("sysctl", sysctl.replace("zalloc_arg: off", "zalloc_arg: 5%return(0)"))
    told = "no  debug.fail_point.uma_zalloc_arg is armed (5%return(0)): allocations of the kernel fail\n      -> "
    assert f"{told}sysctl debug.fail_point.uma_zalloc_arg=off\n" in stage.run("doctor")[1]


def test_doctor_says_what_mends(stage):
    stage.set("user", "1001\n")
    stage.unset("loaded")
    status, out, _ = stage.run("doctor")
    assert status == 69  # no is no
    assert "no  user 1001, not root\n      -> su root\n" in out
    assert "no  module dtraceall not loaded\n      -> kldload dtraceall\n" in out
    assert "?   probes and CTF: not looked at" in out


def test_doctor_in_a_jail(stage):
    stage.set("sysctl", (stage.state / "sysctl").read_text() + "security.jail.jailed: 1\n")
    assert "no  inside a jail, where dtrace may not trace the kernel\n      -> run it on" in stage.run("doctor")[1]


def test_doctor_without_device(stage):
    stage.set("refuses", "dtrace: failed to initialize dtrace: DTrace device not available on system\n")
    status, out, _ = stage.run("doctor")
    assert status == 69
    assert "no  failed to initialize dtrace: DTrace device not available on system: try 'kldload dtraceall'" in out


def test_doctor_through_ssh(stage):
    status, out, _ = stage.run("doctor", "--ssh", "box")
    assert status == (69 if "\nno " in out else 0)
    assert "FreeBSD 13.2-RELEASE" in out
    assert "packages" not in out  # those are of this machine


def test_doctor_on_10(make_stage):
    stage = make_stage("10.1/badfault.log.xz")
    out = stage.run("doctor")[1]
    assert "yes vmfault10.d" in out
    assert "no  vmfault10.d: whether each fault gave back its locks cannot be seen: on 10.x most" in out
    assert "?   vmlocks.d: not for this release" in out
    assert sample("10.1/raw/dtrace-l.txt.xz")
