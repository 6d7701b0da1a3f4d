"""The records of a log, line by line, with the standard library only (docs/log-format.md)."""

from collections.abc import Iterable, Iterator

_DISTRIBUTIONS = ("quantize", "llquantize")


def rows(lines: Iterable[str]) -> Iterator[tuple[str, dict[str, str]]]:
    """Each record as its tag and columns, each row of an aggregation as its name and columns.

    A distribution comes as its keys and their `count`, a row with stacks as its `count`.
    """
    columns: dict[str, list[str]] = {}
    table: list[str] = []
    keys: dict[str, str] | None = None  # of the distribution that is being read
    total = 0
    for line in lines:
        words = line.rstrip("\n").split("\t")
        record = words[0] in columns and len(words) == 1 + len(columns[words[0]])
        begins = line.startswith("#") or record or (table[-1:] and line[:1] not in " \n")
        if keys is not None and begins:
            yield table[0], keys | {"count": str(total)}
            keys, total = None, 0
        if line.startswith("#"):
            if words[0] == "#fields":
                named = (word.split(":") for word in words[2:])
                columns[words[1]] = [name for name, kind in named if kind != "stack"]  # its frames are further lines
            table = words[1:] if words[0] == "#aggregation" else []
        elif record:
            yield words[0], dict(zip(columns[words[0]], words[1:], strict=True))
        elif not table:
            continue
        elif table[-1] in _DISTRIBUTIONS:
            if "|" in line:
                total += int(line.rpartition("|")[2].split()[-1])
            elif begins:
                keys = dict(zip(table[1:-1], words, strict=False))
        elif "stack" in table:
            if line.strip().isdigit():
                yield table[0], {"count": line.strip()}
        elif len(words) == len(table) - 1:
            yield table[0], dict(zip(table[1:], words, strict=True))
    if keys is not None:
        yield table[0], keys | {"count": str(total)}
