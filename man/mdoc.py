"""Markdown and plain text as mdoc(7)."""

from collections.abc import Iterator

from markdown_it import MarkdownIt
from markdown_it.token import Token

# Signs that a terminal in the C locale lacks.
_SIGNS = str.maketrans(
    {"…": "...", "−": "-", "–": "-", "—": "-", "×": "x", "→": "->", "─": "-", "►": ">", "µ": "u", "≤": "<=", "≥": ">="}
)


def escape(text: str) -> str:
    """Text that mdoc takes as it stands: no control line, no escape, no sign that a terminal may lack."""
    plain = text.translate(_SIGNS).replace("\\", "\\e")
    return f"\\&{plain}" if plain.startswith((".", "'")) else plain


def literal(text: str) -> str:
    """Text with its line breaks and blanks, indented."""
    lines = [escape(line).replace("\t", "        ") for line in text.strip("\n").splitlines()]
    return "\n".join([".Bd -literal", *lines, ".Ed", ""])


def from_markdown(text: str) -> str:
    """Headings of the second level as sections, tables as lists of tags, code as displays."""
    tokens = MarkdownIt("commonmark").enable("table").parse(text)
    return "\n".join(_blocks(iter(tokens))) + "\n"


def _blocks(tokens: Iterator[Token]) -> Iterator[str]:
    begun = True  # no paragraph macro is due right after a heading
    for token in tokens:
        match token.type:
            case "heading_open":
                title = _inline(next(tokens))
                if token.tag == "h1":
                    continue
                yield f".Sh {title.upper()}" if token.tag == "h2" else f".Ss {title}"
                begun = True
            case "paragraph_open":
                if not begun:
                    yield ".Pp"
                yield _inline(next(tokens))
                begun = False
            case "fence" | "code_block":
                yield literal(token.content).rstrip("\n")
                begun = False
            case "bullet_list_open" | "ordered_list_open":
                kind = "bullet" if token.type.startswith("bullet") else "enum"
                yield from _list(tokens, kind, token.type.replace("open", "close"))
                begun = False
            case "table_open":
                yield from _table(tokens)
                begun = False


def _list(tokens: Iterator[Token], kind: str, end: str) -> Iterator[str]:
    yield f".Bl -{kind} -compact"
    for token in tokens:
        if token.type == end:
            break
        if token.type == "list_item_open":
            yield ".It"
        elif token.type == "inline":
            yield _inline(token)
    yield ".El"


def _table(tokens: Iterator[Token]) -> Iterator[str]:
    rows: list[list[str]] = []
    for token in tokens:
        if token.type == "table_close":
            break
        if token.type == "tr_open":
            rows.append([])
        elif token.type == "inline":
            rows[-1].append(_inline(token))
    head, *body = rows
    yield ".Bl -tag -width Ds"
    for first, *others in body:
        yield f".It {first or head[0]}"
        yield ";\n".join(filter(None, others))
    yield ".El"


def _inline(token: Token) -> str:
    """A paragraph's words on one line a sentence's end or line break; code and emphasis lose their marks."""
    parts = []
    for child in token.children or ():
        if child.type in ("softbreak", "hardbreak"):
            parts.append("\n")
        elif child.type in ("text", "code_inline"):
            parts.append(child.content)
    lines = "".join(parts).replace(". ", ".\n").split("\n")
    return "\n".join(escape(line.strip()) for line in lines if line.strip())
