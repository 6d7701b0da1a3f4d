"""`vmtrace --completion SHELL`: what the shell reads to complete commands, options and file names."""

from enum import StrEnum

# Of each command its options, as typed.
Commands = dict[str, list[str]]


class Shell(StrEnum):
    BASH = "bash"
    ZSH = "zsh"
    FISH = "fish"
    TCSH = "tcsh"


def completion(shell: Shell, commands: Commands) -> str:
    """The shell's own commands, for its start-up file."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish, "tcsh": _tcsh}[shell](commands)


def _cases(commands: Commands, command: str) -> str:
    return "\n".join(f"    {name}) {command.format(' '.join(options))} ;;" for name, options in commands.items())


def _bash(commands: Commands) -> str:
    return f"""_vmtrace() {{
  local words=""
  if [ "$COMP_CWORD" -eq 1 ]; then
    words="{" ".join(commands)}"
  elif [ "${{2#-}}" != "$2" ]; then
    case "${{COMP_WORDS[1]}}" in
{_cases(commands, 'words="{}"')}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$2"))
}}
complete -o default -F _vmtrace vmtrace
"""


def _zsh(commands: Commands) -> str:
    return f"""_vmtrace() {{
  if (( CURRENT == 2 )); then
    compadd -- {" ".join(commands)}
  elif [[ "$PREFIX" == -* ]]; then
    case "$words[2]" in
{_cases(commands, "compadd -- {}")}
    esac
  else
    _files
  fi
}}
compdef _vmtrace vmtrace
"""


def _fish(commands: Commands) -> str:
    lines = [f"complete -c vmtrace -n __fish_use_subcommand -f -a '{' '.join(commands)}'"]
    for name, options in commands.items():
        long = " ".join(f"-l {option.removeprefix('--')}" for option in options if option.startswith("--"))
        lines.append(f"complete -c vmtrace -n '__fish_seen_subcommand_from {name}' {long}")
    return "\n".join(lines) + "\n"


def _tcsh(commands: Commands) -> str:
    options = sorted({option.removeprefix("--") for own in commands.values() for option in own if option[:2] == "--"})
    return f"complete vmtrace 'c/--/({' '.join(options)})/' 'p/1/({' '.join(commands)})/' 'p/*/f/'\n"
