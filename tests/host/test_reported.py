"""What collect leaves is what report reads."""

import json

import pytest
from recordings import SAMPLES

from analyzer.analysis.coverage import calls, counts, is_complete
from analyzer.summary.summarize import summarize


@pytest.mark.parametrize("name", ["13.2/badfault", "10.1/badfault"])
def test_a_collected_log_has_every_fault_and_full_coverage(make_stage, name):
    stage = make_stage(f"{name}.log.xz")
    assert stage.run("collect", "-o", "new.log.xz", "--", "true")[0] == 0
    log = summarize([str(stage.folder / "new.log.xz")]).total()
    release, _, stem = name.partition("/")
    known = json.loads((SAMPLES / release / "known.json").read_text())[f"{stem}.log"]
    assert int(log.table("faults")["faults"].sum()) == known["records"]["F"]
    assert {fn: calls(log, fn) for fn in known["calls"]} == known["calls"]
    assert is_complete(log) and all(row.recorded >= row.expected for row in counts(log))
