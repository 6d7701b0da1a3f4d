"""vmtrace show: one fault, step by step."""

import re

import pytest
from recordings import log

from analyzer import load
from analyzer.analysis.story import fault_story


def shown(vmtrace, *arguments) -> str:
    run = vmtrace("show", *arguments)
    assert run.returncode == 0, run.stderr
    return run.stdout.decode()


def test_the_story_of_d4326(vmtrace):
    text = shown(vmtrace, log("10.1/d4326"), "--finding", 1)
    steps = ["vm_page_rename fails (1)", "vm_radix_insert fails: ENOMEM", "double-free: object", "lock-held: object"]
    places = [text.index(step) for step in steps]
    assert places == sorted(places) and "no record of its return" in text
    alarms = load(log("10.1/d4326")).alarms
    assert all(f"0x{alarms[column].max():x}" in text for column in ("page", "object", "owner"))
    assert "kernel`unlock_and_deallocate+0xef" in text and "On the same objects" in text
    # The same fault, from any of its lines.
    stories = [shown(vmtrace, log("10.1/d4326"), "--fault", line) for line in alarms["line"]]
    assert stories[0] == stories[1] and stories[0].split("Fault of")[1] == text.split("Fault of")[1]


def test_a_story_ends_where_the_kernel_panics(vmtrace):
    text = shown(vmtrace, log("10.1/d4326-stock-panic"), "--finding", 1)
    assert text.index("double-free: object") < text.index("the kernel panics: vm_page_free: freeing free page")


def test_a_leak_has_what_vmfault_knows(vmtrace):
    trace = load(log("13.2/leak"))
    leaked = trace.faults[trace.faults["acq"] != trace.faults["rel"]].iloc[0]
    text = shown(vmtrace, log("13.2/leak"), "--fault", leaked["line"])
    for value in (leaked["acq"], leaked["rel"], f"0x{leaked['lockxor']:x}", f"0x{leaked['va']:x}", leaked["result"]):
        assert str(value) in text
    assert text.split("Fault of")[1] == shown(vmtrace, log("13.2/leak"), "--finding", 1).split("Fault of")[1]
    assert "vmevents records every step" in text


def test_steps_in_full_with_the_locks_held():
    trace = load(log("13.2/events-replace"))
    replaces = trace.tables["E"].query("fn == 'vm_page_replace'")
    for line in replaces["line"].iloc[:10]:
        story = fault_story(trace, line)
        stamps = [step.ts for step in story.steps]
        assert stamps == sorted(stamps) and story.start == stamps[0]
        assert (story.steps[0].record["fn"], story.steps[0].held) == ("vm_fault", ())
        at = next(step for step in story.steps if step.line == line)
        # A page is replaced with the object's write lock held (sys/vm/vm_page.c: VM_OBJECT_ASSERT_WLOCKED).
        assert (int(at.record["a1"]), "vm object", "write") in at.held
        if story.end is not None:
            assert story.steps[-1].record["fn"] == "vm_fault" and story.steps[-1].held == ()
            inside = trace.tables["L"].query(f"tid == {story.tid} and {story.start} <= ts <= {story.end}")
            assert sum(step.record["tag"] == "L" for step in story.steps) == len(inside)
        assert all(set(story.objects) & {n.get("lock")} for n in story.neighbours)


def test_on_10_releases_cannot_be_seen(vmtrace):
    trace = load(log("10.1/events-rename"))
    line = trace.tables["E"].query("fn == 'vm_page_rename'")["line"].iloc[0]
    assert all(step.held is None for step in fault_story(trace, line).steps)
    assert "what is held is not known" in re.sub(
        r"\s+", " ", shown(vmtrace, log("10.1/events-rename"), "--fault", line)
    )


def test_neighbours_are_the_nearest_on_the_object():
    trace = load(log("10.1/failpoint-fixed"))
    failed = trace.moves.query("rc != 0").iloc[3]
    story = fault_story(trace, failed["line"])
    assert story.fault["held"] == 0 and story.end is not None
    same = trace.moves[(trace.moves[["src", "dst"]].isin(story.objects)).any(axis=1)]
    before = same[same["ts"] < story.start]["line"].tolist()[-5:]
    assert [n["line"] for n in story.neighbours if n["ts"] < story.start] == before


@pytest.mark.parametrize(
    "arguments, says",
    [
        ((), b"one of"),
        (("--fault", "1", "--finding", "1"), b"one of"),
        (("--finding", "99"), b"findings 1 to"),
        (("--finding", "3"), b"no single fault"),
        (("--fault", "2"), b"no record of a fault"),
        (("--fault", "99999999"), b"no record of a fault"),
    ],
)
def test_wrong_calls(vmtrace, arguments, says):
    run = vmtrace("show", log("10.1/d4326"), *arguments)
    assert run.returncode == 64 and says in run.stderr and run.stderr.count(b"\n") == 1


def test_standard_input_is_not_read_twice(vmtrace):
    assert vmtrace("show", "-", "--fault", "1", input=b"").returncode == 64
