"""Where commands write: nothing is overwritten unasked, an input never, '-' is standard output, endings choose."""

import json
import shutil

import pytest
from recordings import log

from analyzer.cli import app
from analyzer.errors import CannotCreateError, UsageError

# What each command needs besides its log, and the ending of what it writes.
WRITERS = {
    "report": ((), ".md"),
    "show": (("--fault", "40"), ".json"),
    "check": ((), ".json"),
    "summarize": ((), ".vmsum"),
    "bundle": ((), ".zip"),
    "export": (("--to", "chrome"), ".json"),
}
FEW_CHARTS = "13.2/agg-clean"


def call(command: str, *arguments: object) -> None:
    app([command, *map(str, arguments)], standalone_mode=False)


@pytest.mark.parametrize("command", [*WRITERS, "diff"])
def test_an_input_never_and_a_file_only_when_forced(tmp_path, command):
    options, ending = WRITERS.get(command, ((), ".md"))
    source, other = tmp_path / f"x{ending}", tmp_path / f"other{ending}"
    shutil.copy(log("13.2/events-badfault"), source)
    other.write_text("precious")
    before, logs = source.read_bytes(), [source, source] if command == "diff" else [source]
    for target, words in ((source, "is an input"), (other, "with --force")):
        with pytest.raises(CannotCreateError, match=words):
            call(command, *logs, *options, "-o", target, *(["--force"] if target is source else []))
    assert source.read_bytes() == before and other.read_text() == "precious"
    if command in ("report", "summarize", "export"):
        call(command, *logs, *options, "-o", other, "--force")
        assert other.read_bytes() != b"precious"


def test_tables_and_pictures_are_not_overwritten_either(tmp_path):
    for name, command in (("overview.svg", ("report", "--plots")), ("F.csv", ("export", "--to", "csv", "-o"))):
        (tmp_path / name).write_text("precious")
        with pytest.raises(CannotCreateError, match=name):
            call(command[0], log("13.2/badfault"), *command[1:], tmp_path)
        assert (tmp_path / name).read_text() == "precious"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("command", ["report", "summarize", "bundle", "export"])
def test_a_dash_is_standard_output(vmtrace, tmp_path, command):
    options, ending = WRITERS[command]
    recording = FEW_CHARTS if command == "bundle" else "13.2/events-badfault"
    run = vmtrace(command, log(recording), *options, "-o", "-")
    assert run.stdout.startswith({".vmsum": b'{"vmsum"', ".zip": b"PK"}.get(ending, b"")) and len(run.stdout) > 100
    assert not list(tmp_path.glob("[!.]*"))


def test_endings_choose_the_form_and_an_unknown_one_is_an_error(tmp_path):
    begins = {"html": b"<!doctype html>", "md": b"# ", "json": b"{", "png": b"\x89PNG", "svg": b"<?xml", "txt": b"/"}
    for ending, beginning in begins.items():
        call("report", log(FEW_CHARTS), "-o", tmp_path / f"r.{ending}")
        assert (tmp_path / f"r.{ending}").read_bytes().startswith(beginning), ending
    for command, (options, _) in WRITERS.items():
        if command != "export":  # says its form itself
            with pytest.raises(UsageError, match=r"r\.pdf"):
                call(command, log("13.2/badfault"), *options, "-o", tmp_path / "r.pdf")
    assert not (tmp_path / "r.pdf").exists()
    call("report", log(FEW_CHARTS), "--format", "json", "-o", tmp_path / "r.pdf")
    assert json.loads((tmp_path / "r.pdf").read_text())["vmtrace_report"]
