"""Where the recordings are, and what is known of them."""

import json
from pathlib import Path

ROOT = Path(__file__).parent.parent
SAMPLES = ROOT / "samples"


def recordings() -> list[tuple[str, dict]]:
    """Every recorded log, as "13.2/clean", with what known.json says of it."""
    found = []
    for known in sorted(SAMPLES.glob("*/known.json")):
        for name, facts in json.loads(known.read_text()).items():
            found.append((f"{known.parent.name}/{name.removesuffix('.xz').removesuffix('.log')}", facts))
    return found


def log(name: str) -> str:
    """The path of a recording, "13.2/clean"."""
    return str(SAMPLES / f"{name}.log.xz")
