"""The command as a process, and what a skipped test is."""

import os
import subprocess
import sys

import pytest
from recordings import ROOT


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport():
    """Where nothing may be skipped, in CI, a skip is a failure, with its reason."""
    report = yield
    if report.skipped and os.environ.get("NO_SKIPS"):
        report.outcome = "failed"
    return report


@pytest.fixture
def vmtrace(tmp_path):
    """Run the command in an empty folder: vmtrace("report", path, …) gives a CompletedProcess."""

    def run(*arguments: object, **options) -> subprocess.CompletedProcess:
        command = [sys.executable, "-m", "analyzer", *map(str, arguments)]
        environment = {"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "LANG": "C.UTF-8"}
        options.setdefault("env", environment)
        return subprocess.run(command, cwd=tmp_path, capture_output=True, timeout=120, **options)

    return run
