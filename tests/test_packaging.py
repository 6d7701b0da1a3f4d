"""The wheel and the sdist: everything that vmtrace needs is inside, and the same tree gives the same bytes."""

import re
import tarfile
import zipfile
from pathlib import Path

import pytest
from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder
from recordings import ROOT

from analyzer.version import __version__


def build(builder, folder) -> Path:
    return Path(next(builder(str(ROOT)).build(directory=str(folder))))


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    return build(WheelBuilder, tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def sdist(tmp_path_factory):
    return build(SdistBuilder, tmp_path_factory.mktemp("sdist"))


def test_the_wheel_has_every_file_of_the_package_and_its_data(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    package = (path for path in (ROOT / "analyzer").rglob("*") if path.is_file() and "__pycache__" not in path.parts)
    data = [*(ROOT / "grammars").glob("*.lark"), *(ROOT / "dscripts").iterdir(), *(ROOT / "kmod" / "vmfail").iterdir()]
    wanted = {str(path.relative_to(ROOT)) for path in package} | {f"analyzer/{path.relative_to(ROOT)}" for path in data}
    assert wanted <= names and "analyzer/py.typed" in names
    assert wheel.name.startswith(f"vmtrace-{__version__}-py3-none-any")


def test_the_page_of_an_index_has_no_dead_link(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = archive.read(next(name for name in archive.namelist() if name.endswith("METADATA"))).decode()
    assert "# vmtrace" in metadata and "What it reads" in metadata
    assert not re.search(r"\]\((?!https?:)", metadata)


def test_the_sdist_has_what_its_tests_need(sdist):
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    for folder in ("tests", "samples", "grammars", "dscripts", "kmod", "docs", "bench", "examples", "man"):
        files = (path for path in (ROOT / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        assert {str(path.relative_to(ROOT)) for path in files} <= names


def test_the_same_tree_gives_the_same_bytes(wheel, sdist, tmp_path):
    for builder, built in ((WheelBuilder, wheel), (SdistBuilder, sdist)):
        assert build(builder, tmp_path).read_bytes() == built.read_bytes()
