"""The commands by name; the module of one is imported when it is named: on a slow box one waits for imports."""

from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, cast

import typer
from typer.core import TyperCommand, TyperGroup

from analyzer.cli.help import epilog
from analyzer.errors import Interrupted

# What `--help` says of each; its own help says it in full.
PURPOSES = {
    "collect": "Record the fault path of a FreeBSD box.",
    "watch": "Show live what faults, fails and waits there.",
    "script": "List the D scripts, or print one.",
    "doctor": "Say what this host can do.",
    "prove": "Say whether a trace is right on this kernel.",
    "failmod": "Write a kernel module that lets allocations fail.",
    "report": "Say what failed, what was left held, what it costs.",
    "diff": "Say what changed between two traces.",
    "check": "Hold a trace against rules, for a build.",
    "summarize": "Write a small file that stands for logs.",
    "bundle": "Pack all that a bug report needs.",
    "show": "Tell a fault or a finding step by step.",
    "inspect": "Say what a file is, and what it holds.",
    "export": "Write a log for another program.",
}
SETTINGS = {"help_option_names": ["-h", "--help"]}


class _Commands(Mapping[str, TyperCommand]):
    def __getitem__(self, name: str) -> TyperCommand:
        if name not in PURPOSES:
            raise KeyError(name)
        function = getattr(import_module(f"analyzer.cli.{name}"), name)
        alone = typer.Typer(add_completion=False, rich_markup_mode=None)
        alone.command(name, epilog=epilog(name), context_settings=SETTINGS)(function)
        return cast(TyperCommand, typer.main.get_command(alone))

    def __iter__(self) -> Iterator[str]:
        return iter(PURPOSES)

    def __len__(self) -> int:
        return len(PURPOSES)


class Commands(TyperGroup):
    """The group of them all, to which typer has nothing to add."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)
        self.commands = cast(Any, _Commands())

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """What each is for, without importing it."""
        with formatter.section("Commands"):
            formatter.write_dl(list(PURPOSES.items()))

    def invoke(self, ctx: Any) -> Any:
        """Run the command; of an interrupt typer makes an exit code, and says nothing."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            raise Interrupted("interrupted") from None
