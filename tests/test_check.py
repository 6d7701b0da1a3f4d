"""vmtrace check as CI runs it."""

import json
import math
import os
import subprocess
import sys
import xml.etree.ElementTree as ET

import pytest
from recordings import ROOT, log, recordings, summarized

from analyzer.verdict.check import Rules, check

KNOWN = dict(recordings())
COMPLETE = [
    name
    for name, facts in KNOWN.items()
    if facts["complete"]
    and facts["records"].get("F")
    and not any(" drops" in m for m in facts.get("dtrace_messages", ()))
]


@pytest.mark.parametrize("name", COMPLETE)
def test_complete_traces_are_judged(name):
    found = check(summarized(name), Rules(), None)
    assert found.exit_code == (1 if KNOWN[name].get("alarms") or KNOWN[name].get("imbalanced") else 0), found


def test_what_is_asked_without_rules():
    for name in ("10.1/d4326", "15.0/watch-clean"):
        asked = check(summarized(name), Rules(), None).rules
        assert [each.rule for each in asked] == ["max-imbalance 0", "no double free"]


@pytest.mark.parametrize("name, outcome", [("13.2/clean", "kept"), ("10.1/d4326", "cannot tell")])
def test_all_is_enough_where_all_is_asked(name, outcome):
    assert check(summarized(name), Rules(min_coverage=1.0), None).rules[0].outcome == outcome


@pytest.mark.parametrize(
    "ratio, outcome, says",
    [
        ((1.3, 1.1, 1.5), "broken", "is 1.3 times the baseline's"),
        ((1.3, 1.0, 1.5), "cannot tell", "that can be chance"),
        ((1.2, 1.1, 1.3), "kept", "is 1.2 times the baseline's"),
        ((1.3, math.nan, math.nan), "cannot tell", "Too few faults"),
    ],
)
def test_a_path_is_slower_by_more_than_chance_or_it_is_not(ratio, outcome, says, monkeypatch):
    monkeypatch.setattr("analyzer.verdict.check.quantile_ratio", lambda *_: ratio)
    clean = summarized("13.2/clean")
    last = check(clean, Rules(max_p99={"copy": 0.2}), clean.total()).rules[-1]
    assert last.outcome == outcome and says in last.text


@pytest.mark.parametrize("name, code", [("10.1/d4326", 1), ("13.2/leak", 1), ("10.1/failpoint-fixed", 2),
                                        ("13.2/drops", 2), ("13.2/killed", 2), ("13.2/clean", 0)])  # fmt: skip
def test_exit_codes(vmtrace, name, code):
    run = vmtrace("check", log(name))
    assert run.returncode == code and run.stderr == b""


def test_a_failure_rate(vmtrace):
    name = "13.2/failpoint-5pct"
    moves = KNOWN[name]["moves"]
    failed = sum(n for what, n in moves.items() if what.startswith("rename rc=1"))
    of = sum(n for what, n in moves.items() if what.startswith("rename"))
    for limit, code in ((failed / of * 101, 0), (failed / of * 99, 1)):
        run = vmtrace("check", log(name), "--max-failure-rate", f"vm_page_rename={limit:.6f}%")
        assert run.returncode == code, run.stdout
        assert f"{failed} of {of:,}" in run.stdout.decode()
    run = vmtrace("check", log(name), "--max-failure-rate", "vm_page_replace=1%")
    assert run.returncode == 2


def test_p99_against_a_baseline(vmtrace):
    slow, fast = log("13.2/failpoint-1pct"), log("13.2/clean")
    assert vmtrace("check", fast, "--baseline", slow, "--max-p99", "soft=+20%").returncode == 0
    other = log("10.1/failpoint-fixed"), "--min-coverage", "1%"  # 10.1's zero-fill faults were slower
    run = vmtrace("check", *other, "--baseline", log("10.1/d4326"), "--max-p99", "zero-fill=+20%")
    assert run.returncode == 1 and b"BROKEN: max-p99 zero-fill" in run.stdout
    run = vmtrace("check", fast, "--baseline", fast, "--max-p99", "copy=+0%", "--max-p99", "zero-fill+copy+alloc=+0%")
    assert run.returncode == 2 and b"Too few" in run.stdout and b"is 1 times" in run.stdout


def test_coverage_forgives_gaps_that_are_small(vmtrace):
    name = "13.2/drops"
    covered = KNOWN[name]["records"]["F"] / KNOWN[name]["counter_growth"]["vm.stats.vm.v_vm_faults"] * 100
    for least, code in ((covered - 15, 0), (covered + 1, 2)):
        run = vmtrace("check", log(name), "--min-coverage", f"{least:.3f}%")
        assert run.returncode == code, run.stdout


def test_rules_from_a_file_and_options_before_them(vmtrace, tmp_path):
    (tmp_path / "rules.toml").write_text(
        'max-imbalance = 1\nmin-coverage = "99%"\n'
        '[max-failure-rate]\nvm_page_rename = "50%"\n[max-p99]\nsoft = "+900%"\n'
    )
    baseline = ("--baseline", log("13.2/failpoint-1pct"))
    run = vmtrace("check", log("13.2/failpoint-5pct"), "--rules", "rules.toml", *baseline, "--format", "json")
    found = json.loads(run.stdout)
    assert run.returncode == found["exit"] == 0
    assert [rule["rule"].split()[0] for rule in found["rules"]] == [
        "min-coverage", "max-imbalance", "max-failure-rate", "max-p99",
    ]  # fmt: skip
    stricter = ("--max-failure-rate", "vm_page_rename=0%")
    assert vmtrace("check", log("13.2/failpoint-5pct"), "--rules", "rules.toml", *baseline, *stricter).returncode == 1


def test_junit(vmtrace, tmp_path):
    run = vmtrace("check", log("13.2/leak"), "--format", "junit", "-o", "out.xml")
    assert run.returncode == 1
    suite = ET.parse(tmp_path / "out.xml").getroot()
    assert suite.get("tests") == str(len(suite.findall("testcase"))) == "1"
    assert "no trailer" in suite.find("properties/property").get("value")
    assert len(suite.findall(".//failure")) == int(suite.get("failures")) == 1
    assert len(suite.findall(".//error")) == int(suite.get("errors")) == 0


WRONG = [
    (("--max-p99", "soft=+20%"), 64, b"baseline"),
    (("--baseline", "x"), 66, b"No such file"),
    (("--max-p99", "soft=20%", "--baseline", "x"), 64, b"+20%"),
    (("--max-p99", "swift=+20%", "--baseline", "x"), 64, b"no step"),
    (("--max-failure-rate", "vm_page_rename"), 64, b"NAME=SHARE"),
    (("--max-failure-rate", "main=1%"), 64, b"vm_page_rename"),
    (("--min-coverage", "0.99"), 64, b"0.1%"),
    (("--rules", "missing.toml"), 66, b"missing.toml"),
    (("--rules", "bad.toml"), 65, b"bad.toml"),
    (("--rules", "unknown.toml"), 65, b"no rule"),
]


@pytest.mark.parametrize("arguments, code, says", WRONG)
def test_wrong_calls(vmtrace, tmp_path, arguments, code, says):
    (tmp_path / "bad.toml").write_text("max-imbalance = = 1")
    (tmp_path / "unknown.toml").write_text("max-imbalances = 1")
    run = vmtrace("check", log("13.2/badfault"), *arguments)
    assert run.returncode == code and says in run.stderr and run.stderr.count(b"\n") == 1


def test_an_insert_rate_cannot_be_told_where_the_script_cannot_see_inserts_fail(vmtrace):
    run = vmtrace("check", log("15.0/failpoint-5pct"), "--max-failure-rate", "vm_radix_insert=1%")
    assert run.returncode == 2 and b"CANNOT TELL: max-failure-rate vm_radix_insert" in run.stdout
    assert b"19,891 faults recorded, 19,891 counted (calls of vm_fault); no gap" in run.stdout.splitlines()[0]


SHADOWS = [
    ("pyarrow", "raise ModuleNotFoundError('No module named pyarrow', name='pyarrow')", 69, b"pyarrow"),
    ("pyarrow", "raise RuntimeError('a surprise')", 70, b"a defect of vmtrace: RuntimeError: a surprise"),
]


def shadowed(folder, package, content):
    """The environment in which a package is found there before the real one."""
    (folder / f"{package}.py").write_text(content)
    return {"PYTHONPATH": f"{folder}:{ROOT}", "PATH": "/usr/bin:/bin", "HOME": str(folder), "LANG": "C.UTF-8"}


@pytest.mark.parametrize("package, content, code, says", SHADOWS)
def test_what_goes_wrong_is_no_answer(vmtrace, tmp_path, package, content, code, says):
    run = vmtrace("check", log("13.2/badfault"), env=shadowed(tmp_path, package, content))
    assert run.returncode == code and says in run.stderr and run.stderr.count(b"\n") == 1


def test_a_defect_shows_how_it_came_to_it_to_whoever_asks(vmtrace, tmp_path):
    environment = shadowed(tmp_path, "pyarrow", "raise RuntimeError('a surprise')")
    run = vmtrace("--debug", "check", log("13.2/badfault"), env=environment)
    assert run.returncode == 70 and b"Traceback" in run.stderr


@pytest.mark.parametrize("end", ["| true", "> /dev/full", ">&-"])
def test_output_that_nobody_gets_is_no_answer(tmp_path, end):
    command = f"{sys.executable} -m analyzer check {log('13.2/badfault')}"
    shell = f"({command}; echo $? >&2) {end}" if end.startswith("|") else f"{command} {end}; echo $? >&2"
    run = subprocess.run(["sh", "-c", shell], capture_output=True, cwd=ROOT, env=os.environ | {"HOME": str(tmp_path)})
    assert run.stderr.splitlines()[-1] == b"74" and b"Traceback" not in run.stderr
