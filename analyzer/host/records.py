"""The records of a log, line by line, with the standard library only (docs/log-format.md)."""

from collections.abc import Iterator


def records(data: bytes) -> Iterator[tuple[str, dict[str, str]]]:
    """Each record of whole lines that stand behind their `#fields`: its tag, and its columns by name but the stack."""
    columns: dict[bytes, list[str]] = {}
    for line in data.split(b"\n"):
        tag, _, rest = line.partition(b"\t")
        if tag == b"#fields":
            tag, *named = rest.split(b"\t")
            kinds = (each.decode().split(":") for each in named)
            columns[tag] = [name for name, kind in kinds if kind != "stack"]  # its frames are further lines
        elif tag in columns:
            values = rest.decode("ascii", "replace").split("\t")
            if len(values) == len(columns[tag]):  # else a line that was cut
                yield tag.decode(), dict(zip(columns[tag], values, strict=True))
