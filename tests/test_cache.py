"""The cache: a Summary kept, found by content, never trusted where it is damaged, never in the way."""

import json
import shutil

import pytest
from recordings import SAMPLES, beginning

from analyzer.summary import logs
from analyzer.summary.cache import Cache
from analyzer.summary.filters import Filter
from analyzer.summary.saved import write_summary
from analyzer.summary.summarize import summarize


@pytest.fixture
def log(tmp_path):
    path = tmp_path / "sample.log"
    path.write_bytes(beginning(SAMPLES / "13.2" / "clean.log.xz", 100_000))
    return path


@pytest.fixture
def cache(tmp_path):
    return Cache(tmp_path / "cache" / "vmtrace")


@pytest.fixture
def read(monkeypatch) -> list[str]:
    """The names of the logs that were read."""
    names = []
    original = logs.summarize_log
    monkeypatch.setattr(
        logs, "summarize_log", lambda source, *others: names.append(source.name) or original(source, *others)
    )
    return names


def test_the_second_time_nothing_is_read(log, cache, read):
    first = write_summary(summarize([str(log)], cache=cache))
    assert write_summary(summarize([str(log)], cache=cache)) == first
    assert read == [str(log)]


def test_a_copy_is_known_by_its_content_and_keeps_its_name(log, cache, read):
    summarize([str(log)], cache=cache)
    copy = log.with_name("copy.log")
    shutil.copyfile(log, copy)
    assert summarize([str(copy)], cache=cache).logs[0].meta["name"] == str(copy)
    assert read == [str(log)]


def test_a_changed_log_is_read_again(log, cache, read):
    summarize([str(log)], cache=cache)
    log.write_bytes(log.read_bytes().replace(b"\tsh\\0\n", b"\tcc\\0\n"))
    assert "cc" in set(summarize([str(log)], cache=cache).logs[0].table("faults")["execname"])
    assert len(read) == 2


def test_a_filter_has_its_own_entry(log, cache, read):
    whole = summarize([str(log)], cache=cache).logs[0]
    some = summarize([str(log)], Filter(processes=("sh",)), cache=cache).logs[0]
    assert 0 < some.count("F") < whole.count("F")
    assert len(read) == 2


def test_other_code_makes_other_entries(log, cache, read, monkeypatch):
    summarize([str(log)], cache=cache)
    monkeypatch.setattr("analyzer.summary.cache._maker", lambda: "another version")
    summarize([str(log)], cache=cache)
    assert len(read) == 2


@pytest.mark.parametrize("damage", [b"", b"\x80\x04.", b'{"vmsum":1', b'{"vmsum":9}', b"\xff\xfe"])
def test_a_damaged_entry_is_made_again(log, cache, read, damage):
    first = write_summary(summarize([str(log)], cache=cache))
    (entry,) = cache.folder.glob("[0-9]*")
    entry.write_bytes(damage)
    assert write_summary(summarize([str(log)], cache=cache)) == first
    assert json.loads(entry.read_bytes())["vmsum"] == 1
    assert len(read) == 2


def test_a_folder_that_cannot_be_written_is_no_error(log, tmp_path, read):
    (tmp_path / "file").write_text("in the way")
    cache = Cache(tmp_path / "file" / "vmtrace")
    assert summarize([str(log)], cache=cache).logs[0].count("F")
    assert summarize([str(log)], cache=cache).logs[0].count("F")
    assert len(read) == 2


def test_the_oldest_entries_go(log, tmp_path):
    cache = Cache(tmp_path / "small", limit=30_000)
    for number in range(12):
        summarize([str(log)], Filter(until=1.0 + number), cache=cache)
    assert 0 < sum(entry.stat().st_size for entry in cache.folder.iterdir()) <= 30_000


@pytest.mark.parametrize(("given", "used"), [("", "~"), ("relative", "~"), ("/somewhere", "/somewhere/vmtrace")])
def test_the_folder_is_where_xdg_says(given, used, monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(tmp_path))
    assert str(Cache().folder) == (str(tmp_path / ".cache" / "vmtrace") if used == "~" else used)


def test_an_entry_that_another_program_drops_is_no_failure(log, cache):
    cache.folder.mkdir(parents=True)
    (cache.folder / "gone").symlink_to("nowhere")
    summarize([str(log)], cache=cache)
    assert cache.failure == ""
