"""What a log may hold against whoever reads it: names that steer terminals, trackers and spreadsheets."""

import csv
import errno
import gzip
import json
import lzma
import os
import re
import threading
from io import FileIO
from pathlib import Path

import pytest
from recordings import SAMPLES, summarized, text

from analyzer.cli import app
from analyzer.cli.ending import run
from analyzer.errors import DataError, NoInputError
from analyzer.ingest.blocks import Block, blocks
from analyzer.ingest.gears import read_block
from analyzer.ingest.parsed import count_unread
from analyzer.ingest.read import VMTRACE, read_whole
from analyzer.ingest.sources import Source
from analyzer.report.as_json import render_json
from analyzer.report.build import build_document
from analyzer.report.export import export
from analyzer.report.markdown import render_markdown
from analyzer.report.paste import Block as Piece
from analyzer.report.paste import paste
from analyzer.report.text import plain_text
from analyzer.summary.cache import Cache
from analyzer.summary.pool import thread_pool
from analyzer.summary.saved import write_summary
from analyzer.summary.summarize import summarize
from analyzer.summary.summary import LogSummary
from analyzer.summary.tables import OTHERS, as_table, fold, merge_tables

NAMES = (
    "<script>planted=1</script>", "</script><script>planted=1</script>", '"><img src=//x/ onerror="planted=1">',
    '<a href="javascript:planted=1">', "javascript:planted=1", "\x1b]0;me\x07\x1b[2J", "\x9b31m", "\u202egnp.exe",
    "a\u200bb\ufeff", "\u2028", "=cmd|'/C calc'!A0", "+1", "-1", "@x", "\t=1", "\r=1", "\n=1", "＝1", "```",
    "![x](//x/y)", "../../etc/x", "$(touch x)", "[red]", "%s%n",
)  # fmt: skip
GARBAGE = "\x1b[31m\u202e<img src=//x/ onerror=planted=1>```\x9b"


def printed(name: str) -> str:
    """As dtrace's %S prints it."""
    signs = (chr(byte) if 32 <= byte < 127 and byte != 92 else f"\\{byte:03o}" for byte in name.encode())
    return "".join(signs) + "\\0"


def written(folder: Path) -> Path:
    """A recording whose processes are named so, with lines that are none between its records."""
    lines = []
    for number, line in enumerate(text(SAMPLES / "13.2/badfault.log.xz").decode().splitlines()):
        columns = line.split("\t")
        if columns[0] in ("F", "M"):
            columns[-1] = printed(NAMES[number % len(NAMES)])
        lines.append("\t".join(columns))
        if number == 60:
            lines += [f"#host.command\t{GARBAGE}", f"#host.{GARBAGE}", GARBAGE, f"dtrace: {GARBAGE}"]
    path = folder / f"{GARBAGE.replace('/', '')}.log"
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    return str(written(tmp_path_factory.mktemp("hostile")))


def test_nothing_that_is_read_by_people_steers_what_shows_it(log):
    document = build_document(summarize([log]), 50)
    shown = [render(document) for render in (plain_text, render_markdown, render_json)]
    quoted = [Piece("title", GARBAGE), Piece("code", GARBAGE)]
    shown += [paste(quoted, dialect) for dialect in ("markdown", "plain", "remarkup")]
    assert [sign for page in shown for line in page.split("\n") for sign in line if not sign.isprintable()] == []
    processes = {row["process"] for row in _rows(json.loads(shown[2])) if "process" in row}
    assert set(NAMES) <= processes  # for programs they are what they were


def test_a_line_of_a_log_does_not_end_its_own_quotation():
    lines = paste([Piece("code", "```\n# mine"), Piece("paragraph", "x")], "markdown").split("\n")
    assert lines[:5] == ["````", "```", "# mine", "````", ""]
    assert "\n```" not in "\n" + paste([Piece("code", "```\n# mine")], "remarkup")


def test_no_name_is_run_by_a_spreadsheet_or_heeded_by_a_terminal(log, tmp_path):
    export(read_whole(Source(log), VMTRACE).tables, "csv", tmp_path)
    with (tmp_path / "F.csv").open(newline="") as file:
        names = {row["execname"] for row in csv.DictReader(file)}
    assert len(names) == len(NAMES)
    assert not [name for name in names if name.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "＝"))]
    assert not [name for name in names if not name.replace("\n", "").isprintable()]


def test_an_error_is_one_harmless_line(capsys):
    assert run(lambda: Source(f"{GARBAGE}\n") and None) == 66
    name = GARBAGE.encode("unicode_escape").decode()
    assert capsys.readouterr().err == f"vmtrace: {name}\\n: No such file or directory\n"


def test_a_flood_of_lines_that_are_none_is_counted_in_little_memory():
    flood = b"A\n" * 300 + b"Q\tx\n" * 300
    data = b"#fields\tQ\ta:int\nQ\t1\n" + flood + b"Q\t2\n\n" + flood + b"Q\t3\n"
    for lark_alone in (False, True):
        parsed = read_block(Block(memoryview(data), 1, {}), None, lark_alone)
        assert parsed.tables["Q"]["a"].to_pylist() == [1, 2, 3]
        assert count_unread(parsed.unread) == 1200
        assert [(each.line, each.lines) for each in parsed.unread][25:] == [(28, 575), (605, 600)]
        assert sum(each.size for each in parsed.unread) == 2 * len(flood)


def test_a_line_without_an_end_is_passed_over_in_little_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("analyzer.ingest.blocks._LONGEST", 1 << 16)
    path = tmp_path / "log"
    # Its beginning and its end together would be a record.
    path.write_bytes(b"#fields\tQ\ta:str\tb:str\nQ\t1\t1\nQ\t2\t" + b"2" * (1 << 18) + b"\nQ\t3\t3\n")
    source = Source(str(path))
    cut = list(blocks(source, 1 << 12))
    parsed = [read_block(block) for block in cut]
    assert [value for part in parsed for value in part.tables["Q"]["a"].to_pylist()] == ["1", "3"]
    assert [line.line for part in parsed for line in part.unread] == [3]
    assert max(len(block.data) for block in cut) <= 1 << 16
    assert source.skipped > 1 << 17


def test_more_names_than_memory_should_hold_are_added_as_one(monkeypatch):
    monkeypatch.setattr("analyzer.summary.tables.MOST_TEXTS", 6)
    monkeypatch.setattr("analyzer.summary.tables.KEPT_TEXTS", 3)
    blocks = [{f"p{number}": 1 for number in range(first, first + 5)} | {"often": 9} for first in (0, 5, 10, 15)]
    parts = [
        {"processes": as_table("processes", {"execname": [*names], "rc": [0] * 6, "faults": [*names.values()]})}
        for names in blocks
    ]
    for grouped in (merge_tables(parts), merge_tables([merge_tables(parts[:2]), merge_tables(parts[2:])])):
        found = dict(zip(*(grouped["processes"][name].to_pylist() for name in ("execname", "faults")), strict=True))
        assert sum(found.values()) == 4 * 14
        assert found["often"] == 36 and found[OTHERS] >= 15 and len(found) <= 6
    told = LogSummary(tables=fold({"processes": merge_tables(parts)["processes"]}))
    assert told.folded() == {"execname"}


def test_a_small_file_cannot_become_a_summary_that_fills_the_memory(tmp_path, monkeypatch):
    monkeypatch.setattr("analyzer.summary.summarize._LARGEST", 1 << 20)
    bomb = tmp_path / "bomb.vmsum.gz"
    bomb.write_bytes(gzip.compress(b'{"vmsum": 1, "logs": [' + b" " * (1 << 22) + b"]}"))
    with pytest.raises(DataError, match="is a summary of more than 1 MB"):
        summarize([str(bomb)])


@pytest.mark.parametrize(
    ("error", "code"), [(MemoryError(), 75), (ImportError("libx.so: failed to map segment", name="libx"), 69)]
)
def test_too_little_memory_is_one_line(error, code, capsys):
    def short() -> None:
        raise error

    assert run(short) == code
    assert capsys.readouterr().err.count("\n") == 1


def test_an_interrupt_waits_for_no_block():
    gate = threading.Event()
    with pytest.raises(KeyboardInterrupt), thread_pool(1) as pool:
        read, waiting = pool.submit(gate.wait), pool.submit(gate.wait)
        raise KeyboardInterrupt
    assert waiting.cancelled() and not read.done()
    gate.set()


@pytest.mark.parametrize(
    ("where", "told"),
    [
        ("analyzer.summary.summarize.read_summary", r" while reading \S*x\.vmsum, 100% of it read: nothing is written"),
        ("analyzer.cli.report.prepare", ""),
    ],
)
def test_an_interrupt_says_where_it_came(where, told, tmp_path, monkeypatch, capsys):
    def pressed(*_):
        raise KeyboardInterrupt

    saved = tmp_path / "x.vmsum"
    saved.write_bytes(write_summary(summarized("13.2/leak")))
    monkeypatch.setattr(where, pressed)
    assert run(lambda: app(["report", str(saved)], standalone_mode=False)) == 130
    assert re.fullmatch(f"vmtrace: interrupted{told}\n", capsys.readouterr().err)


class FailingDisk(FileIO):
    """A file of which only the beginning can be read."""

    good = 100_000

    def readinto(self, buffer):
        if self.tell() >= self.good:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return super().readinto(memoryview(buffer)[: self.good - self.tell()])


def test_what_a_failing_disk_gives_is_read_and_not_kept(tmp_path, monkeypatch):
    path, packed = tmp_path / "x.log", tmp_path / "x.log.gz"
    path.write_bytes(text(SAMPLES / "13.2/leak.log.xz"))
    packed.write_bytes(gzip.compress(path.read_bytes() * 30, 1))
    monkeypatch.setattr("analyzer.ingest.sources._open", FailingDisk)
    for file in (path, packed):
        (log,) = summarize([str(file)], cache=Cache(tmp_path / "cache")).logs
        assert log.count("F") > 500
        assert log.notices[-1].text == "the file cannot be read to its end: Input/output error"
    assert not (tmp_path / "cache").exists()
    monkeypatch.setattr(FailingDisk, "good", 0)
    with pytest.raises(NoInputError, match=r"x\.log: Input/output error$"):
        summarize([str(path)])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (gzip.compress(b"x")[:10], "Compressed file ended"),
        (lzma.compress(b"x", filters=[{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]), "Memory usage limit exceeded"),
    ],
    ids=["cut", "large dictionary"],
)
def test_a_file_that_cannot_be_unpacked_says_why(data, why, tmp_path):
    (tmp_path / "x").write_bytes(data)
    with pytest.raises(DataError, match=f"/x: the compressed file cannot be unpacked to its end: {why}"):
        summarize([str(tmp_path / "x")])


def test_a_pipe_is_a_log_and_is_not_read_twice(vmtrace, tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    stored = (SAMPLES / "13.2/leak.log.xz").read_bytes()
    threading.Thread(target=pipe.write_bytes, args=(stored,)).start()
    assert b"left lock 0xfffff80006df3108 held" in vmtrace("report", "pipe", "--brief").stdout
    for words in (("show", "pipe", "--finding", 1), ("report", "pipe", "--follow")):
        run = vmtrace(*words)
        assert run.returncode == 64 and b"file" in run.stderr


def test_a_cache_that_cannot_be_written_says_why(tmp_path):
    (tmp_path / "file").touch()
    cache = Cache(tmp_path / "file" / "cache")
    cache.write("x", b"")
    assert cache.failure


def _rows(value):
    """Every object in some JSON."""
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from _rows(inner)
