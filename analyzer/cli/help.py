"""What `-h` says below the options of each command: two examples, what its exit code means."""

_EXAMPLES = {
    "collect": (
        "vmtrace collect -o fault.log.xz -- make buildkernel",
        "vmtrace collect --ssh root@box --duration 30s -o box.log",
    ),
    "watch": ("vmtrace watch --duration 1h", "vmtrace watch --ssh root@box --until double-free -o box.log"),
    "script": ("vmtrace script", "vmtrace script vmevents > vmevents.d"),
    "doctor": ("vmtrace doctor", "vmtrace doctor --ssh root@box"),
    "prove": ("vmtrace prove --script vmfault", "vmtrace prove --ssh root@box"),
    "failmod": ("vmtrace failmod", "vmtrace failmod -o /tmp/vmfail"),
    "report": ("vmtrace report fault.log", "vmtrace report fault.log --process cow -o cow.html --plots pictures"),
    "diff": (
        "vmtrace diff before.log after.log",
        "vmtrace diff a1.log b1.log --before a2.log --after b2.log -o d.html",
    ),
    "check": (
        "vmtrace check fault.log --min-coverage 99%",
        "vmtrace check new.log --baseline old.log --max-p99 copy=+20% --format junit -o check.xml",
    ),
    "summarize": ("vmtrace summarize fault.log -o fault.vmsum", "vmtrace summarize *.log.xz -o night.vmsum"),
    "bundle": ("vmtrace bundle fault.log -o evidence.zip", "vmtrace bundle fault.log --budget 500 -o evidence.zip"),
    "show": ("vmtrace show fault.log --finding 1", "vmtrace show fault.log --fault 35384 -o fault.svg"),
    "inspect": ("vmtrace inspect kdump.txt", "kdump -R | vmtrace inspect -"),
    "export": ("vmtrace export events.log --to chrome -o events.json", "vmtrace export fault.log --to csv -o tables"),
}
_EXITS = {
    "check": "0: all rules are kept; 1: one is broken; 2: the trace cannot tell. Others as sysexits(3) says.",
    "prove": "0: proved; 1: disproved; 2: this kernel cannot tell. Others as sysexits(3) says.",
    "collect": "COMMAND's own, 0 without one; 1: --until saw what it waited for. Others as sysexits(3) says.",
}
_EXIT = "0: done; 64: called wrongly; 65: no such data; 66: cannot be read; 69: something is missing; 73: cannot write."
_RULES = """A file for --rules; options go before it:

\b
  max-imbalance = 0
  min-coverage = "99%"
  [max-failure-rate]
  vm_page_rename = "0.1%"
  [max-p99]
  copy = "+20%"
"""


def epilog(command: str) -> str:
    """The end of the command's help; \\b keeps click from filling the lines."""
    examples = "\n".join(f"  {line}" for line in _EXAMPLES[command])
    parts = [f"Examples:\n\n\b\n{examples}", f"Exit codes: {_EXITS.get(command, _EXIT)}"]
    return "\n\n".join([*parts, *([_RULES] if command == "check" else [])])
