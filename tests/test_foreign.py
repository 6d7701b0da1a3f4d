"""What FreeBSD's own programs print, through report and inspect."""

import json
import re
from pathlib import Path

import pyarrow as pa
import pytest
from recordings import SAMPLES, log

from analyzer.errors import DataError
from analyzer.ingest.parsed import Parsed
from analyzer.report.build import build_document
from analyzer.report.html import render_html
from analyzer.report.text import plain_text
from analyzer.summary.foreign import Gathered
from analyzer.summary.summarize import summarize
from analyzer.verdict.verdict import judge

RAW = sorted(SAMPLES.glob("*/raw/*.xz"))
NOT_OF_FAULTS = (
    "kdump-default",
    "ktrace-default",
    "dtrace-l",
    "probe-args",
    "sysctl-vm",
    "vmstat",
    "errors",
    "droptags",
    "nomatch",
)
OF_EACH_KIND = {path.name.partition("-")[0]: path for path in RAW}.values()  # drawing costs most
BADFAULT = [path for path in RAW if "badfault" in path.name]


def failed_by_result(path: Path) -> dict[int, int]:
    faults = summarize([str(path)]).total().table("faults")
    failed = faults[(faults["execname"] == "badfault") | (faults["execname"] == "badfault10")]
    return {rc: int(n) for rc, n in failed[failed["rc"] > 0].groupby("rc")["faults"].sum().items()}


@pytest.mark.parametrize("path", BADFAULT, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_badfault_5_has_five_of_each_failure(path):
    # KERN_OUT_OF_BOUNDS (9) is a KERN_PROTECTION_FAILURE (2) before 12.2.
    assert failed_by_result(path) == ({1: 5, 2: 10} if "10.1" in path.parts else {1: 5, 2: 5, 9: 5})


@pytest.mark.parametrize("path", RAW, ids=lambda path: f"{path.parts[-3]}-{path.name}")
def test_every_raw_file_is_understood_and_reported_or_refused_in_a_line(path):
    summary = summarize([str(path)])
    assert summary.total().unread_count == 0
    if path.name.startswith(NOT_OF_FAULTS):
        with pytest.raises(DataError, match="says nothing of the fault path"):
            build_document(summary, 20)
    else:
        document = build_document(summary, 20)
        shown = render_html(document) if path in OF_EACH_KIND else plain_text(document)
        assert document.findings[0].headline.partition("'")[0] in shown


def test_what_ktrace_does_not_say_is_not_measured_and_not_said_of_dtrace(vmtrace):
    text = vmtrace("report", SAMPLES / "15.0/raw/kdump-badfault.txt.xz", "--format", "text").stdout.decode()
    assert "0 ns" not in text and "dtrace" not in text
    assert "ktrace reported no loss" in text and re.search(r"^badfault +130 +15 +—$", text, re.MULTILINE)


def test_faults_without_results_are_no_proof_that_none_failed():
    answers = judge(summarize([str(SAMPLES / "15.0/raw/flowindent.txt.xz")]).total()).answers
    assert answers["failed-fault"].certainty == "not measured"


def test_a_console_stands_beside_its_trace(vmtrace):
    console = SAMPLES / "10.1/raw/console-hang-lock-held.txt.xz"
    run = vmtrace("report", log("10.1/d4326"), console, "--format", "json")
    headlines = [finding["headline"] for finding in json.loads(run.stdout)["findings"]]
    assert "D4326" in headlines[0]
    (panic,) = [text for text in headlines if "freeing free page" in text]
    assert "console-hang-lock-held" in panic


def test_the_panics_of_the_facts_sheet_are_recognised():
    kinds = {}
    for path in RAW:
        if path.name.startswith("console"):
            (finding,) = [f for f in judge(summarize([str(path)]).total()).findings if f.kind == "panic"]
            kinds[path.name.removesuffix(".txt.xz")] = (finding.rows[0]["kind"], finding.certainty)
    assert kinds == {
        "console-hang-lock-held": ("double-free", "proved"),
        "console-panic-double-free": ("double-free", "proved"),
        "console-panic-invariants": ("lock-recursion", "proved"),
        "console-panic-after-prompt": ("double-free", "proved"),
        "console-panic-sleeping-thread": ("sleeping-thread", "proved"),
        "console-with-trace-and-panic": ("double-free", "proved"),
    }


def test_inspect_says_what_a_file_is(vmtrace):
    out = vmtrace("inspect", SAMPLES / "13.2/raw/kdump-all-HT.txt.xz").stdout.decode()
    assert "text of kdump(1)" in out and "0 lines not understood" in out
    assert "told by line 1: " in out and "100 % of" in out
    out = vmtrace("inspect", log("13.2/leak")).stdout.decode()
    assert "a vmtrace log" in out and "1 line not understood" in out and "the log ends here" in out


def test_a_format_can_be_named_and_a_wrong_name_is_refused(vmtrace):
    run = vmtrace("inspect", log("13.2/clean"), "--as", "kdump")
    assert run.returncode == 0 and b"text of kdump(1)" in run.stdout
    assert b" 0 lines not understood" not in run.stdout
    run = vmtrace("report", log("13.2/clean"), "--as", "nonsense")
    assert run.returncode == 64 and b"nonsense" in run.stderr and b"kdump" in run.stderr


def test_inspect_says_that_a_compressed_log_is_damaged(vmtrace, tmp_path):
    stored = (SAMPLES / "13.2/clean.log.xz").read_bytes()
    (tmp_path / "cut.xz").write_bytes(stored[: len(stored) // 2])
    assert "1 notice of kind cut" in vmtrace("inspect", "cut.xz").stdout.decode()


def test_a_fault_without_its_time_is_not_counted_where_others_have_theirs():
    times = {"ts": pa.array([5, None], pa.int64()), "dur": [3, 4]}
    faults = {"line": [1, 2], **times, "rc": [0, 0], "execname": ["cow", "cow"]}
    gathered = Gathered()
    gathered.add(Parsed({"F": pa.table(faults)}, {}, [], []))
    assert gathered.summary().faults == 1
