"""Make a vmwatch log of any length from a recording: its sections again and again, as the script prints them.

    python bench/make_watch.py samples/15.0/watch-clean.log.xz 24 -o day.log        # 24 hours

Each second has its T and C lines, every 10 seconds come the sections of the recording, every 30 seconds its
distributions, so that the log holds as many calls as faults by latency.  Records are left out.
"""

import argparse
import re
from pathlib import Path

_SECOND = 1_000_000_000
_SECTION = re.compile(rb"#aggregation\t(\w+)\t[^\n]*\n(?:(?!#|[A-Z]\t)[^\n]*\n)*")
_RARE = (b"movens", b"latency")


def make_watch(sample: str, hours: float, output: Path) -> None:
    from analyzer.ingest.sources import Source

    text = b"".join(Source(sample).chunks())
    header = b"".join(
        line for line in text.splitlines(keepends=True)
        if line.startswith(b"#") and not line.startswith((b"#counter", b"#aggregation", b"#end"))
    )  # fmt: skip
    sections = {match[1]: match[0] for match in _SECTION.finditer(text)}
    often = b"".join(section for name, section in sections.items() if name not in _RARE)
    rare = b"".join(sections[name] for name in _RARE)
    begun = int(re.search(rb"^#timestamp\t(\d+)$", text, re.MULTILINE)[1])
    handler, calls = b"vm_fault", sum(map(int, re.findall(rb"^C\tvm_fault\t(\d+)$", text, re.MULTILINE)))
    with output.open("wb") as file:
        file.write(header)
        length = round(hours * 360) * 10 or 10
        for second in range(1, length + 1):
            ended = second == length
            called = calls // 30 + (calls % 30 if second % 30 == 0 else 0)
            tick = b"T\t%d\nC\t%b\t%d\n\n" % (begun + second * _SECOND, handler, called)
            file.write(tick + (often if second % 10 == 0 else b"") + (rare if second % 30 == 0 or ended else b""))
        file.write(b"T\t%d\n#end\t%d\n" % (begun + length * _SECOND + 1, begun + length * _SECOND + 2))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("sample", help="a log of vmwatch.d")
    parser.add_argument("hours", type=float)
    parser.add_argument("-o", "--output", type=Path, required=True)
    wanted = parser.parse_args()
    make_watch(wanted.sample, wanted.hours, wanted.output)


if __name__ == "__main__":
    main()
