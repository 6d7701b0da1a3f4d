"""The README's commands, as they stand."""

import re
import shlex

import pytest
from command import command
from recordings import ROOT

README = (ROOT / "README.md").read_text()
_COMMANDS = "report|inspect|export|diff|check|bundle|show|summarize"
TOUR = re.findall(rf"^    (vmtrace (?:{_COMMANDS}) .*)$", README, re.MULTILINE)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """One folder for the tour: a reader types its commands one after the other."""
    folder = tmp_path_factory.mktemp("checkout")
    (folder / "samples").symlink_to(ROOT / "samples")
    return folder


@pytest.mark.parametrize("line", TOUR)
def test_a_command_of_the_tour_runs(line, checkout):
    words = shlex.split(line, comments=True)[1:]
    run = command(checkout)(*words)
    assert run.returncode == 0, run.stderr
    for option in ("-o", "--plots"):
        if option in words:
            assert (checkout / words[words.index(option) + 1]).exists()


def test_the_commands_that_set_up_are_the_makefiles():
    targets = re.findall(r"^    make (\S+)", README, re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    assert targets and all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_what_the_readme_links_to_exists():
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target
