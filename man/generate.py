"""Writes the manual pages from what is true already: the commands' own help, the scripts' headers, docs/log-format.md.

    python man/generate.py      # into man/man1 and man/man5
"""

import re
from pathlib import Path

import typer
from mdoc import escape, from_markdown, literal

from analyzer.cli import app
from analyzer.errors import VmtraceError

ROOT = Path(__file__).parent.parent
DATE = "November 24, 2026"
_SECTION = re.compile(r"^ \* ([A-Z][A-Z ]+?)(?: (?=\d|machine|target)(.*))?$")
_SCRIPT_SECTIONS = ("PURPOSE", "USAGE", "ARGUMENTS", "FIELDS", "OVERHEAD", "RELEASES", "RUN ON", "NOT RUN", "EXAMPLES")


def head(name: str, section: int, what: str) -> str:
    return f'.Dd {DATE}\n.Dt "{name.upper()}" {section}\n.Os\n.Sh NAME\n.Nm {name}\n.Nd {escape(what)}\n'


def command_page() -> str:
    """vmtrace(1): one subsection a command, as `--help` has it."""
    group = typer.main.get_command(app)
    commands = [(name, command) for name, command in group.commands.items() if not command.hidden]
    parts = [head("vmtrace", 1, "what the FreeBSD virtual-memory fault path really does"), ".Sh SYNOPSIS\n"]
    parts += [f".Nm\n.Cm {name}\n{_synopsis(command)}" for name, command in commands]
    parts += [".Sh DESCRIPTION\n", escape(group.help) + "\n", _options(group), ".Sh COMMANDS\n"]
    for name, command in commands:
        parts += [f'.Ss "{name}"\n', _sentences(command.help), _options(command), _epilog(command)]
    rest = (ROOT / "man" / "vmtrace.1.in").read_text()
    return "".join([*parts, rest.replace("@EXIT STATUS@\n", f".Sh EXIT STATUS\n{_exit_status()}")])


def _synopsis(command) -> str:
    arguments = [param for param in command.params if param.param_type_name == "argument"]
    names = " ".join(f"Ar {param.metavar or param.name.upper()}" for param in arguments)
    return ".Op Ar options\n" + (f".{names}\n" if names else "")


def _sentences(text: str) -> str:
    """One sentence a line, as mdoc wants it."""
    lines = re.sub(r"\s+", " ", (text or "").replace("\b", "")).strip().replace(". ", ".\n").split("\n")
    return "\n".join(escape(line) for line in lines) + "\n"


def _options(command) -> str:
    rows = []
    for param in command.params:
        if getattr(param, "hidden", False) or param.param_type_name != "option" or "--help" in param.opts:
            continue
        flags = " , ".join(f"Fl {flag.removeprefix('-')}" for flag in (*param.opts, *param.secondary_opts))
        value = "" if param.is_flag else f" Ar {_metavar(param)}"
        rows.append(f".It {flags}{value}\n{_sentences(param.help)}")
    return f".Bl -tag -width Ds\n{''.join(rows)}.El\n" if rows else ""


def _metavar(param) -> str:
    choices = getattr(param.type, "choices", None)
    return param.metavar or ("|".join(choices) if choices else param.name.upper())


def _epilog(command) -> str:
    text = re.sub(r"\n\s*\n+", "\n", (command.epilog or "").replace("\b", ""))
    return literal(text) if text else ""


def _exit_status() -> str:
    """sysexits(3), from the errors themselves."""
    kinds = sorted(VmtraceError.__subclasses__(), key=lambda kind: kind.exit_code)
    rows = "".join(f".It {kind.exit_code}\n{_sentences(kind.__doc__.partition(chr(10))[0])}" for kind in kinds)
    return (
        ".Nm\nexits with 0, or as\n.Xr sysexits 3\nsays.\n.Cm check\nand\n.Cm prove\nanswer with 0, 1 and 2,\n"
        ".Cm collect\nwith the status of its command.\n"
        f".Bl -tag -width Ds\n{rows}.It {VmtraceError.exit_code}\nA defect of vmtrace itself.\n.El\n"
    )


def script_page(path: Path) -> str:
    """NAME.d(1), from the script's header."""
    header = path.read_text().partition("/*")[2].partition("*/")[0]
    title, sections = "", {}
    current: list[str] = []
    for line in header.splitlines():
        if line.startswith(f" * {path.name} - "):
            title = line.partition(" - ")[2]
        elif match := _SECTION.match(line):
            current = sections.setdefault(match[1], [match[2]] if match[2] else [])
        else:
            current.append(re.sub(r"^ \* ?", "", line).removeprefix("\t"))
    parts = [head(path.name, 1, title), ".Sh SYNOPSIS\n.Nm vmtrace\n.Cm collect Fl -script\n", f".Ar {path.stem}\n"]
    for name in _SCRIPT_SECTIONS:
        if name in sections:
            body = "\n".join(sections[name]).strip("\n")
            parts.append(f".Sh {'DESCRIPTION' if name == 'PURPOSE' else name}\n{literal(body)}")
    return "".join([*parts, ".Sh SEE ALSO\n.Xr dtrace 1 ,\n.Xr vmtrace 1 ,\n.Xr vmtrace-log 5\n"])


def log_page() -> str:
    """vmtrace-log(5), from docs/log-format.md."""
    text = (ROOT / "docs" / "log-format.md").read_text().partition("\n")[2]
    opening, _, rest = text.partition("\n## ")
    body = f".Sh DESCRIPTION\n{from_markdown(opening)}{from_markdown('## ' + rest)}"
    return head("vmtrace-log", 5, "what the D scripts of vmtrace print") + body + ".Sh SEE ALSO\n.Xr vmtrace 1\n"


def pages() -> dict[str, str]:
    """Every page by its place in man/."""
    scripts = sorted((ROOT / "dscripts").glob("*.d"))
    written = {f"man1/{path.name}.1": script_page(path) for path in scripts if " * PURPOSE" in path.read_text()}
    return {"man1/vmtrace.1": command_page(), "man5/vmtrace-log.5": log_page()} | written


if __name__ == "__main__":
    for name, text in pages().items():
        page = ROOT / "man" / name
        page.parent.mkdir(exist_ok=True)
        page.write_text(text)
