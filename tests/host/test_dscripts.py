"""Every probe and kernel field that the D scripts use, against the recorded kernels and the facts sheet."""

import re
from functools import cache
from statistics import median_low

import pytest
from staging import OSRELDATE, ROOT, sample

from analyzer.errors import UsageError
from analyzer.host import dscript, facts
from analyzer.host.doctor import matches

SHEET = (ROOT / "docs" / "freebsd-vm-tracing.md").read_text()

# Handlers and helpers that a release does not have, with words of the facts sheet that say so
# (1.1, 1.3, 3, 4, 8.5, 12.6, 13).
NOT_ON_13 = {
    "fbt::vm_fault_hold:entry": "`vm_fault_hold` does not exist",
    "fbt::vm_fault_hold:return": "`vm_fault_hold` does not exist",
    "fbt::vm_page_iter_rename:entry": "by 1500030: `bool vm_page_iter_rename",
    "fbt::vm_page_iter_rename:return": "by 1500030: `bool vm_page_iter_rename",
    "fbt::vm_radix_node_alloc:entry": "`void *vm_radix_node_alloc(struct pctrie *)` global in vm_radix.c",
    "fbt::unlock_and_deallocate:return": "10.1: unlock_and_deallocate has both",
    "fbt::vm_page_alloc_iter:entry": "A fault's page comes from `vm_page_alloc_iter` on 15.0",
    "fbt::vm_page_alloc_iter:return": "A fault's page comes from `vm_page_alloc_iter` on 15.0",
    "fbt::vm_page_insert:return": "missing for vm_page_insert",
    "fbt::zone_alloc_item:entry": "zone_alloc_item:return gave NULL 58 times",
    "fbt::zone_alloc_item:return": "zone_alloc_item:return gave NULL 58 times",
    "fbt::vm_page_iter_insert:entry": "functions that insert tell: `vm_page_insert`, `vm_page_iter_insert`",
    "fbt::vm_page_iter_insert:return": "functions that insert tell: `vm_page_insert`, `vm_page_iter_insert`",
}
NOT_ON_10 = NOT_ON_13 | {
    "fbt::_vm_page_busy_sleep:entry": "from 13 page state is protected by the busy lock",
    "fbt::vm_page_alloc_after:entry": "same, plus _after, _domain, _domain_after",
    "fbt::vm_page_alloc_after:return": "same, plus _after, _domain, _domain_after",
    "fbt::vm_radix_wait:entry": "| vm_radix_wait() (uma_zwait) | no | yes | yes | yes |",
    "fbt::uma_zalloc_smr:return": "`uma_zalloc_smr(zone, flags)`",
}
_GONE = (
    "**Gone on 15.0**: vm_page_rename, vm_page_alloc_after, "
    "vm_radix_insert / replace / remove / lookup*, vm_fault_hold."
)
NOT_ON_15 = {
    **dict.fromkeys(
        [
            "fbt::vm_fault_hold:entry",
            "fbt::vm_fault_hold:return",
            "fbt::vm_page_rename:entry",
            "fbt::vm_page_rename:return",
            "fbt::vm_page_alloc_after:entry",
            "fbt::vm_page_alloc_after:return",
            "fbt::vm_radix_insert:entry",
            "fbt::vm_radix_insert:return",
            "fbt::vm_radix_remove:entry",
            "fbt::vm_radix_remove:return",
            "fbt::vm_radix_replace:entry",
            "fbt::vm_radix_replace:return",
            "fbt::vm_radix_lookup:entry",
            "fbt::vm_radix_lookup_le:entry",
            "fbt::vm_radix_lookup_ge:entry",
        ],
        _GONE,
    ),
}
# What a release has of the names that another has not.
THERE = {
    "10.1": {"fbt::vm_fault_hold:entry", "fbt::vm_fault_hold:return", "fbt::unlock_and_deallocate:return"},
    "13.2": set(),
    "15.0": set(),
}
ABSENT = {"10.1": NOT_ON_10, "13.2": NOT_ON_13, "15.0": NOT_ON_15}

# struct -> fields, with the sentence of the sheet that has them.
FIELDS = {
    "vm_page": ("`struct vm_page`: ", {"object", "busy_lock", "flags"}),
    "vm_object": ("`struct vm_object`: ", {"lock"}),
    "rwlock": ("| rw_lock word |", {"rw_lock", "lock_object"}),
    "lock_object": ("struct lock_object { const char *lo_name;", {"lo_name"}),
    "thread": ("curthread->td_proc->p_pgrp != NULL", {"td_proc"}),
    "proc": ("curthread->td_proc->p_pgrp->pg_id == PGID", {"p_pgrp"}),
    "pgrp": ("p_pgrp->pg_id == PGID", {"pg_id"}),
}

SCRIPTS = [dscript.load(name) for name in dscript.names()]


def recorded_probes(release):
    rows = [line.split() for line in sample(f"{release}/raw/dtrace-l.txt.xz").splitlines()[1:]]
    return [facts.Probe(row[1], row[2], row[3] if len(row) == 5 else "", row[-1]) for row in rows]


def arguments(release):
    """Types of arguments by probe, from the recorded probe-args."""
    types, probe = {}, None
    for line in sample(f"{release}/raw/probe-args.txt.xz").splitlines():
        row = line.split()
        if line.startswith("== "):
            probe = line[3:]
        elif row and row[0].isdigit():
            probe = f"fbt::{row[3]}:{row[4]}"
        elif line.startswith("\t\targs["):
            types.setdefault(probe, []).append(line.split(": ")[1])
    return types


def clauses(text):
    """(probes, predicate and body) of every clause."""
    code = dscript.code(text)
    for match in re.finditer(r"^((?:[a-z]+:\w*:[\w*]*:[\w-]+[,\s]*)+)((?:/[^{]*/\s*)?\{[^}]*\})", code, re.MULTILINE):
        yield re.findall(r"[a-z]+:\w*:[\w*]*:[\w-]+", match.group(1)), match.group(2)


def bodies(text):
    """Predicates and bodies by probe."""
    found = {}
    for probes, body in clauses(text):
        for probe in probes:
            found[probe] = found.get(probe, "") + body
    return found


RUNS_ON = [
    (script.name, release)
    for script in SCRIPTS
    for release, osreldate in OSRELDATE.items()
    if script.first <= osreldate <= (script.last or osreldate)
]


@pytest.mark.parametrize(("name", "release"), RUNS_ON)
def test_every_probe_is_listed_or_known_to_be_elsewhere(name, release):
    script = dscript.load(name)
    absent = ABSENT[release]
    live = recorded_probes(release)
    missing = {probe for probe in script.probes if not any(matches(probe, each) for each in live)}
    expected = set(absent) - THERE[release]
    assert missing <= expected
    # and nothing that is called absent is there
    assert not {probe for probe in script.probes if probe in expected} - missing
    for probe in missing:
        assert absent[probe] in SHEET


def test_other_releases_by_the_facts_sheet():
    """A function that the sheet does not name must be on both recorded kernels: it was there from 10 to 13."""
    for script in SCRIPTS:
        for probe in script.probes:
            function = probe.split(":")[2].rstrip("*")
            if function and probe not in NOT_ON_10 and not re.search(rf"\b{function}", SHEET):
                assert any(matches(probe, each) for each in recorded_probes("10.1")), probe
                assert any(matches(probe, each) for each in recorded_probes("13.2")), probe
    # the names of 15, which one script must serve beside those of 11
    text = dscript.load("vmfault").text
    assert "(struct pctrie_iter *old_pages, vm_page_t m, vm_object_t new_object, vm_pindex_t new_pindex)" in SHEET
    clause = bodies(text)
    entry = clause["fbt::vm_page_iter_rename:entry"]
    assert "self->mp = arg1;" in entry and "self->md = arg2;" in entry and "self->mx = arg3 + 1;" in entry
    assert "**true = ok, false = failed**" in SHEET
    assert "(arg1 & 0xff) == 0," in clause["fbt::vm_page_iter_rename:return"]


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_arguments_exist(script):
    """No clause reads an argument that its function has not; returns have two, offset and result."""
    types = {**arguments("15.0"), **arguments("10.1"), **arguments("13.2")}
    checked = 0
    for probes, body in clauses(script.text):
        used = {int(number) for number in re.findall(r"\barg(\d)\b", body)}
        for probe in probes:
            # an SDT probe passes five arguments, whatever types it declares
            if probe.startswith("fbt:") and probe in types and used and len(probes) == 1:
                assert max(used) < len(types[probe]), (probe, types[probe])
                checked += 1
            if probe.endswith(":return"):
                assert used <= {0, 1}, probe
        assert "args[" not in body  # with -Z a clause on a missing function compiles only without them
    if script.name in ("vmfault", "vmfault10"):
        assert checked


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_fields_are_those_of_the_facts_sheet(script):
    code = dscript.code(script.text).replace("self->", "self.").replace("this->", "this.")
    used = set(re.findall(r"(?:->|(?<=lock_object)\.|(?<=->lock)\.)(\w+)", code))
    known = set().union(*(fields for _, fields in FIELDS.values())) | {"dirty"}
    assert used <= known, used - known
    for sentence, fields in FIELDS.values():
        at = SHEET.index(sentence)
        for field in fields & used:
            assert field in SHEET[at : at + 400] or field in SHEET[:at][-400:], field
    if "dirty" in used:  # not in the sheet; the live logs hold values of it
        assert "dirty:bits" in sample("13.2/clean.log.xz") and "dirty:bits" in sample("10.1/clean.log.xz")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_a_thread_local_never_holds_zero(script):
    """Facts sheet 12.1: storing 0 frees the variable, and freed ones wait for the cleaner."""
    code = dscript.code(script.text)
    assert not re.findall(r"self->\w+(?:\[[^]]*\])?\s*=\s*0\s*;", code)
    assert re.findall(r"self->\w+(?:\[[^=]*\])?\s*=[^=]", code)


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_header_says_it_all(script):
    header = script.text[: script.text.index("*/")]
    for part in ("PURPOSE", "USAGE", "ARGUMENTS", "SCOPE", "FIELDS", "OVERHEAD", "RELEASES", "RUN ON", "NOT RUN"):
        assert f"\n * {part}" in header, part
    assert script.text.startswith("#!/usr/sbin/dtrace -Zs\n/*\n")
    assert script.purpose
    assert max(map(len, header.splitlines())) < 100


@cache
def recorded_faults(handler, recordings):
    """The probes of each fault that vmevents recorded, in the order in which they fired."""
    found = []
    for name in recordings:
        inside = {}
        for line in sample(name).splitlines():
            tag, *columns = line.split("\t")
            form = {"E": "fbt::{}:entry", "R": "fbt::{}:return", "L": "lockstat:::{}"}.get(tag)
            if form is None or len(columns) < 5:
                continue
            thread, probe = columns[3], form.format(columns[4])
            if probe == f"fbt::{handler}:entry":
                inside[thread] = []
            inside.get(thread, []).append(probe)
            if probe == f"fbt::{handler}:return" and thread in inside:
                found.append(inside.pop(thread))
    return found


ON_13_2 = ("vm_fault", ("13.2/events.log.xz", "13.2/events-replace.log.xz"), "replace")
ON_10_1 = ("vm_fault_hold", ("10.1/events-rename.log.xz",), "rename")


@pytest.mark.parametrize(
    ("name", "recorded"),
    [("vmfault", ON_13_2), ("vmwatch", ON_13_2), ("vmevents", ON_13_2), ("vmlocks", ON_13_2), ("vmfault10", ON_10_1)],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_header_says_how_many_probes_fire_in_a_fault(name, recorded):
    handler, recordings, move = recorded
    script = dscript.load(name)
    enabled = set(script.probes)
    signs = {"zero-fill": "pmap_zero_page", "copy": "pmap_copy_page", move: f"vm_page_{move}"}
    counts = {}
    for probes in recorded_faults(handler, recordings):
        steps = [step for step, function in signs.items() if f"fbt::{function}:entry" in probes]
        counts.setdefault("+".join(steps) or "soft", []).append(sum(probe in enabled for probe in probes))
    told = re.search(r"Probes that fire in a fault[^;]*;", script.text)[0]
    found = {step: int(number) for step, number in re.findall(r"(soft|zero-fill|copy|replace|rename) (\d+)", told)}
    assert found == {step: median_low(counts[step]) for step in ("soft", *signs)}


@pytest.mark.parametrize(
    ("name", "recording"),
    [
        ("vmfault", "15.0/fault2-clean.log.xz"),
        ("vmwatch", "13.2/movers.log.xz"),
        ("vmevents", "13.2/events.log.xz"),
        ("vmlocks", "13.2/locks.log.xz"),
    ],
)
def test_columns_are_those_of_the_recordings(name, recording):
    """A log of this script today has the #fields that the recorded ones have."""
    live = sample(recording).splitlines()
    directives = [line for line in live if line.startswith(("#fields", "#bits", "#aggregation", "#select"))]
    assert directives
    # vmfault's live log is older than the column caller, and the script computes what it selects by.
    text = dscript.load(name).text.replace("\\t", "\t").replace("\\n", "\n").replace("caller:str\t", "")
    text = text.replace("%d\n\", SLOW", "1000000000\n")
    for directive in directives:
        assert directive in text


def test_columns_of_10_are_those_of_the_recording_but_for_the_frees():
    live = sample("10.1/clean.log.xz")
    text = dscript.load("vmfault10").text.replace("\\t", "\t")
    columns = next(line for line in live.splitlines() if line.startswith("#fields\tF"))
    assert columns.replace("\tfrees:int\tfreexor:addr", "") in text


def test_what_stands_in_several_scripts_is_the_same():
    code = {name: bodies(dscript.load(name).text) for name in ("vmfault", "vmfault10", "vmwatch")}
    steps = {
        name: {probe: bit for probe, body in found.items() for bit in re.findall(r"self->c \|= (0x\w+)", body)}
        for name, found in code.items()
    }
    assert len(steps["vmwatch"]) > 12 and steps["vmwatch"] == steps["vmfault"]
    assert steps["vmfault10"].items() < steps["vmfault"].items()
    for probe in ("lockstat:::rw-acquire", "lockstat:::rw-release"):
        # Inside a fault vmfault keeps its start, vmwatch its path and address: each asks for what it needs anyway.
        assert code["vmwatch"][probe].replace("self->c > 1", "self->st > 1") == code["vmfault"][probe]
    for shared in (
        r"inline int PID = .*\n.*\ninline int PGID = .*",
        r"inline int WANTED = .*\n.*",
        r"dtrace:::BEGIN /PID.*\ndtrace:::BEGIN /EXEC.*\ndtrace:::BEGIN /PGID.*",
        r" \*\tPID\tonly(?:.*\n)+? \*\tPGID\t.*",
    ):
        assert len({re.search(shared, script.text)[0] for script in SCRIPTS}) == 1, shared
    for shared in (
        r"#bits.*",
        r"#fields\\tX.*",
        r"#fields\\tT.*",
        r"profile:::tick-1s .*",
        r".* vm_page_free_toq of a page that is free already \(13(?:.*\n){2}",
        r" \*\tlocksum is the sum(?:.*\n){5}",
        r"fbt::vm_page_free_toq:entry\n/.*busy_lock == 0xfffffffe.*",
    ):
        found = [match[0] for script in SCRIPTS if (match := re.search(shared, script.text))]
        assert len(found) > 1 and len(set(found)) == 1, shared


def test_render_replaces_and_adds():
    script = dscript.load("vmfault")
    text = dscript.render(script, {"bufsize": "8m", "droptags": ""})
    assert text.count("#pragma D option bufsize=8m\n") == 1
    assert "bufsize=16m" not in text
    assert text.count("#pragma D option droptags\n") == 1
    assert dscript.render(script, {}) == script.text


def test_render_without_locks():
    for name in ("vmwatch", "vmfault"):
        script = dscript.load(name)
        text = dscript.render(script, {}, locks=False)
        assert "lockstat:" in script.text and "lockstat:" not in dscript.code(text) and "locksum != 0" not in text
        assert "locksum:addr" not in text and text.count("unasked:addr") == 1
        assert len(script.text.splitlines()) - len(text.splitlines()) == 2
    with pytest.raises(UsageError, match=r"--no-locks: vmfault10\.d counts no lock operations"):
        dscript.render(dscript.load("vmfault10"), {}, locks=False)


@pytest.mark.parametrize(
    ("physmem", "ncpu", "fitting", "larger"),
    [
        (2129088512, 2, {"bufsize": "8121k"}, {}),  # the recorded 13.2
        (64 << 30, 16, {}, {"bufsize": "32768k"}),
        (0, 0, {}, {"bufsize": f"{1 << 52}k"}),  # a box that is not known
    ],
)
def test_buffers_fit(physmem, ncpu, fitting, larger):
    """What collect asks for is what the kernel gives, and it never advises more."""
    script = dscript.load("vmfault")
    largest = dscript.largest_buffer(physmem, ncpu)
    assert dscript.fitting(script, largest) == fitting
    assert dscript.larger(dscript.render(script, fitting), largest) == larger
