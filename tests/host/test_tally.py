"""What collect counts while it records, against known.json, which a program that shares nothing with vmtrace made."""

import json
import random

import pytest
from staging import SAMPLES, Recorded

from analyzer.host.streams import Joiner
from analyzer.host.tally import Tally

LOGS = [
    (release, name)
    for release in ("13.2", "10.1")
    for name, known in json.loads((SAMPLES / release / "known.json").read_text()).items()
    if known["records"] and "watch" not in known and not name.startswith(("large", "events"))
]


@pytest.mark.parametrize(("release", "name"), LOGS)
def test_counts_are_the_known_ones(release, name):
    known = json.loads((SAMPLES / release / "known.json").read_text())[name]
    recorded = Recorded(f"{release}/{name.removesuffix('.xz')}.xz")
    tally, data = Tally(), recorded.out.encode()
    joiner = Joiner(tally.lines, tally.message)
    pieces, at = random.Random(1), 0
    while at < len(data):  # as a pipe gives them
        size = pieces.randint(1, 1 << 14)
        joiner.feed("out", data[at : at + size])
        at += size
    for line in recorded.messages:
        joiner.feed("err", line.encode())
    cut = joiner.finish()
    assert dict(tally.records) == known["records"]
    assert bool(cut) == (known["unreadable_records"] == 1)
    assert dict(tally.calls) == known.get("calls", {})
    assert tally.failures("F") == sum(count for rc, count in known["results"].items() if rc != "0")
    failed_moves = sum(count for move, count in known.get("moves", {}).items() if "rc=0" not in move)
    assert tally.failures("M") == failed_moves
    assert tally.failures("A") == known["records"].get("A", 0)
    assert tally.complete == known["complete"]
    drops = [message for message in known.get("dtrace_messages", []) if " drop" in message]
    assert sum(tally.lost.values()) == sum(int(message.split()[0]) for message in drops)


def test_faults_in_aggregations():
    recorded = Recorded("13.2/agg-clean.log.xz")
    growth = json.loads((SAMPLES / "13.2" / "known.json").read_text())["agg-clean.log"]["counter_growth"]
    tally = Tally()
    for line in recorded.out.splitlines(keepends=True):
        tally.lines(line.encode())
    assert tally.count("F") >= growth["vm.stats.vm.v_vm_faults"]
