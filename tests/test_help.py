"""The help: every command with examples that run, real names for what options take, and completion."""

import re
import shutil
import subprocess

import pytest
import typer
from typer.testing import CliRunner

from analyzer.cli import app
from analyzer.cli.options import FORMAT_NAMES
from analyzer.ingest.formats import FORMATS

COMMANDS = typer.main.get_command(app).commands


def help_of(name: str) -> str:
    return CliRunner().invoke(app, [name, "-h"]).output


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_says_what_to_type_what_it_takes_and_how_it_ends(name):
    command = COMMANDS[name]
    text = help_of(name)
    examples = re.findall(rf"^ +(?:\w[^|\n]*\| )?vmtrace {name}(.*)$", text, re.MULTILINE)
    assert len(examples) == 2 and "Exit codes: " in text and "-h, --help" in text
    assert not re.search(r"<(str|int|path|float)[^>]*>", text)
    known = {option for each in command.params for option in (*each.opts, *each.secondary_opts)}
    used = [word for line in examples for word in re.findall(r"(?<= )--?[a-z][a-z0-9-]*", line.partition(" -- ")[0])]
    assert set(used) <= known


def test_as_lists_the_formats_that_there_are():
    assert set(FORMAT_NAMES) == {"vmtrace", *FORMATS}
    assert ",".join(FORMAT_NAMES) in re.sub(r"\s+", "", help_of("inspect"))


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_completion_names_every_command_and_the_options_of_each(shell, capsys):
    app(["--completion", shell], standalone_mode=False)
    script = capsys.readouterr().out
    for name, command in COMMANDS.items():
        options = [option for each in command.params for option in each.opts if option.startswith("--")]
        assert name in script and all(option.removeprefix("--") in script for option in options)


def test_bash_completes(capsys):
    app(["--completion", "bash"], standalone_mode=False)
    asks = 'COMP_WORDS=(vmtrace report --pl); COMP_CWORD=2; _vmtrace vmtrace --pl report; echo "${COMPREPLY[@]}"'
    bash = shutil.which("bash") or pytest.skip("needs bash, of which FreeBSD has none of its own")
    run = subprocess.run([bash, "-c", f"{capsys.readouterr().out}\n{asks}"], capture_output=True, text=True)
    assert run.stdout == "--plots\n" and run.stderr == ""
