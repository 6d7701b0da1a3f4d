"""One target under atheris: inputs that break a law are kept, each place once, and the run goes on."""

import hashlib
import re
import sys
import time
import traceback
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["analyzer"], exclude=["analyzer.ingest.kernels"]):  # numba takes it as it is
    from .laws import Broken
    from .mutate import mutated
    from .targets import TARGETS

# Seconds of the processor for one input: a hundred times what the slowest takes on an old machine.
_WORK, _WORK_A_BYTE = 3.0, 1e-3
_LONGEST = 16_384  # bytes of an input
_SHOWN = 300  # characters of what was found
_OURS = re.compile("/analyzer/|/fuzz/")


def fuzz(name: str, seconds: int, folder: Path) -> None:
    """Run one target for so long; `folder` is its corpus, with the folder `found` beside it.  Does not return."""
    target, found, known = TARGETS[name], folder.parent / "found", set()
    for part in (folder, found):
        part.mkdir(parents=True, exist_ok=True)
    for seed in target.seeds():
        (folder / hashlib.sha1(seed).hexdigest()).write_bytes(seed)
        target(seed)  # grammars are loaded before the first input is timed

    def one(data: bytes) -> None:
        begun = time.thread_time()
        try:
            target(data)
            if (took := time.thread_time() - begun) > _WORK + _WORK_A_BYTE * len(data):
                raise Broken(f"{len(data)} bytes took {took:.1f} s")
        except Exception as error:
            place = where(error)
            if place not in known:
                known.add(place)
                (found / f"{name}-{hashlib.sha1(place.encode()).hexdigest()[:8]}").write_bytes(data)
                print(f"FOUND {name} {place}: {str(error).splitlines()[:1]}"[:_SHOWN], file=sys.stderr, flush=True)

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        return mutated(data, most, seed, atheris.Mutate) if target.lines else atheris.Mutate(data, most)

    options = [f"-max_total_time={seconds}", f"-max_len={_LONGEST}", "-timeout=20", "-rss_limit_mb=2048"]
    options += ["-print_final_stats=1", "-reload=0", f"-artifact_prefix={found}/{name}-"]
    atheris.Setup([sys.argv[0], *options, str(folder)], one, custom_mutator=mutate)
    atheris.Fuzz()


def where(error: Exception) -> str:
    """What was raised, and the last line of vmtrace or of the laws that it passed."""
    ours = [each for each in traceback.extract_tb(error.__traceback__) if _OURS.search(each.filename)]
    return f"{type(error).__name__} {Path(ours[-1].filename).name}:{ours[-1].lineno}"


if __name__ == "__main__":
    fuzz(sys.argv[1], int(sys.argv[2]), Path(sys.argv[3]))
