"""Verdicts on simulated traces, held against what happened; `make soundness N=100000` asks many more."""

from collections import Counter

import pytest
from simulator.__main__ import run

# What many seeds found once: a filter that took the count of faults and left the lock that was held; a fault of
# vmevents that never returned; its steps by path; renames of 15.0 that failed; steps of a cut log; suspected
# moves that were counted with the proved one.
FOUND = [100303, 200765, 200017, 200803, 300646, 102518]


@pytest.fixture(scope="module")
def tallies():
    """What was said of the seeds asked so far."""
    return []


@pytest.mark.parametrize("seeds", [range(50), range(50, 100), FOUND], ids=str)
def test_a_verdict_says_nothing_that_is_not_so(seeds, tallies):
    tally = run(seeds)
    tallies.append(tally)
    assert not [f"{what}\n{broken}" for _, what, broken in tally.broken]


def test_a_verdict_says_something(tallies):
    """To call all of it "not measured" would break no law: most claims about whole traces are answered."""
    said = sum((tally.said for tally in tallies), start=Counter())
    whole = {key: number for key, number in said.items() if key[2] == "whole"}
    assert sum(number for key, number in whole.items() if key[1] in ("proved", "clean")) > 0.5 * sum(whole.values())
