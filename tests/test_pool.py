"""Blocks on a Dask cluster of two processes: the same Summary, also where a worker dies on the way."""

import os
import sys
from contextlib import contextmanager

import pytest
from distributed import LocalCluster
from recordings import SAMPLES

from analyzer.errors import UnavailableError
from analyzer.ingest.blocks import blocks
from analyzer.summary import logs
from analyzer.summary.pool import Pool, dask_cluster
from analyzer.summary.saved import write_summary
from analyzer.summary.summarize import summarize

LOG = str(SAMPLES / "13.2" / "clean.log.xz")


@pytest.fixture(scope="module")
def local():
    with LocalCluster(2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None) as two:
        yield two


@pytest.fixture
def many_blocks(monkeypatch):
    monkeypatch.setattr(logs, "blocks", lambda source: blocks(source, 200_000))


def test_a_cluster_gives_the_same_summary(local, many_blocks):
    there = summarize([LOG], workers=dask_cluster(local.scheduler_address))
    assert write_summary(there) == write_summary(summarize([LOG]))


def test_a_worker_that_dies_loses_nothing(local, many_blocks, tmp_path):
    marker = str(tmp_path / "died")

    @contextmanager
    def dying_cluster():
        with dask_cluster(local.scheduler_address) as pool:

            def submit(function, *arguments):
                def run():
                    if not os.path.exists(marker):
                        open(marker, "x").close()
                        os._exit(1)
                    return function(*arguments)

                return pool.submit(run)

            yield Pool(submit, pool.ahead)

    assert write_summary(summarize([LOG], workers=dying_cluster())) == write_summary(summarize([LOG]))
    assert os.path.exists(marker)


def test_no_scheduler_is_one_line(monkeypatch):
    monkeypatch.setattr("analyzer.summary.pool._PATIENCE", 0.2)
    with pytest.raises(UnavailableError, match=r"--dask tcp://127\.0\.0\.1:1: no Dask scheduler"):
        summarize([LOG], workers=dask_cluster("tcp://127.0.0.1:1"))


def test_without_dask_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(UnavailableError, match=r"pip install 'vmtrace\[dask\]'"):
        summarize([LOG], workers=dask_cluster("tcp://127.0.0.1:1"))
