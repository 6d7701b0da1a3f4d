"""Where the recordings are, and the command as a process."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"


def recordings() -> list[tuple[str, dict]]:
    """Every recorded log, as "13.2/clean", with what known.json says of it."""
    found = []
    for known in sorted(SAMPLES.glob("*/known.json")):
        for name, facts in json.loads(known.read_text()).items():
            found.append((f"{known.parent.name}/{name.removesuffix('.xz').removesuffix('.log')}", facts))
    return found


def log(name: str) -> str:
    """The path of a recording, "13.2/clean"."""
    return str(SAMPLES / f"{name}.log.xz")


@pytest.fixture
def vmtrace(tmp_path):
    """Run the command in an empty folder: vmtrace("report", path, …) gives a CompletedProcess."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "analyzer", *map(str, arguments)]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        options.setdefault("env", environment)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, **options)

    return run
