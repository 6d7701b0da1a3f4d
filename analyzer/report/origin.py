"""Where a log comes from, in words: its host, its kernel, what wrote it."""

from typing import Any

from analyzer import measures
from analyzer.format import counted
from analyzer.ingest.releases import release


def host(meta: dict[str, Any]) -> str:
    """The host's name, as uname -a has it."""
    words = str(meta.get("host.uname", "")).split()
    return words[1] if len(words) > 1 else "unknown host"


def kernel(meta: dict[str, Any]) -> str:
    """The release and the kernel's ident."""
    ident = f" {meta['host.ident']}" if "host.ident" in meta else ""
    return f"FreeBSD {release(meta.get('osreldate'))}{ident}"


def tracer(meta: dict[str, Any]) -> str:
    """The program that would have said that it lost something."""
    return {"kdump": "ktrace", "ktrace": "ktrace", "console": "The console", "lockstat": "lockstat"}.get(
        str(meta.get("format")), "dtrace"
    )


def maker(meta: dict[str, Any]) -> list[str]:
    """Who wrote the log: host, kernel and script, or another program."""
    if program := _program(meta):
        return [program]
    return [host(meta), kernel(meta), f"script {meta.get('script', 'unknown')}"]


def _program(meta: dict[str, Any]) -> str:
    """What another program's output is called; "" where a script of vmtrace's wrote the log."""
    if "format" not in meta:
        return ""
    from analyzer.ingest.formats import FORMATS  # all their readers, which no log of vmtrace's needs

    return FORMATS[meta["format"]].words if meta["format"] in FORMATS else ""


def proof(meta: dict[str, Any]) -> list[str]:
    """What `vmtrace prove` had found of this script on this kernel; nothing where another program wrote the log."""
    if _program(meta):
        return []
    outcomes = measures.proved(meta.get("host.proved"))
    exact = sum(outcome == "exact" for outcome in outcomes.values())
    wrong = [name for name, outcome in outcomes.items() if outcome == "wrong"]
    told = [f"{counted(exact, 'measure')} proved exact on this kernel"] if exact else []
    told += [f"proved wrong: {', '.join(wrong)}"] if wrong else []
    return told or ["nothing proved on this kernel"]
