"""vmtrace diff as a user runs it, against known.json."""

import json
from functools import cache

import pytest
from recordings import SAMPLES, log, recordings, summarized, text
from told import anywhere, assert_told

from analyzer.analysis.compare import compare
from analyzer.report.as_json import render_json
from analyzer.report.compared import build_comparison
from analyzer.report.text import plain_text

KNOWN = dict(recordings())
BEFORE, AFTER = "10.1/d4326", "10.1/failpoint-fixed"


def run_json(vmtrace, *arguments) -> dict:
    run = vmtrace("diff", *arguments, "--format", "json")
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


@cache
def compared(before: str, after: str) -> dict:
    """What the command gives of two recordings as JSON."""
    return json.loads(render_json(build_comparison(summarized(before), summarized(after), top=20)))


def rows(report: dict, section: str, caption: str) -> dict[str, dict]:
    tables = next(s for s in report["sections"] if s["key"] == section)["tables"]
    mine = next(table for table in tables if table["caption"].startswith(caption))
    first = mine["columns"][0]["name"]
    return {row[first]: row for row in mine["rows"]}


def test_the_first_sentence_says_what_is_gone_and_what_is_not():
    report = compared(BEFORE, AFTER)
    first, second = report["findings"][:2]
    assert first["headline"].startswith("The leak and the double free are gone, while vm_page_rename still fails")
    assert KNOWN[AFTER]["dtrace_messages"] and first["certainty"] == "suspected"
    assert "lost records" in first["headline"]
    # What differs in kind stands before any number.
    assert not any(c.isdigit() for c in first["headline"]) and not first["detail"]
    assert "kernel, command, duration and gaps" in second["headline"]


def test_counts_are_those_of_the_recordings():
    report = compared(BEFORE, AFTER)
    counts = rows(report, "rates", "Counts")
    rename = counts["vm_page_rename in a fault: failed (1)"]
    for side, name in (("before", BEFORE), ("after", AFTER)):
        moves, faults = KNOWN[name]["moves"], KNOWN[name]["records"]["F"]
        failed = moves["rename rc=1 infault=1"]
        assert rename[f"hits {side}"] == failed
        assert rename[f"of {side}"] == failed + moves["rename rc=0 infault=1"]
        assert rename[f"per million {side}"] == pytest.approx(failed / faults * 1e6)
        alarms = [kind for kind in KNOWN[name].get("alarms", {}) if kind.startswith("double-free")]
        assert counts["alarms: double free"][f"hits {side}"] == len(alarms)
    inserts = rows(report, "rates", "Differences")["vm_radix_insert: ENOMEM"]
    assert inserts["p"] is None  # inserts are counted, their failures recorded: not comparable where records were lost


@pytest.mark.parametrize(
    "before, after",
    [(BEFORE, AFTER), ("10.1/events-rename", "13.2/events-replace"), ("13.2/clean", "13.2/leak"),
     ("13.2/clean", "13.2/failpoint-5pct")],
)  # fmt: skip
def test_what_is_said_of_two_recordings(before, after):
    said = plain_text(build_comparison(anywhere(before), anywhere(after), top=20))
    assert_told(f"{before}_{after}".replace("/", "-"), said)


def test_the_other_way_round_mirrors():
    there, back = (rows(compared(*pair), "mix", "Differences") for pair in
                   (("13.2/clean", "13.2/failpoint-5pct"), ("13.2/failpoint-5pct", "13.2/clean")))  # fmt: skip
    for what, row in there.items():
        assert back[what]["difference"] == pytest.approx(-row["difference"])
        assert back[what]["p"] == pytest.approx(row["p"])
        assert row["interval"][0] <= row["difference"] <= row["interval"][1]


def test_a_log_against_itself_differs_in_nothing():
    report = compared("13.2/clean", "13.2/clean")
    assert "are of one kind" in report["findings"][1]["headline"]
    found = compare(summarized("13.2/clean"), summarized("13.2/clean"))
    assert all((frame["corrected"].dropna() == 1).all() for frame in (found.rates, found.costs))


def test_a_fail_point_shows():
    report = compared("13.2/clean", "13.2/failpoint-5pct")
    proved = [f["headline"] for f in report["findings"] if f["certainty"] == "proved"]
    failures = sum(KNOWN["13.2/failpoint-5pct"]["alloc_failures"].values())
    assert any(text.startswith("vm_radix_insert: ENOMEM") and f"to {failures} of" in text for text in proved)


def test_radix_operations_of_rename_and_replace():
    report = compared("10.1/events-rename", "13.2/events-replace")
    radix = rows(report, "moves", "Radix")
    # docs/freebsd-vm-tracing.md: a rename takes two removes, a lookup and an insert; a replace a remove and a replace.
    assert {name: (row["per move before"], row["per move after"]) for name, row in radix.items()} == {
        "lookup": (1, 0), "insert": (1, 0), "remove": (2, 1), "replace": (0, 1), "all": (4, 2),
    }  # fmt: skip
    assert radix["all"]["corrected"] < 0.0001
    assert "release" in report["findings"][1]["headline"]


def test_several_logs_on_a_side(vmtrace):
    both = ("13.2/failpoint-1pct", "13.2/failpoint-5pct")
    report = run_json(vmtrace, "--before", log("13.2/clean"), "--after", log(both[0]), "--after", log(both[1]))
    inserts = rows(report, "rates", "Counts")["vm_radix_insert: ENOMEM"]
    assert inserts["hits after"] == sum(sum(KNOWN[name]["alloc_failures"].values()) for name in both)


def test_failed_moves_that_did_no_harm_on_either_side_cure_nothing():
    (moves,) = (f for f in compared(AFTER, AFTER)["findings"] if f["headline"].startswith("Of 20 failed page moves"))
    assert moves["detail"] == ""


def test_a_new_leak():
    first = compared("13.2/clean", "13.2/leak")["findings"][0]
    assert first["headline"].startswith("The leak is new") and first["certainty"] == "proved"


def test_one_case_before_and_none_after_proves_no_cure(vmtrace, tmp_path):
    lines = text(SAMPLES / "13.2/clean.log.xz").decode().splitlines(keepends=True)
    place = next(number for number, line in enumerate(lines) if line.startswith("F\t"))
    names = next(line for line in lines if line.startswith("#fields\tF")).split("\t")[2:]
    record = lines[place].split("\t")
    rel, lock = (1 + [name.partition(":")[0] for name in names].index(name) for name in ("rel", "lockxor"))
    record[rel], record[lock] = str(int(record[rel]) - 1), "0xfffff80006df3108"
    (tmp_path / "leak.log").write_text("".join([*lines[:place], "\t".join(record), *lines[place + 1 :]]))
    assert vmtrace("check", "leak.log").returncode == 1
    first = run_json(vmtrace, "leak.log", log("13.2/clean"))["findings"][0]
    assert first["headline"].startswith("The leak is gone; it was so rare before that none after can be chance")
    assert (first["certainty"], first["severity"]) == ("suspected", "ordinary") and "p = 1" in first["detail"]


@pytest.mark.parametrize("form, begins", [("text", "Before "), ("markdown", "# Before")])
def test_every_form(vmtrace, form, begins):
    run = vmtrace("diff", log("13.2/clean"), log("13.2/leak"), "--format", form)
    assert run.returncode == 0 and run.stdout.decode().startswith(begins)


def test_its_pictures_are_of_both_sides(vmtrace, tmp_path):
    assert vmtrace("diff", log("13.2/badfault"), log("13.2/leak"), "-o", "d.html", "--plots", ".").returncode == 0
    assert (tmp_path / "d.html").read_text().startswith("<!doctype html>")
    pictures = {path.name for path in tmp_path.glob("[!.]*")} - {"d.html"}
    charts = {name.partition(".")[0] for name in pictures}
    assert {"rates-compared", "latency-compared"} <= charts
    assert pictures == {f"{chart}.{form}" for chart in charts for form in ("png", "svg")}


@pytest.mark.parametrize("arguments", [("x",), ("x", "y", "z"), (), ("--before", "x")])
def test_wrong_calls(vmtrace, arguments):
    run = vmtrace("diff", *arguments)
    assert run.returncode == 64 and run.stderr.count(b"\n") == 1
