"""Consoles: panics, backtraces, threads that wait, locks that are held."""

import lzma
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import log as log_path
from told import assert_told, words

from analyzer.ingest.foreign.console import parse_console
from analyzer.ingest.formats import FORMATS
from analyzer.ingest.sniff import sniff
from analyzer.summary.summarize import summarize
from analyzer.verdict.verdict import judge

RAW = Path(__file__).parent.parent / "samples" / "10.1" / "raw"
CONSOLES = ["hang-lock-held", "panic-double-free", "panic-invariants"]


def read(name):
    return lzma.decompress((RAW / f"console-{name}.txt.xz").read_bytes())


def backtrace(parsed, trace):
    return [frame["function"] for frame in parsed.tables["BT"].to_pylist() if frame["trace"] == trace]


@pytest.mark.parametrize("name", CONSOLES)
def test_every_line_is_in_a_table_or_read(name):
    data = read(name)
    parsed = parse_console(data)
    assert parsed.unread == [] and {notice.kind for notice in parsed.notices} <= {"matched"}
    assert parsed.tables["BT"].num_rows == data.count(b"() at ")
    traces = data.count(b"\nTracing ") + data.count(b"KDB: stack backtrace:")
    assert len(set(parsed.tables["BT"]["trace"].to_pylist())) == traces
    assert not any("() at " in text for text in parsed.tables["TEXT"]["text"].to_pylist())


def test_what_is_said_of_every_console():
    paths = sorted(RAW.glob("console-*.txt.xz"))
    logs = {path.name: summarize([str(path)]).total() for path in paths}
    assert_told("consoles", "\n".join(line for name, log in logs.items() for line in ("", name, *words(judge(log)))))


def test_the_double_free():
    parsed = parse_console(read("panic-double-free"))
    panics = parsed.tables["P"].to_pylist()
    assert [(panic["kind"], panic["fatal"], panic["tid"]) for panic in panics] == [("double-free", True, 100057)]
    assert f"{panics[0]['address']:#x}".encode() in read("panic-double-free")
    frames = backtrace(parsed, 1)
    assert frames.index("vm_page_free_toq") < frames.index("unlock_and_deallocate") < frames.index("vm_fault_hold")
    first = parsed.tables["BT"].to_pylist()[0]
    assert (first["pid"], first["tid"], first["depth"]) == (53, 100057, 0)


def test_the_recursion():
    parsed = parse_console(read("panic-invariants"))
    panics = parsed.tables["P"].to_pylist()
    assert [(panic["kind"], panic["fatal"], panic["tid"]) for panic in panics] == [("lock-recursion", True, 100060)]
    held = [lock for lock in parsed.tables["HELD"].to_pylist() if lock["name"].startswith("vm object")]
    assert [(lock["tid"], lock["mode"]) for lock in held] == [(panics[0]["tid"], "exclusive")]
    assert held[0]["site"].endswith("vm_fault.c:828")


def test_the_hang():
    """Seven threads wait for the object's lock; the one that left it behind spins on it, in the handler."""
    parsed = parse_console(read("hang-lock-held"))
    assert [(panic["kind"], panic["fatal"]) for panic in parsed.tables["P"].to_pylist()] == [("double-free", False)]
    waiting = [row for row in parsed.tables["W"].to_pylist() if row["wmesg"] == "*vm objec"]
    assert len(waiting) == 7
    assert len({row["wchan"] for row in waiting}) == 1
    assert {(row["pid"], row["comm"], row["state"]) for row in waiting} == {(53, "cow", "L")}
    threads = {row["tid"] for row in waiting} | {100058}
    for tid in threads:
        frames = [row["function"] for row in parsed.tables["BT"].to_pylist() if row["tid"] == tid]
        assert "vm_fault_hold" in frames


def test_syslog_puts_its_stamp_before():
    stamp = "Nov 22 20:14:15 box kernel: "
    lines = [
        "panic: vm_page_free: freeing free page 0xfffff8007d629a68",
        "KDB: stack backtrace:",
        "#0 0xffffffff80b8d1a2 at kdb_backtrace+0x65",
        "#1 0xffffffff80b8d1a3 at vm_fault+0x72",
        "vm_fault_hold() at vm_fault_hold+0x1259/frame 0xfffffe0094510990",
        "something else",
    ]
    for before in ("", stamp, "<118>", "[123] "):
        parsed = parse_console("".join(f"{before}{line}\r\n" for line in lines).encode())
        assert parsed.tables["P"]["kind"].to_pylist() == ["double-free"]
        frames = parsed.tables["BT"].select(["trace", "depth", "function", "offset"]).to_pylist()
        assert [tuple(frame.values()) for frame in frames] == [
            (1, 0, "kdb_backtrace", 0x65),
            (1, 1, "vm_fault", 0x72),
            (1, 2, "vm_fault_hold", 0x1259),
        ]
        assert parsed.tables["TEXT"].num_rows == 1


def test_other_panics_are_kept():
    parsed = parse_console(b"panic: page fault\n")
    assert parsed.tables["P"].select(["kind", "text", "address"]).to_pylist() == [
        {"kind": "other", "text": "panic: page fault", "address": None}
    ]


@settings(deadline=None, max_examples=30)
@given(st.sampled_from(CONSOLES), st.data())
def test_a_cut_loses_the_cut_line_only(name, data):
    lines = read(name).split(b"\n")[: data.draw(st.integers(1, 150))]
    whole, cut = b"\n".join(lines) + b"\n", data.draw(st.integers(0, len(b"\n".join(lines))))
    expected, parsed = parse_console(whole), parse_console(whole[:cut])
    ended = whole[:cut].count(b"\n")
    for tag in ("P", "BT", "W", "HELD"):
        count = sum(line <= ended for line in expected.tables[tag]["line"].to_pylist())
        assert parsed.tables[tag]["line"] == expected.tables[tag]["line"].slice(0, count)


@settings(deadline=None)
@given(st.text(alphabet="panic: Tracig0x1 ()+/#[thed]-at\n", max_size=120))
def test_no_text_makes_it_fail(text):
    parse_console(text.encode())


@pytest.mark.parametrize("before", ["GUEST# ", "login: ", "root@box:~ # ", "FreeBSD/amd64 (box) (ttyu0)  "])
def test_a_panic_behind_a_prompt_is_one(before):
    data = f"{before}panic: vm_page_free: freeing free page 0xfffff8007e7d39e8\ncpuid = 1\n".encode()
    assert sniff(data).format == "console"
    parsed = parse_console(data)
    assert [(row["kind"], row["address"]) for row in parsed.tables["P"].to_pylist()] == [
        ("double-free", 0xFFFFF8007E7D39E8)
    ]
    assert parsed.tables["TEXT"]["text"].to_pylist() == [before, "cpuid = 1"]


@pytest.mark.parametrize(
    "line", ["vm.free_free_panic: 1", "savecore: reboot after panic: page fault", "KDB: enter: panic"]
)
def test_what_only_speaks_of_a_panic_is_none(line):
    assert parse_console(f"{line}\n".encode()).tables["P"].num_rows == 0


def test_a_sleeping_thread_names_its_owner_and_the_way_through_the_handler():
    (row,) = summarize([str(RAW / "console-panic-sleeping-thread.txt.xz")]).total().evidence["panic"]
    assert (row["owner_tid"], row["tid"], row["kind"]) == (100048, 100055, "sleeping-thread")
    assert "vm_fault_hold" in row["through"] and "pipe_read" not in row["through"]


# Records of the trace on that console, counted with awk; the M that the panic cut is none.
ON_CONSOLE = {"F": 2632, "M": 741, "A": 4, "T": 3, "C": 8}


def test_a_trace_on_a_console_is_read_beside_the_panic_that_cuts_it(vmtrace):
    path = RAW / "console-with-trace-and-panic.txt.xz"
    log = summarize([str(path)]).total()
    assert {tag: log.count(tag) for tag in ON_CONSOLE} == ON_CONSOLE
    assert (log.meta["script"], log.meta["osreldate"], log.unread_count) == ("vmfault10", 1001000, 0)
    assert [row["kind"] for row in log.evidence["panic"]] == ["double-free"]
    (cut,) = [notice for notice in log.notices if notice.kind == "cut"]
    assert (cut.line, "'M'" in cut.text) == (3502, True)
    assert "a vmtrace log" in vmtrace("inspect", path).stdout.decode()


def test_a_process_named_like_a_panic_ends_no_trace():
    whole = lzma.decompress((RAW / "console-with-trace-and-panic.txt.xz").read_bytes())
    forged = whole.replace(b"sshd\\0", b"panic: vm_page_free: \\0")
    (trace, console), (expected, _) = (list(FORMATS["console"].parts([data])) for data in (forged, whole))
    assert trace.tables["F"].num_rows == expected.tables["F"].num_rows == ON_CONSOLE["F"]
    assert console.tables["P"].num_rows == 1


def test_a_log_behind_a_prompt_keeps_what_its_collector_said():
    whole = b"GUEST# " + lzma.decompress(Path(log_path("13.2/badfault")).read_bytes())
    assert sniff(whole).format == "console"
    trace, _ = FORMATS["console"].parts([whole])
    assert trace.unread == [] and "host.uname" in trace.meta and "counter.before" in trace.meta


def test_a_second_trace_after_the_panic_is_not_read_and_said():
    whole = lzma.decompress((RAW / "console-with-trace-and-panic.txt.xz").read_bytes())
    trace, _ = FORMATS["console"].parts([whole + whole])
    assert trace.tables["F"].num_rows == ON_CONSOLE["F"]
    assert "another trace" in trace.notices[-1].text and trace.notices[-1].kind == "cut"


@pytest.mark.parametrize("name", ["13.2/leak", "13.2/agg-5pct", "10.1/badfault"])
def test_a_log_with_the_ends_of_a_terminal_is_the_same_log(name, tmp_path):
    whole = lzma.decompress(Path(log_path(name)).read_bytes())
    (tmp_path / "crlf.log").write_bytes(whole.replace(b"\n", b"\r\n"))
    theirs, ours = summarize([log_path(name)]).total(), summarize([str(tmp_path / "crlf.log")]).total()
    assert (ours.tables, ours.evidence, ours.unread_count) == (theirs.tables, theirs.evidence, theirs.unread_count)
