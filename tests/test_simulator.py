"""The simulator prints what live kernels print: its logs have the directives of the recordings and of the D scripts."""

import re
from random import Random

import pytest
from recordings import LOGS, ROOT, beginning, name, text
from simulator.cases import RUNS
from simulator.dtrace import Narrowing
from simulator.kernel import Kernel, Plan
from simulator.losses import Damage, Losses, written
from simulator.world import RELEASES

PROGRAMS = {script for script, _ in RUNS}
SHAPES = (b"#fields\t", b"#bits\t", b"#select\t", b"#aggregation\t")
# vmlocks is about locks of the whole kernel, and is not simulated.
SIMULATED = [path for path in LOGS if b"#script\tvmlocks" not in beginning(path, 4000)]


def shapes(log):
    """The directives that say what a log's records are, each once, in order."""
    return list(dict.fromkeys(line for line in log.split(b"\n") if line.startswith(SHAPES)))


def simulated(program, release):
    """A whole log of a script."""
    random = Random(1)
    kernel = Kernel(Plan(RELEASES[release]), random)
    losses = Losses()
    return written(program(kernel, Narrowing(), Damage(losses, random)), Damage(losses, random), random)


@pytest.mark.parametrize("path", SIMULATED, ids=name)
def test_a_log_has_the_directives_of_the_recording_of_that_script_and_release(path):
    release = path.parent.name
    script = re.search(rb"#script\t(\w+)", beginning(path, 4000))[1].decode()
    recorded = shapes(text(path) if script in ("vmagg", "vmwatch") else beginning(path))
    editions = [program for program, releases in RUNS if program.name == script and release in releases]
    assert recorded in [shapes(simulated(program, release)) for program in editions]


NAMES = {program.name for program in PROGRAMS}
SCRIPTS = sorted(path for path in (ROOT / "dscripts").glob("*.d") if path.stem in NAMES)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.stem)
def test_a_log_has_the_directives_that_the_script_prints(path):
    script = path.stem
    printed = re.findall(r'printf\("(#.*?)"', path.read_text())
    lines = "".join(printed).replace(r"\t", "\t").replace(r"\n", "\n").replace("%d", "1000000000").encode()
    mine = [program for program in PROGRAMS if program.name == script]
    release = "10.1" if script == "vmfault10" else "13.2"
    assert sorted(shapes(lines)) in [sorted(shapes(simulated(program, release))) for program in mine]
