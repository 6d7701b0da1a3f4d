"""The command as a process, and what a skipped test is."""

import os

import pytest
from command import command


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
    return command(tmp_path)
