"""The commands by name; the module of one is imported when it is named: on a slow box one waits for imports."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from analyzer.cli.help import epilog
from analyzer.errors import Interrupted

NAMES = (
    "collect", "watch", "script", "doctor", "prove", "failmod", "report", "diff", "check", "summarize", "bundle",
    "show", "inspect", "export",
)  # fmt: skip
SETTINGS = {"help_option_names": ["-h", "--help"]}


class _Commands(Mapping[str, TyperCommand]):
    def __getitem__(self, name: str) -> TyperCommand:
        if name not in NAMES:
            raise KeyError(name)
        function = getattr(import_module(f"analyzer.cli.{name}"), name)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, epilog=epilog(name), context_settings=SETTINGS)(function)
        return cast(TyperCommand, typer.main.get_command(alone))

    def __iter__(self) -> Iterator[str]:
        return iter(NAMES)

    def __len__(self) -> int:
        return len(NAMES)


class Commands(TyperGroup):
    """The group of them all, to which typer has nothing to add."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(Any, _Commands())

    def invoke(self, ctx: Any) -> Any:
        """Run the command; of an interrupt typer makes an exit code, and says nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None
