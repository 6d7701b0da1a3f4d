"""The grammars, and the regular expressions that the fast gears derive from their terminals."""

from collections.abc import Iterable
from functools import cache
from typing import Any

from lark import Lark
from lark.exceptions import UnexpectedCharacters, UnexpectedEOF, UnexpectedInput, UnexpectedToken

from analyzer.resources import resource

# What lark gives for a rule or a terminal: a Tree or a Token, and the grammar, not a type, says where which stands.
Node = Any


@cache
def load_grammar(name: str, start: str, extra: str = "") -> Lark:
    """The LALR parser of grammars/`name`.lark from rule `start`, with `extra` rules appended."""
    folder = resource("grammars")
    text = (folder / f"{name}.lark").read_text()
    return Lark(
        text + extra,
        start=start,
        parser="lalr",
        lexer="contextual",
        maybe_placeholders=False,
        import_paths=[str(folder)],
        source_path=str(folder / f"{name}.lark"),
    )


@cache
def terminal(name: str, terminal_name: str, start: str) -> str:
    """The regular expression of one terminal of grammars/`name`.lark, good for `re` and for RE2."""
    return load_grammar(name, start).get_terminal(terminal_name).pattern.to_regexp()


def expectation(error: UnexpectedInput) -> tuple[int, str]:
    """Where in the line lark stopped (column from 1), and what it wanted there."""
    wanted: Iterable[str] | None = ()
    if isinstance(error, UnexpectedCharacters):
        wanted = error.allowed
    elif isinstance(error, (UnexpectedToken, UnexpectedEOF)):
        wanted = error.expected
    column = error.column if isinstance(error.column, int) and error.column > 0 else 1
    return column, " or ".join(sorted(wanted or ())) or "nothing more"
