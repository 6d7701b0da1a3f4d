"""What the recorded kernels can show, by their own lists of probes (docs/freebsd-vm-tracing.md, section 13)."""

import lzma
from itertools import pairwise

import pytest
from recordings import SAMPLES

from analyzer import measures
from analyzer.host import doctor, dscript, facts

OSRELDATE = {"10.1": 1001000, "13.2": 1302001, "15.0": 1500068}


def listed(release):
    """Whether the kernel of that recording has a probe."""
    rows = lzma.decompress((SAMPLES / release / "raw" / "dtrace-l.txt.xz").read_bytes()).decode().splitlines()[1:]
    there = [facts.Probe(*row.split()[1:]) for row in rows]
    return lambda probe: any(doctor.matches(probe, each) for each in there)


def unseen(release, script, edition):
    there = listed(release)
    why = {name: measures.why_unseen(name, script, edition, OSRELDATE[release], there) for name in measures.names()}
    return {name: reason for name, reason in why.items() if reason and name != "lock-times"}


@pytest.mark.parametrize(
    ("release", "script", "edition", "blind"),
    [
        ("15.0", "vmfault", 2, ""),
        ("15.0", "vmwatch", 2, "oncpu retries"),
        ("15.0", "vmfault", 1, "page-in path-alloc double-free moves-replace replace-cost moldbusy failed-inserts"),
        ("13.2", "vmfault", 2, ""),
        ("13.2", "vmwatch", 2, "oncpu retries"),
        ("13.2", "vmfault", 1, "page-in double-free moves-replace replace-cost moldbusy"),
        ("10.1", "vmfault10", 2, "lock-balance moves-replace replace-cost moldbusy"),
        ("10.1", "vmfault10", 1, "page-in lock-balance moves-replace replace-cost moldbusy"),
    ],
)
def test_a_kernel_shows_what_the_facts_say(release, script, edition, blind):
    assert set(unseen(release, script, edition)) == set(blind.split())


@pytest.mark.parametrize("release", ["13.2", "15.0"])
@pytest.mark.parametrize("name", [name for name in dscript.names() if name != "vmfault10"])
def test_a_bundled_script_shows_there_all_that_it_can(name, release):
    script = dscript.load(name)
    assert measures.unseen(name, script.edition, OSRELDATE[release], listed(release)) == []


def test_each_lack_is_told_with_its_cost():
    why = unseen("15.0", "vmfault", 1)["failed-inserts"]
    assert why.startswith("failed inserts cannot be seen: on 15 ")
    there = listed("15.0")
    without = measures.why_unseen(
        "failed-inserts", "vmfault", 2, 1500068, lambda probe: "iter_insert" not in probe and there(probe)
    )
    assert without == "failed inserts cannot be seen: this kernel has no fbt::vm_page_iter_insert:return"


def test_a_release_that_is_not_known_promises_nothing():
    assert measures.why_unseen("failed-inserts", "vmfault", 2, None).endswith("the release is not known")
    assert measures.why_unseen("failed-inserts", "vmfault10", 2, None) is None


def test_no_release_has_two_answers():
    _, entries = measures._table()
    for name in measures.names():
        for script in {each for entry in entries for each in entry.scripts}:
            for edition in (1, 2):
                spans = sorted((e.first, e.last) for e in entries if e.fits(name, script, edition))
                assert all(before[1] < after[0] for before, after in pairwise(spans)), (name, script)


@pytest.mark.parametrize("name", dscript.names())
def test_a_bundled_script_looks_at_what_the_table_says(name):
    script = dscript.load(name)
    wanted = measures.probes(name, script.edition)
    assert wanted
    for measure, probes in wanted.items():
        for probe in probes:
            assert any(each in script.probes for each in probe.split(" | ")), (measure, probe)
