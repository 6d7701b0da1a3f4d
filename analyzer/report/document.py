"""A report's content, whatever form it is written in: html, text, markdown.

All texts are plain text as the log has them, process names included: each form escapes for itself.
"""

from dataclasses import dataclass

from analyzer.charts.model import Chart
from analyzer.verdict.finding import Certainty, Severity, label


@dataclass(frozen=True)
class Column:
    """A table's column; `kind` is one of format.KINDS and says how values are written, aligned and sorted."""

    name: str
    kind: str
    help: str = ""


@dataclass(frozen=True)
class Table:
    """Rows of values as the columns' kinds want them (see format.cell); None is "not measured".

    Attributes:
        caption: what the rows are, and how many were left out if some were.
        columns: at least one.
        rows: each as long as columns.
    """

    caption: str
    columns: tuple[Column, ...]
    rows: tuple[tuple[object, ...], ...]


@dataclass(frozen=True)
class Finding:
    """One statement of the verdict.

    Attributes:
        certainty: how sure it is.
        severity: how bad it is, if it is so.
        headline: one sentence.
        detail: what it rests on, one or a few sentences; may be empty.
        next_step: what to look at next; may be empty.
        evidence: the records it rests on.
        stacks: their stacks, equal ones once.
        marks: what is the same event or followed from it, one sentence each.
    """

    certainty: Certainty
    severity: Severity
    headline: str
    detail: str = ""
    next_step: str = ""
    evidence: Table | None = None
    stacks: Table | None = None
    marks: tuple[str, ...] = ()

    @property
    def label(self) -> str:
        """How bad and how sure, in words."""
        return label(self.severity, self.certainty)

    @property
    def tone(self) -> str:
        """What colours it: how bad it is, where there is something."""
        return "clean" if self.certainty == "clean" else self.severity

    @property
    def quiet(self) -> bool:
        """Whether healthy kernels do it too: it is shown without alarm."""
        return self.severity == "ordinary" and self.certainty != "clean"


@dataclass(frozen=True)
class Section:
    """One analysis: heading, what it says in a sentence or two, its charts and tables; `key` is a-z, 0-9, "-"."""

    key: str
    heading: str
    sentence: str
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True)
class Document:
    """A report.

    Attributes:
        title: "10.1/d4326.log.xz", or whatever names the input.
        subtitle: one line: kernel, script, faults, seconds.
        scope: what the verdict is about, a line each: how much was recorded, gaps, filters.
        findings: the verdict, weightiest first.
        sections: in reading order.
        provenance: (what, value): file, sha256, host, kernel, script, command, counters, ….
        gaps: one sentence for each thing that is missing from the trace and what it puts in doubt.
        unread: lines that could not be read; None where all could.
        overview: the whole trace in one picture; None where nothing has a time.
        figures: the key figures, as (name, value).
        next_command: what to type next; empty where nothing is left to ask.
    """

    title: str
    subtitle: str
    scope: tuple[str, ...]
    findings: tuple[Finding, ...]
    sections: tuple[Section, ...]
    provenance: tuple[tuple[str, str], ...]
    gaps: tuple[str, ...] = ()
    unread: Table | None = None
    overview: Chart | None = None
    figures: tuple[tuple[str, str], ...] = ()
    next_command: str = ""

    @property
    def charts(self) -> tuple[Chart, ...]:
        """Every chart, the overview first."""
        first = (self.overview,) if self.overview else ()
        return (*first, *(chart for section in self.sections for chart in section.charts))

    @property
    def picture(self) -> Chart | None:
        """The one picture that stands for the report; None where there is nothing to draw."""
        told = [chart for chart in self.charts if chart.marks]
        return min(told, key=lambda chart: not chart.key.startswith("finding-"), default=None)
