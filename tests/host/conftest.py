"""The fixtures of the stage: what was started on it must be gone at its end."""

import pytest
from staging import Stage, no_process_left


@pytest.fixture
def stage(tmp_path):
    stage = Stage(tmp_path)
    yield stage
    assert no_process_left(stage)


@pytest.fixture
def make_stage(tmp_path):
    stages = []

    def make(name):
        folder = tmp_path / str(len(stages))
        folder.mkdir()
        stages.append(Stage(folder, name))
        return stages[-1]

    yield make
    for stage in stages:
        assert no_process_left(stage)
