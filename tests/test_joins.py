"""Recordings as people have them: messages in any line, ends of a terminal, prompts, cut anywhere.

Whatever is joined, no reader loses a line in silence, and none takes a part for the whole: rows are those of the
untouched recording, but for the lines or elements that were touched, and what was touched is a notice, text, or listed.
"""

import lzma
from functools import cache

from hypothesis import given, settings
from hypothesis import strategies as st
from recordings import SAMPLES

from analyzer.ingest.read import format_of, read_whole
from analyzer.ingest.sources import Source

# A recording, the table that its records are in, and the column that numbers them.
RECORDINGS = {
    "10.1/badfault.log": ("vmtrace", "F"),
    "13.2/badfault.log": ("vmtrace", "F"),
    "15.0/json/faults.json": ("dtrace-json", "J"),
    "15.0/json/trace-pretty.json": ("dtrace-json", "J"),
    "15.0/json/stack-action.json": ("dtrace-json", "J"),
    "15.0/raw/default-trace.txt": ("dtrace", "D"),
    "13.2/raw/kdump-badfault-HT.txt": ("kdump", "K"),
    "15.0/raw/lockstat-all.txt": ("lockstat", "LS"),
}
MESSAGE = b"dtrace: 5 drops on CPU 0\n"
_KEPT = 30_000  # bytes of a long recording that are enough


@cache
def text(name):
    whole = lzma.decompress((SAMPLES / f"{name}.xz").read_bytes())
    return whole if name.endswith("json") else whole[: whole.rfind(b"\n", 0, _KEPT) + 1]


def read(data, folder, name):
    path = folder / "joined"
    path.write_bytes(data)
    source = Source(str(path))
    kind, table = RECORDINGS[name]
    told = format_of(source, None).format
    assert told == kind or (told, kind) == ("console", "vmtrace")  # a trace behind other text
    return read_whole(source, told), table


def values(parsed, table):
    """The rows without what numbers them."""
    rows = parsed.tables[table].to_pylist() if table in parsed.tables else []
    return [{name: value for name, value in row.items() if name not in ("line", "element")} for row in rows]


@cache
def untouched(name, folder):
    return values(*read(text(name), folder, name))


def kinds(parsed):
    return [notice.kind for notice in parsed.notices]


names = st.sampled_from(sorted(RECORDINGS))
# dtrace's own output only: no other program's text has its messages inside.
of_dtrace = st.sampled_from(
    [name for name, (kind, _) in sorted(RECORDINGS.items()) if kind.startswith(("dtrace", "vm"))]
)


@settings(deadline=None, max_examples=50)
@given(name=of_dtrace, data=st.data())
def test_a_message_anywhere_is_a_notice_and_costs_no_record(name, data, tmp_path_factory):
    folder, whole = tmp_path_factory.getbasetemp(), text(name)
    at = data.draw(st.integers(0, len(whole)))
    parsed, table = read(whole[:at] + MESSAGE + whole[at:], folder, name)
    assert kinds(parsed).count("drop") == 1
    lost = len(untouched(name, folder)) - len(values(parsed, table))
    assert lost == 0 or parsed.unread or "cut" in kinds(parsed) or (lost < 0 and "TEXT" in parsed.tables)
    if not parsed.unread and "cut" not in kinds(parsed):
        assert values(parsed, table) == untouched(name, folder)


@settings(deadline=None, max_examples=40)
@given(name=names, data=st.data())
def test_a_line_of_another_program_between_lines_is_kept_or_listed(name, data, tmp_path_factory):
    folder, whole = tmp_path_factory.getbasetemp(), text(name)
    places = [0] + [place + 1 for place, byte in enumerate(whole) if byte == ord("\n")]
    at = data.draw(st.sampled_from(places))
    stray = data.draw(st.sampled_from([b"SIGSEGV 20 SIGBUS 10\n", b"hello, world\n", b"# \n", b"$ \n"]))
    parsed, table = read(whole[:at] + stray + whole[at:], folder, name)
    found, expected = values(parsed, table), untouched(name, folder)
    told = bool(parsed.unread) or "TEXT" in parsed.tables or "cut" in kinds(parsed)
    assert told or stray in (b"# \n", b"$ \n")
    assert found == expected or parsed.unread


@settings(deadline=None, max_examples=12)
@given(name=names, data=st.data())
def test_ends_of_a_terminal_change_nothing(name, data, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp()
    parsed, table = read(text(name).replace(b"\n", b"\r\n"), folder, name)
    assert values(parsed, table) == untouched(name, folder)


@settings(deadline=None, max_examples=40)
@given(name=names, data=st.data())
def test_a_cut_takes_what_it_cuts_and_says_so(name, data, tmp_path_factory):
    folder, whole = tmp_path_factory.getbasetemp(), text(name)
    cut = data.draw(st.integers(2000, len(whole) - 1))
    parsed, table = read(whole[:cut], folder, name)
    found = values(parsed, table)
    expected = untouched(name, folder)[: len(found)]
    assert [row.get("ts", row.get("line")) for row in found] == [row.get("ts", row.get("line")) for row in expected]
    inside = cut <= whole.rindex(b"]") if name.endswith("json") else not whole[:cut].endswith(b"\n")
    assert not inside or parsed.unread or "cut" in kinds(parsed)
