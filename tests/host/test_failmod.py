"""vmtrace failmod: the module's source, and its names against those that collect and doctor use."""

import re

from staging import ROOT

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
