"""One text in three dialects: Markdown, Bugzilla's plain text, Phabricator's remarkup."""

import re
import textwrap
from dataclasses import dataclass
from typing import Literal

from analyzer.format import visible
from analyzer.report.markdown import escape

Dialect = Literal["markdown", "plain", "remarkup"]
_WIDTH = 78
_FENCE = re.compile("`+")
_REMARKUP = re.compile(r"(//|\*\*|__|~~|##|\{|\}|\[\[|@(?=\w))")


@dataclass(frozen=True)
class Block:
    """A piece of text.

    Attributes:
        kind: "title", "heading", "paragraph", "item" (of a list), "code" or "picture".
        text: plain text, one line; of code as many as it has; of a picture what it shows.
        file: a picture's.
    """

    kind: Literal["title", "heading", "paragraph", "item", "code", "picture"]
    text: str
    file: str = ""


def paste(blocks: list[Block], dialect: Dialect) -> str:
    """The blocks as one text, with a newline at its end."""
    write = {"markdown": _markdown, "plain": _plain, "remarkup": _remarkup}[dialect]
    parts = []
    for before, block in zip([None, *blocks], blocks, strict=False):
        joined = before is not None and before.kind == block.kind == "item"
        parts.append(("\n" if joined else "\n\n" if before else "") + write(block))
    return "".join(parts) + "\n"


def _markdown(block: Block) -> str:
    if block.kind == "code":
        fence = "`" * max(3, 1 + max(map(len, _FENCE.findall(block.text)), default=0))  # no line of a log ends it
        return f"{fence}\n{_code(block)}\n{fence}"
    if block.kind == "picture":
        return f"![{escape(block.text)}]({block.file})"
    sign = {"title": "# ", "heading": "## ", "item": "- "}.get(block.kind, "")
    return sign + escape(block.text)


def _code(block: Block) -> str:
    return "\n".join(map(visible, block.text.rstrip().split("\n")))


def _plain(block: Block) -> str:
    if block.kind == "code":
        return textwrap.indent(_code(block), "    ")
    text = visible(f"{block.file}: {block.text}" if block.file else block.text)
    first, rest = ("* ", "  ") if block.kind == "item" else ("", "")
    filled = textwrap.fill(
        text, _WIDTH, initial_indent=first, subsequent_indent=rest, break_long_words=False, break_on_hyphens=False
    )
    underline = {"title": "=", "heading": "-"}.get(block.kind)
    return f"{filled}\n{underline * min(len(text), _WIDTH)}" if underline else filled


def _remarkup(block: Block) -> str:
    if block.kind == "code":
        if "```" in block.text:
            return textwrap.indent(_code(block), "  ")
        return f"```\n{_code(block)}\n```"
    text = visible(f"{block.file}: {block.text}" if block.file else block.text)
    text = _REMARKUP.sub(lambda match: f"%%%{match[0]}%%%", text)
    if block.kind in ("title", "heading"):
        sign = "=" if block.kind == "title" else "=="
        return f"{sign} {text} {sign}"
    return f"* {text}" if block.kind == "item" else text
