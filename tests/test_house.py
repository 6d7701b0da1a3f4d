"""The plan of docs/design.md, held: imports run one way."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "analyzer"
# What a room may use besides itself.
FOUNDATION = {"errors", "format", "packages", "measures", "resources", "version"}
READING = {"ingest"}
ADDING = READING | {"summary"}
ASKING = ADDING | {"analysis"}
ROOMS = {
    "errors": set(),
    "format": set(),
    "packages": set(),
    "measures": {"resources"},
    "resources": set(),
    "version": set(),
    "ingest": set(),
    "summary": READING,
    "analysis": ADDING,
    "verdict": ASKING,
    "charts": ASKING,
    "report": ASKING | {"verdict", "charts"},
    "notebook": ASKING | {"verdict", "charts", "report"},
    "host": set(),
    "cli": ASKING | {"verdict", "charts", "report", "host"},
}


def imported_rooms(path):
    """The rooms that a module imports from."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        yield from (name.split(".")[1] for name in names if name.startswith("analyzer."))


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_uses_only_what_the_plan_lets_it(room):
    modules = [PACKAGE / f"{room}.py"] if (PACKAGE / f"{room}.py").exists() else [*(PACKAGE / room).rglob("*.py")]
    assert modules
    allowed = ROOMS[room] | {room} | (FOUNDATION if ROOMS[room] or room in ("ingest", "host") else set())
    strangers = {f"{path.name}: {used}" for path in modules for used in imported_rooms(path) if used not in allowed}
    assert not strangers


def test_the_plan_names_every_room():
    here = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert here - {"__init__", "__main__"} == set(ROOMS)
