"""The story of one fault or finding as a Document."""

from typing import Any

from analyzer.analysis.story import Step, Story
from analyzer.format import address, count, counted, duration, moment
from analyzer.ingest.releases import BITS, insert_error_name, path_name, release, result_name
from analyzer.ingest.trace import Trace
from analyzer.report.document import Column, Document, Section, Table
from analyzer.report.findings import shown_finding
from analyzer.report.tables import table
from analyzer.verdict.finding import Finding

_ALL = 1_000_000  # a story leaves nothing out


def story_document(name: str, trace: Trace, stories: list[Story], finding: Finding | None) -> Document:
    """One section a fault; the finding that they are of, where one was asked for."""
    shown = () if finding is None else (shown_finding(finding),)
    start = int(trace.meta.get("timestamp", 0))
    sections = []
    for number, story in enumerate(stories, 1):
        sections.append(_fault(trace, story, number, start))
        sections.append(_neighbours(story, number))
    subtitle = f"FreeBSD {release(trace.meta.get('osreldate'))}, script {trace.meta.get('script', 'unknown')}"
    return Document(name, subtitle, (), shown, tuple(sections), ())


def _fault(trace: Trace, story: Story, number: int, start: int) -> Section:
    tables = [_known(trace, story, start)]
    steps = [_step(step, story.begun) for step in story.steps]
    if steps:
        columns = (
            ("after", "ns", "since the fault's entry, or its first record"),
            ("line", "id", "line of the log"),
            ("step", "text", ""),
            ("locks held", "code", "after the step"),
            ("stack", "code", ""),
        )
        tables.append(table("Steps", steps, columns, _ALL))
    text = _sentence(trace, story, story.begun - start)
    return Section(f"fault-{number}", f"Fault of thread {story.tid}", text, tables=tuple(tables))


def _sentence(trace: Trace, story: Story, since: int) -> str:
    begun = f"It entered {moment(since)} after the trace began" if story.start is not None else (
        f"Its first record is {moment(since)} after the trace began; its entry was not recorded"
    )  # fmt: skip
    ended = "; no record of its return" if story.end is None else (
        f" and returned {duration(story.end - story.begun)} later"
    )  # fmt: skip
    if "E" in trace.tables:
        held = story.steps[-1].held
        left = f" Locks still held at the end: {', '.join(map(_lock, held))}." if held else ""
        unseen = " This release shows no releases of uncontended locks, so what is held is not known." * (held is None)
        return f"{begun}{ended}: {counted(len(story.steps), 'step')}.{left}{unseen}"
    return (
        f"{begun}{ended}. This script records what a fault did inside only where a page moved, an insert failed or an "
        "alarm was raised; vmevents records every step."
    )


def _known(trace: Trace, story: Story, start: int) -> Table:
    record = story.fault or story.steps[0].record
    rows = [("process", f"{record.get('execname', 'unknown')} (pid {record.get('pid')})"), ("thread", str(story.tid))]
    if story.start is not None:
        rows.append(("entry", moment(story.start - start)))
    if "E" in trace.tables:
        rows.append(("address", address(int(record["a1"]))))
        rows += [("result", result_name(int(step.record["rc"]), trace.meta.get("osreldate")))
                 for step in story.steps[-1:] if story.end is not None]  # fmt: skip
    elif story.fault:
        rows += _columns(trace, story.fault)
    if story.end is not None:
        rows.append(("duration", duration(story.end - story.begun)))
    rows += [("object", address(of)) for of in story.objects]
    return Table("What is known", (Column("what", "text"), Column("value", "text")), tuple(rows))


def _columns(trace: Trace, fault: dict[str, Any]) -> list[tuple[str, str]]:
    """The rest of an F record in words."""
    written = {
        "va": lambda v: address(int(v)),
        "rc": lambda v: result_name(int(v), trace.meta.get("osreldate")),
        "path": lambda v: path_name(int(v), trace.meta.get("bits", {}).get("path", BITS)),
        "oncpu": duration,
        **dict.fromkeys(("prot", "flags", "lockxor", "held", "freexor"), lambda v: address(int(v))),
        **dict.fromkeys(("acq", "rel", "inserts", "insfails", "lookups", "frees"), count),
    }
    names = {
        "va": "address", "rc": "result", "oncpu": "time on a CPU", "acq": "acquires", "rel": "releases",
        "insfails": "failed inserts", "lookups": "map lookups", "frees": "pages freed",
        "freexor": "exclusive-or of the pages freed", "lockxor": "exclusive-or of the locks",
        "held": "top object's lock held",
    }  # fmt: skip
    return [(names.get(name, name), write(fault[name])) for name, write in written.items() if name in fault]


def _step(step: Step, first: int) -> dict[str, Any]:
    shown = {"after": step.ts - first, "line": step.line, "step": _words(step.record)}
    if step.held is not None:
        shown["locks held"] = "\n".join(map(_lock, step.held)) or "none"
    if "stack" in step.record:
        shown["stack"] = step.record["stack"]
    return shown


def _lock(held: tuple[int, str, str]) -> str:
    at, name, mode = held
    return f"{name} {address(at)} ({mode})"


def _words(record: dict[str, Any]) -> str:
    """One record as a step."""
    match record["tag"]:
        case "E":
            arguments = ", ".join(address(int(record[name])) for name in ("a0", "a1", "a2", "a3"))
            return f"{record['fn']}({arguments})"
        case "R":
            result = int(record["rc"])  # some functions return a pointer, which the log has as a signed number
            return f"{record['fn']} returns {address(result % (1 << 64)) if result < -(1 << 31) else result}"
        case "L":
            lock = (int(record["lock"]), str(record["name"]), "read" if record["reader"] else "write")
            return f"{str(record['op']).removeprefix('rw-')} {_lock(lock)} at {record['site']}"
        case "M":
            failed = f" fails ({record['rc']})" if record["rc"] else ""
            return (
                f"vm_page_{record['fn']}{failed}: page {address(int(record['page']))} from object "
                f"{address(int(record['src']))} to {address(int(record['dst']))}, {duration(record['dur'])}"
            )
        case "A":
            return f"{record['fn']} fails: {insert_error_name(int(record['rc']))}"
        case "X":
            page = f", page {address(int(record['page']))}" if record["page"] else ""
            owner = f", owner {address(int(record['owner']))}" if record["owner"] else ""
            return f"{record['kind']}: object {address(int(record['object']))}{page}{owner}"
        case "P":
            return f"the kernel panics: {record['message']}"
        case "F":
            return f"fault at {address(int(record['va']))}, {duration(record['dur'])}"
        case tag:
            return f"record {tag}"


def _neighbours(story: Story, number: int) -> Section:
    rows = [
        {
            "after": int(record["ts"]) - story.begun,
            "line": record["line"],
            "thread": record["tid"],
            "record": _words(record),
        }
        for record in story.neighbours
    ]
    columns = (
        ("after", "ns", "since this fault's entry, or its first record"),
        ("line", "id", ""), ("thread", "id", ""), ("record", "text", ""),
    )  # fmt: skip
    text = "The nearest records on the same objects, before this fault and from then on."
    if not story.objects:
        text = "No VM object of this fault is known, so its neighbours are not either."
    elif not rows:
        text = "Nothing else in this log is known to be about the objects of this fault."
    tables = (table("Neighbours", rows, columns, _ALL),) if rows else ()
    return Section(f"neighbours-{number}", "On the same objects", text, tables=tables)
