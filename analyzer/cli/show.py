"""vmtrace show: the story of one fault, or of the faults that a finding rests on."""

from typing import TYPE_CHECKING, Annotated

import typer

from analyzer.cli.files import Force, is_stream
from analyzer.cli.output import Form, Look, NoPager, Output, Wide, prepare, write_document
from analyzer.errors import UsageError

if TYPE_CHECKING:  # pyarrow comes with it
    from analyzer.verdict.finding import Finding

_MOST = 3  # faults of one finding


def show(
    log: Annotated[str, typer.Argument(metavar="LOG", help="A vmtrace log, compressed or not.")],
    fault: Annotated[
        int | None, typer.Option(min=1, metavar="LINE", help="Any line of the log that is of the fault.")
    ] = None,
    finding: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="The finding's number in vmtrace report.")
    ] = None,
    output: Output = None,
    form: Form = None,
    force: Force = False,
    wide: Wide = False,
    no_pager: NoPager = False,
) -> None:
    """Tell a fault or a finding step by step: times, locks held, stacks, neighbours on the same objects."""
    if (fault is None) == (finding is None):
        raise UsageError("show takes one of --fault LINE and --finding N")
    if is_stream(log):
        raise UsageError("show reads its log twice: name a file")
    written = prepare(output, form, None, [log], force)
    from analyzer.analysis.story import Story, fault_story
    from analyzer.ingest.trace import load
    from analyzer.report.story import story_document

    trace = load(log)
    chosen = None if finding is None else _finding(log, finding)
    named = (fault,) if chosen is None else dict.fromkeys(int(row["line"]) for row in chosen.rows)
    lines = [line for line in named if line is not None]
    stories: list[Story] = []
    for line in lines:
        story = fault_story(trace, line)
        if story is not None and story not in stories and len(stories) < _MOST:
            stories.append(story)
    if not stories:
        if chosen is None:
            raise UsageError(f"--fault {fault}: line {fault} of {log} is no record of a fault; reports name the lines")
        raise UsageError(f"--finding {finding}: rests on no single fault: {chosen.headline}")
    write_document(story_document(log, trace, stories, chosen), output, written, Look(wide=wide, no_pager=no_pager))


def _finding(log: str, number: int) -> "Finding":
    from analyzer.report.build import ordered_findings
    from analyzer.summary.summarize import summarize

    findings = ordered_findings(summarize([log]))
    if number > len(findings):
        raise UsageError(f"--finding {number}: {log} has findings 1 to {len(findings)}; vmtrace report numbers them")
    return findings[number - 1][1]
