"""What `make fuzz` begins with, and what it ever found: every reader keeps the laws of tests/fuzz."""

import pytest
from fuzz.targets import TARGETS


@pytest.mark.parametrize("name", TARGETS)
def test_pieces_of_the_recordings_break_no_law(name):
    for seed in TARGETS[name].seeds():
        TARGETS[name](seed)
