"""vmtrace prove: does a trace say what happened, on this kernel?"""

import json
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from analyzer.host.facts import Facts
    from analyzer.host.proof import Answer
    from analyzer.host.prove import Proof

_WIDTH = {"outcome": 10, "measure": 15}


def prove(
    ssh: str = typer.Option(None, metavar="HOST", help="Prove it on another box."),
    script: str = typer.Option(None, metavar="NAME", help="Only this D script; default: each that fits the box."),
    as_json: bool = typer.Option(False, "--json", help="Print the outcome as JSON."),
) -> None:
    """Trace a load that knows its faults, and say measure by measure whether the trace is right on this kernel.

    Exit status: 0 all exact, 1 something wrong, 2 something could not be asked or seen.
    """
    from analyzer.host import box, prove
    from analyzer.host.progress import Progress

    host = box.SshBox(ssh) if ssh else box.Box()
    try:
        host.connect()
        known, python, proofs = prove.prove(host, script, Progress().say)
    finally:
        host.close()
    if as_json:
        print(json.dumps(_document(known, python, proofs), indent=2))
    else:
        print(f"FreeBSD {known['release']} (osreldate {known.osreldate}), load in {'Python' if python else 'sh'}")
        for each in proofs:
            print(f"{each.script}.d, edition {each.edition}")
            for answer in each.answers:
                print(f"  {answer.outcome:<{_WIDTH['outcome']}}{answer.measure:<{_WIDTH['measure']}}{_words(answer)}")
    raise typer.Exit(prove.status(proofs))


def _words(answer: "Answer") -> str:
    counts = "" if answer.seen is None else f"{answer.seen:,} of {answer.happened:,}"
    if answer.outcome == "wrong" and answer.seen is not None and answer.happened is not None:
        counts += f", {answer.seen - answer.happened:+,}"
    return ": ".join(part for part in (counts, answer.reason) if part)


def _document(known: "Facts", python: bool, proofs: "list[Proof]") -> dict[str, Any]:
    return {
        "release": known["release"],
        "osreldate": known.osreldate,
        "load": "python" if python else "sh",
        "scripts": [
            {
                "script": each.script,
                "edition": each.edition,
                "measures": {
                    answer.measure: {
                        "outcome": answer.outcome,
                        "seen": answer.seen,
                        "happened": answer.happened,
                        "reason": answer.reason,
                    }
                    for answer in each.answers
                },
            }
            for each in proofs
        ],
    }
