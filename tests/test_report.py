"""vmtrace report as a user runs it: every form, every recording, and bad input."""

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from recordings import ROOT, SAMPLES, log, recordings, summarized, text
from rich.console import Console
from told import anywhere, assert_told

from analyzer.errors import DataError
from analyzer.format import cell
from analyzer.report.as_json import render_json
from analyzer.report.build import build_document
from analyzer.report.document import Document
from analyzer.report.html import render_html
from analyzer.report.markdown import render_markdown
from analyzer.report.text import plain_text, print_text

# vmlocks.d had not learnt what 15.0 calls the locks: a log with nothing in it.
NOTHING = "15.0/locks"
NAMES = [name for name, _ in recordings() if name != NOTHING]


def text_of(name: str) -> bytes:
    return text(Path(log(name)))


# Drawing costs most, and what is drawn is chosen by the script; vmfault's is the page of hostile names.
PAGES = ("10.1/d4326", "13.2/events-replace", "13.2/agg-5pct", "15.0/watch-5pct")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_of_each_script(name):
    page = render_html(build_document(summarized(name), top=20))
    assert page.startswith("<!doctype html>") and "Verdict" in page
    assert len(page.encode()) < 1_000_000


@pytest.mark.parametrize("name", NAMES)
def test_every_recording_as_json_markdown_and_text(name):
    document = build_document(summarized(name), top=20)
    assert json.loads(render_json(document))["findings"]
    assert render_markdown(document).startswith("# ")
    assert_no_digit_is_lost(document, widths(name))
    assert len(printed(document, 80, brief=True).splitlines()) < 24


@pytest.mark.parametrize(
    "name", ["10.1/d4326-ssh", "10.1/events-rename", "13.2/events-replace", "13.2/watch-5pct", "13.2/agg-5pct"]
)
def test_what_a_report_says(name):
    assert_told(name.replace("/", "-"), plain_text(build_document(anywhere(name), top=5)))


def test_a_figure_is_the_least_where_a_part_of_it_is_not_measured():
    figures = dict(build_document(summarized("10.1/failpoint-fixed"), top=5).figures)
    assert figures["failed page moves"] == "at least 20 suspected"
    assert figures["locks left held"] == "not measured"


def widths(name: str) -> range:
    """Some widths of a terminal for each recording, others for each; all recordings have all of them."""
    return range(40, 202, 2)[NAMES.index(name) :: len(NAMES)]


def printed(document: Document, width: int, brief: bool = False) -> str:
    out = io.StringIO()
    print_text(document, Console(file=out, width=width), brief)
    return out.getvalue()


def numbers(text: str) -> set[str]:
    """Words with a digit, without the signs around them."""
    return {word.strip(".,:;()'") for word in text.split() if any(c.isdigit() for c in word)}


def assert_no_digit_is_lost(document: Document, widths: range) -> None:
    """At each width every number of the JSON stands whole, unless its column is said to be left out."""
    whole, sections = numbers(plain_text(document)), json.loads(render_json(document))["sections"]
    # An axis leaves out ticks that would touch, at the width of the whole text others than at another.
    whole |= numbers(" ".join(text for chart in document.charts for _, text in chart.x.ticks))
    columns = [(table, column) for section in sections for table in section["tables"] for column in table["columns"]]
    for width in widths:
        text = printed(document, width)
        seen = numbers(text)
        assert seen <= whole, (width, "a number that the whole text has not")
        assert all(len(line) <= width for line in text.splitlines() if not re.fullmatch(r" *\S{40,}", line)), width
        said = set(re.findall(r"[^,]+", " ".join(text.split()).replace("(not shown at this width: ", ",")))
        left_out = {name.partition(";")[0].strip() for name in said}
        for table, column in columns:
            values = [row[column["name"]] for row in table["rows"]] if column["name"] not in left_out else []
            for value in values:
                written = cell(column["kind"], tuple(value) if isinstance(value, list) else value)
                assert numbers(written) <= seen, (width, table["caption"], column["name"], written)


@pytest.fixture(scope="module")
def document_of_d4326() -> Document:
    return build_document(summarized("10.1/d4326"), top=20)


def test_a_log_with_nothing_in_it_is_refused():
    with pytest.raises(DataError, match="did the script's probes fire"):
        build_document(summarized(NOTHING), top=20)


def test_the_first_screen_has_the_verdict_and_fits(document_of_d4326, vmtrace):
    run = vmtrace("report", log("10.1/d4326"), "--brief")
    assert run.returncode == 0 and run.stderr == b""
    lines = run.stdout.decode().splitlines()
    assert "99.9 % of the faults recorded" in lines[1]  # what the verdict is about stands beside it
    assert lines[3].startswith("1. KERNEL BUG, PROVED: This is the bug of review D4326")
    assert lines[-1] == f"Next: vmtrace show {log('10.1/d4326')} --finding 1"
    screen = printed(document_of_d4326, 80, brief=True).splitlines()
    assert len(screen) < 24 and sum("◆" in line for line in screen) == 2
    assert "locks left held 1" in "\n".join(screen) and "Provenance" not in screen


# What draws, judges or packs; one interpreter runs them all, as its imports take as long as one of them.
COMMANDS = [
    ["report", log("13.2/leak"), "-o", "page.html", "--interactive"],
    ["report", log("13.2/leak"), "-o", "picture.svg"],
    ["bundle", log("13.2/agg-5pct"), "-o", "bundle.zip"],
    ["diff", log("13.2/badfault"), log("13.2/leak"), "-o", "diff.json"],
]
PROGRAM = f"from analyzer.cli import app\nfor words in {COMMANDS}:\n    app(words, standalone_mode=False)"


def test_the_same_bytes_twice(tmp_path):
    outputs = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        varied = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}", "XDG_CACHE_HOME": str(folder)}
        run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, env=os.environ | varied, capture_output=True)
        assert run.returncode == 0, run.stderr
        outputs.append({path.name: path.read_bytes() for path in folder.glob("*.*")})
    assert outputs[0] == outputs[1]
    assert set(outputs[0]) == {words[words.index("-o") + 1] for words in COMMANDS}


def test_markdown_and_several_logs(vmtrace):
    run = vmtrace("report", log("10.1/badfault"), log("13.2/leak"), "--format", "markdown")
    written = run.stdout.decode()
    assert written.startswith("# 2 logs") and "## Logs" in written


def test_a_host_line_without_a_host_is_no_traceback(vmtrace, tmp_path):
    lines = text_of("13.2/badfault").splitlines(keepends=True)
    named = [b"#host.uname\tFreeBSD\n" if line.startswith(b"#host.uname") else line for line in lines]
    (tmp_path / "x.log").write_bytes(b"".join(named))
    run = vmtrace("report", "x.log", log("13.2/leak"))
    assert run.returncode == 0 and b"unknown host" in run.stdout


def test_standard_input_and_compression_by_content(vmtrace, tmp_path):
    import gzip

    plain = text_of("13.2/badfault")
    (tmp_path / "misnamed.xz").write_bytes(gzip.compress(plain))
    wanted = json.loads(vmtrace("report", log("13.2/badfault"), "--format", "json").stdout)["sections"]
    for run in (
        vmtrace("report", "-", "--format", "json", input=plain),
        vmtrace("report", "misnamed.xz", "--format", "json"),
    ):
        sections = json.loads(run.stdout)["sections"]
        assert [s["tables"] for s in sections] == [s["tables"] for s in wanted]


def test_filters_keep_only_what_matches(vmtrace):
    known = dict(recordings())["13.2/badfault"]
    run = vmtrace("report", log("13.2/badfault"), "--process", "badfault", "--format", "json")
    costs = next(s for s in json.loads(run.stdout)["sections"] if s["key"] == "paths")["tables"]
    by_process = next(t for t in costs if t["caption"] == "Cost by process")["rows"]
    assert [(row["process"], row["faults"]) for row in by_process] == [("badfault", known["execnames"]["badfault"])]


def test_hostile_process_names_stay_text(vmtrace):
    for form in ("markdown", "html"):
        out = vmtrace("report", log("13.2/hostile-names"), "--format", form).stdout.decode()
        assert "onclick" in out and not re.search(r"(?<!\\)<b onclick", out) and len(out) < 1_000_000
    out = vmtrace("report", log("13.2/hostile-names")).stdout.decode()
    assert "line\\nF" in out and not any(line.startswith("F\t1\t2") for line in out.splitlines())


BAD = [
    ("nothing", b"", 65, "an empty file"),
    ("prose", b"hello world\n" * 50, 65, "is no"),
    ("noise", bytes(range(256)) * 40, 65, "is no"),
    ("future", b"#vmtrace\t2\n#script\tvmfault\n", 65, "version 2"),
]


@pytest.mark.parametrize(("name", "content", "code", "words"), BAD, ids=[bad[0] for bad in BAD])
def test_what_is_no_log_is_one_clear_line(vmtrace, tmp_path, name, content, code, words):
    (tmp_path / name).write_bytes(content)
    one_line(vmtrace("report", name), code, f"{name}: ", words)


def one_line(run: subprocess.CompletedProcess, code: int, *words: str) -> None:
    error = run.stderr.decode()
    assert run.returncode == code, error
    assert error.startswith("vmtrace: ") and error.count("\n") == 1 and "Traceback" not in error
    for word in words:
        assert word in error
    assert run.stdout == b""


def test_missing_and_directory(vmtrace, tmp_path):
    one_line(vmtrace("report", "missing.log"), 66, "missing.log", "No such file")
    one_line(vmtrace("report", tmp_path), 66, "is a directory")


def test_a_log_without_fault_records_is_an_error(vmtrace, tmp_path):
    lines = [line for line in text_of("13.2/badfault").splitlines(keepends=True) if line[:2] not in (b"F\t", b"M\t")]
    (tmp_path / "none.log").write_bytes(b"".join(lines))
    one_line(vmtrace("report", "none.log"), 65, "no fault record")
    one_line(vmtrace("report", log("13.2/badfault"), "--process", "nobody"), 65, "matches the filter", "nobody")


def test_damage_gives_what_can_be_read_and_a_list_of_the_rest(vmtrace, tmp_path):
    lines = text_of("13.2/badfault").splitlines(keepends=True)
    faults = [number for number, line in enumerate(lines) if line.startswith(b"F\t")]
    broken = faults[100::100]
    for number in broken:
        lines[number] = lines[number].replace(b"\t", b"?", 3)
    (tmp_path / "damaged.log").write_bytes(b"".join(lines))
    whole = json.loads(vmtrace("report", "damaged.log", "--format", "json", "--top", 1000).stdout)
    assert [row["line"] for row in whole["unread"]["rows"]] == [number + 1 for number in broken]
    assert all(row["expected"] for row in whole["unread"]["rows"])
    assert f"{len(faults) - len(broken):,} faults" in whole["subtitle"]


def test_a_cut_compressed_log_is_read_to_the_cut(vmtrace, tmp_path):
    stored = (SAMPLES / "13.2/clean.log.xz").read_bytes()
    (tmp_path / "cut.xz").write_bytes(stored[: len(stored) // 2])
    whole = json.loads(vmtrace("report", "cut.xz", "--format", "json").stdout)
    assert any("a piece of the file is missing" in gap for gap in whole["gaps"])


def test_wrong_calls(vmtrace):
    one_line(vmtrace("report", log("13.2/badfault"), "--path", "teleport"), 64, "teleport", "soft")
    one_line(vmtrace("report", log("13.2/badfault"), "-o", "/nonexistent/r.html"), 73, "/nonexistent/r.html")
    one_line(vmtrace("report"), 64)
    one_line(vmtrace("nonsense"), 64, "nonsense")


def test_a_closed_pipe_is_no_traceback():
    command = f"{sys.executable} -m analyzer report {log('13.2/clean')} | head -1"
    run = subprocess.run(command, shell=True, capture_output=True, cwd=ROOT)
    assert b"Traceback" not in run.stderr
