"""The manual pages say what the commands, the scripts and the log's format say now."""

import importlib.util
import sys

import pytest
from recordings import ROOT


@pytest.fixture(scope="module")
def pages():
    sys.path.insert(0, str(ROOT / "man"))
    spec = importlib.util.spec_from_file_location("generate", ROOT / "man" / "generate.py")
    generate = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(generate)
    return generate.pages()


def test_the_pages_are_as_make_man_writes_them(pages):
    stale = [name for name, text in pages.items() if (ROOT / "man" / name).read_text() != text]
    assert not stale, "run make man"
    assert {str(path.relative_to(ROOT / "man")) for path in (ROOT / "man").glob("man?/*")} == set(pages)


def test_every_script_and_every_command_has_its_place(pages):
    assert {f"man1/{path.name}.1" for path in (ROOT / "dscripts").glob("vm*.d")} <= set(pages)
    for command in ("collect", "report", "check", "bundle"):
        assert f'.Ss "{command}"' in pages["man1/vmtrace.1"]
