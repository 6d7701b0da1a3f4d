"""The command as a process."""

import subprocess
import sys

import pytest
from recordings import ROOT


@pytest.fixture
def vmtrace(tmp_path):
    """Run the command in an empty folder: vmtrace("report", path, …) gives a CompletedProcess."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "analyzer", *map(str, arguments)]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        options.setdefault("env", environment)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, **options)

    return run
