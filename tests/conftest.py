"""The command line as a fixture."""

import pytest
from command import command


@pytest.fixture
def vmtrace(tmp_path):
    """Run the command in an empty folder: vmtrace("report", path, …) gives a CompletedProcess."""
    return command(tmp_path)
