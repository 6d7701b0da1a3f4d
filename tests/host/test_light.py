"""A FreeBSD box has no compiled packages: what runs there must not need any."""

import os
import re
import subprocess
import sys
import tomllib
from importlib.metadata import distribution
from pathlib import Path

import pytest
from recordings import summarized
from staging import ROOT

from analyzer.cli.commands import PURPOSES
from analyzer.summary.saved import write_summary

LIGHT = ("host", "errors", "format", "measures", "packages", "resources", "version")
OURS = tuple(f"analyzer.{room}" for room in LIGHT)
DRAWN = {"pandas", "pyarrow.dataset", "plotly", "matplotlib"}
HEAVY = {"pandas", "numpy", "plotly", "pyarrow", "matplotlib", "lark", "rich"}


@pytest.mark.parametrize(
    "words",
    [
        ["--help"],
        ["collect", "--dry-run"],
        ["collect", "--help"],
        ["watch", "--help"],
        ["prove", "--help"],
        ["failmod", "--help"],
        ["script"],
        ["script", "vmfault"],
        ["doctor"],
    ],
)
def test_commands_of_the_box_import_nothing_heavy(words):
    program = (
        "import sys, analyzer.cli\n"
        f"sys.argv = ['vmtrace', *{words!r}]\n"
        "try:\n    analyzer.cli.main()\nfinally:\n"
        "    print('MODULES', *sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    modules = set(done.stdout.splitlines()[-1].split()[1:])
    assert "typer" in modules
    assert not {name.partition(".")[0] for name in modules} & HEAVY
    # The others' modules are not even looked at, but for how collect reads times and targets.
    called = set() if words == ["--help"] else {words[0], "collect"}
    assert {name for name in PURPOSES if f"analyzer.cli.{name}" in modules} <= called


@pytest.mark.parametrize(
    ("words", "without"),
    [
        (["check", "clean.log.xz"], {"rich"}),
        (["summarize", "clean.log.xz", "-o", "-"], {"rich"}),
        (["report", "clean.log.xz"], {"rich.console"}),
        (["report", "clean.log.xz", "leak.log.xz", "--format", "json"], {"rich"}),
    ],
)
def test_what_makes_no_dataframe_or_picture_imports_none_of_it(words, without):
    assert not imported(words, ROOT / "samples" / "13.2") & (DRAWN | without)


@pytest.mark.parametrize("command", ["check", "report"])
def test_a_saved_summary_needs_no_grammar(command, tmp_path):
    (tmp_path / "leak.vmsum").write_bytes(write_summary(summarized("13.2/leak")))
    assert not imported([command, "leak.vmsum"], tmp_path) & (DRAWN | {"lark", "rich.console"})


def imported(words: list[str], folder: Path) -> set[str]:
    """The modules that a command has imported when it ends."""
    program = (
        "import atexit, sys\nfrom analyzer.cli import main\n"
        f"sys.argv = ['vmtrace', *{words!r}, '--no-cache']\n"
        "atexit.register(lambda: print('MODULES', *sys.modules))\nmain()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=environment)
    modules = set(done.stdout.splitlines()[-1].split()[1:])
    assert done.returncode in (0, 1) and "pyarrow" in modules
    return modules


@pytest.mark.parametrize(
    "words",
    [["report", "x"], ["diff", "a", "b"], ["check", "x"], ["inspect", "x"], ["bundle", "x", "-o", "y.zip"],
     ["show", "x", "--finding", "1"], ["summarize", "x", "-o", "y.vmsum"], ["export", "x", "-o", "y", "--to", "csv"]],
)  # fmt: skip
def test_without_packages_a_command_names_what_installs_them(words, tmp_path):
    program = (
        "import sys\n"
        f"sys.modules.update(dict.fromkeys({sorted(HEAVY - {'rich'})!r}))\n"  # None: it cannot be imported
        f"sys.argv = ['vmtrace', *{words!r}]\n"
        "from analyzer.cli import main; main()\n"
    )
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 69 and done.stderr.count("\n") == 1
    assert "pip install" in done.stderr or "pkg install py3" in done.stderr


def test_a_python_without_a_module_of_its_own_is_called_so(tmp_path):
    program = (
        "import sys\nsys.modules['lzma'] = sys.modules['_lzma'] = None\n"
        "sys.argv = ['vmtrace', 'collect', '--dry-run']\nfrom analyzer.cli import main; main()\n"
    )
    command, environment = [sys.executable, "-c", program], os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, env=environment)
    assert done.returncode == 69
    assert done.stderr == "vmtrace: this Python was built without its module lzma: install a Python that has it\n"


def test_host_imports_only_the_standard_library_and_errors():
    for path in (ROOT / "analyzer" / "host").glob("*.py"):
        names = re.findall(r"^\s*(?:from|import) ([\w.]+)", path.read_text(), re.MULTILINE)
        for name in names:
            top = name.partition(".")[0]
            ours = name == "analyzer" or name.startswith(OURS)
            assert ours or top in sys.stdlib_module_names, (path.name, name)


def requirements(lines):
    """Names of requirements that hold on FreeBSD outside of extras."""
    for line in lines:
        requirement, _, marker = line.partition(";")
        if "extra ==" in marker or "!= 'FreeBSD'" in marker.replace('"', "'"):
            continue
        if re.search(r"(platform_system|sys_platform) == .(Windows|win32)", marker):
            continue
        yield re.match(r"[\w.-]+", requirement).group(0)


def test_everything_installed_on_freebsd_is_a_pure_wheel():
    wanted = list(requirements(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]))
    assert "typer" in wanted
    seen = set()
    while wanted:
        name = wanted.pop()
        if name in seen:
            continue
        seen.add(name)
        installed = distribution(name)
        assert "Root-Is-Purelib: true" in installed.read_text("WHEEL"), name
        assert not [file for file in installed.files if file.suffix in (".so", ".pyd")], name
        wanted += requirements(installed.requires or [])
    assert "pydantic" not in seen
