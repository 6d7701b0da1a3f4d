"""Where blocks are read: in threads of this process, or on a Dask cluster."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from analyzer.errors import TemporaryError, UnavailableError

_PATIENCE = 5  # seconds to wait for a scheduler


@dataclass(frozen=True)
class Pool:
    """What runs a function on a block.

    Attributes:
        submit: (function, arguments…) to a future; function and arguments can be pickled.
        ahead: how many blocks may wait at once: they are what memory is needed for.
    """

    submit: Callable
    ahead: int


@contextmanager
def thread_pool(jobs: int | None) -> Iterator[Pool]:
    """Threads of this process, one a core where `jobs` is None: Arrow and numpy release the interpreter's lock."""
    jobs = jobs or os.cpu_count() or 1
    pool = ThreadPoolExecutor(jobs)
    try:
        yield Pool(pool.submit, jobs)
    finally:
        pool.shutdown(wait=False, cancel_futures=True)  # all is done, or nobody waits for it any more


@contextmanager
def dask_cluster(address: str) -> Iterator[Pool]:
    """The workers of a running Dask cluster, each with this vmtrace installed.

    A block travels with its task, so that the scheduler gives it to another worker when one dies.  Raises
    UnavailableError where Dask or the cluster is not there, TemporaryError where worker after worker dies.
    """
    try:
        from distributed import Client, KilledWorker
    except ImportError:
        raise UnavailableError("--dask: Dask is not installed; pip install 'vmtrace[dask]'") from None
    try:
        client = Client(address, timeout=_PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise UnavailableError(f"--dask {address}: no Dask scheduler answers there: {error}") from None

    def submit(function: Callable[..., Any], *arguments: object) -> Any:
        return client.submit(function, *arguments, pure=False)

    with client:
        try:
            yield Pool(submit, 2 * max(1, sum(client.nthreads().values())))
        except KilledWorker as error:
            raise TemporaryError(f"--dask {address}: the workers die: {error}".partition("\n")[0]) from None
