"""The README's commands, as they stand."""

import re
import shlex

import pytest
from recordings import ROOT

README = (ROOT / "README.md").read_text()
_COMMANDS = "report|inspect|export|diff|check|bundle|show|summarize"
TOUR = re.findall(rf"^    (vmtrace (?:{_COMMANDS}) .*)$", README, re.MULTILINE)


@pytest.mark.parametrize("line", TOUR)
def test_a_command_of_the_tour_runs(line, vmtrace, tmp_path):
    words = shlex.split(line, comments=True)[1:]
    (tmp_path / "samples").symlink_to(ROOT / "samples")
    run = vmtrace(*words)
    assert run.returncode == 0, run.stderr
    for option in ("-o", "--plots"):
        if option in words:
            assert (tmp_path / words[words.index(option) + 1]).exists()


def test_the_commands_that_set_up_are_the_makefiles():
    targets = re.findall(r"^    make (\S+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_what_the_readme_links_to_exists():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
