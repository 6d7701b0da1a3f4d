"""Make a vmfault log of any size from a recording: time-shifted copies of its records, so that they stay real.

    python bench/make_log.py samples/13.2/large.log.xz 1000 -o big.log        # 1000 MB

The header stands once, each copy begins a second after the one before it ended, the trailer stands once.  What dtrace
said and the kernel's counters are left out: they are true of one copy only.  With --damage N every Nth record loses
the end of its line.
"""

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

_SECOND = 1_000_000_000
_TIMED = re.compile(rb"([A-Z]+\t)([0-9]+)(.*\n)")
_COUNTER = b"#counter."


def read_sample(path: str) -> tuple[bytes, list[bytes]]:
    """The header of a recording, and the lines of its records."""
    from analyzer.ingest.sources import Source

    lines = b"".join(Source(path).chunks()).splitlines(keepends=True)
    records = [line for line in lines if not line.startswith((b"#", b"dtrace: ", b"\n")) and line.endswith(b"\n")]
    header = [line for line in lines if line.startswith(b"#") and not line.startswith((_COUNTER, b"#end"))]
    return b"".join(header), records


def copies(records: list[bytes], damage: int) -> Iterator[bytes]:
    """The records again and again, each time later."""
    parts = [_TIMED.fullmatch(line) if not line.startswith(b"C\t") else None for line in records]
    stamps = [int(part[2]) for part in parts if part is not None]
    span = (max(stamps) - min(stamps)) // _SECOND * _SECOND + 2 * _SECOND
    pieces = [
        (line, 0, b"") if part is None else (part[1], int(part[2]), part[3])
        for line, part in zip(records, parts, strict=True)
    ]
    shift = 0
    while True:
        lines = [head + b"%d" % (stamp + shift) + rest if stamp else head for head, stamp, rest in pieces]
        if damage:
            lines[::damage] = [line[: len(line) // 2] + b"\n" for line in lines[::damage]]
        yield b"".join(lines)
        shift += span


def make_log(sample: str, size: int, output: Path, damage: int = 0) -> None:
    """Write a log of about `size` bytes, cut at a line, with a trailer."""
    header, records = read_sample(sample)
    with output.open("wb") as file:
        file.write(header)
        left = size - len(header)
        for copy in copies(records, damage):
            if len(copy) >= left:
                copy = copy[: copy.rfind(b"\n", 0, left) + 1]
                file.write(copy)
                end = max(int(stamp) for stamp in re.findall(rb"^[A-Z]+\t([0-9]{2,})\t", copy, re.MULTILINE))
                break
            file.write(copy)
            left -= len(copy)
        file.write(b"#end\t%d\n" % end)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sample", help="a log of vmfault.d")
    parser.add_argument("megabytes", type=int, help="size of the log in 1,000,000 bytes")
    parser.add_argument("--damage", type=int, default=0, metavar="N", help="damage every Nth record")
    parser.add_argument("-o", "--output", type=Path, required=True)
    wanted = parser.parse_args()
    make_log(wanted.sample, wanted.megabytes * 1_000_000, wanted.output, wanted.damage)


if __name__ == "__main__":
    main()
