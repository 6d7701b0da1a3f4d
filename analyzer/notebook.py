"""What a person at a prompt or in a notebook gets: a Trace and a Summary that show themselves.

They are those of ingest and analysis, with the tables of every analysis as `df_…()` and the charts of the report as
`fig_…()`.  They stand here, above charts and report, because ingest and analysis know of neither.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from html import escape
from os import PathLike
from typing import TYPE_CHECKING, NamedTuple

import pandas as pd

from analyzer.analysis import coverage, failures, imbalance, locks, moves, paths
from analyzer.errors import DataError
from analyzer.format import cell, counted, visible
from analyzer.ingest import trace as whole
from analyzer.report.build import build_document
from analyzer.report.document import Document
from analyzer.summary import summarize as summarizing
from analyzer.summary.filters import Filter
from analyzer.summary.summary import LogSummary
from analyzer.summary.summary import Summary as PlainSummary

if TYPE_CHECKING:
    from plotly.graph_objects import Figure

_TOP = 20


class Views(ABC):
    """The analyses of `self.summary` as tables and figures; times and durations are ns, shares are 0 to 1."""

    @property
    @abstractmethod
    def summary(self) -> PlainSummary:
        """What they are of."""

    @cached_property
    def document(self) -> Document:
        """The report."""
        return build_document(self.summary, _TOP)

    @cached_property
    def _log(self) -> LogSummary:
        return self.summary.total()

    def df_findings(self) -> pd.DataFrame:
        """The verdict: number, severity, certainty, headline, detail, next_step."""
        columns = ["severity", "certainty", "headline", "detail", "next_step"]
        rows = [[getattr(finding, name) for name in columns] for finding in self.document.findings]
        return pd.DataFrame(rows, columns=columns, index=pd.RangeIndex(1, len(rows) + 1, name="number"))

    def df_failure_rates(self) -> pd.DataFrame:
        """analysis.failures.failure_rates: function, result, failed, of, rate, low, high (95 % Wilson interval)."""
        return _frame(failures.failure_rates(self._log), failures.FailureRate)

    def df_failures_by(self, key: str) -> pd.DataFrame:
        """analysis.failures.failures_by: failed faults by "path" or "process"."""
        return _frame(failures.failures_by(self._log, key), failures.FailureRate).rename(columns={"function": key})

    def df_failures_by_second(self) -> pd.DataFrame:
        """analysis.failures.failures_by_second: second, function, result, failed."""
        return _frame(failures.failures_by_second(self._log), failures.FailedThen)

    def df_insert_stacks(self) -> pd.DataFrame:
        """analysis.failures.insert_stacks: failed, infault, result, stack."""
        return _frame(failures.insert_stacks(self._log), failures.FailedStack)

    def df_imbalance(self) -> pd.DataFrame:
        """analysis.imbalance.imbalance_points: second, delta, kind, label."""
        return _frame(imbalance.imbalance_points(self._log), imbalance.Imbalance)

    def df_path_costs(self) -> pd.DataFrame:
        """analysis.paths.path_costs: faults, time and percentiles by path."""
        return _frame(paths.path_costs(self._log), paths.PathCost)

    def df_latency_bins(self) -> pd.DataFrame:
        """analysis.paths.latency_bins: path, low, high, faults."""
        return _frame(paths.latency_bins(self._log), paths.PathBin)

    def df_process_costs(self) -> pd.DataFrame:
        """analysis.paths.process_costs: process, faults, failed, time."""
        return _frame(paths.process_costs(self._log), paths.ProcessCost)

    def df_move_costs(self) -> pd.DataFrame:
        """analysis.moves.move_costs: page moves by function and place, with radix operations a move."""
        return _frame(moves.move_costs(self._log), moves.MoveCost)

    def df_move_percentiles(self) -> pd.DataFrame:
        """analysis.moves.move_percentiles: function, p50, p90, p99."""
        return _frame(moves.move_percentiles(self._log), moves.MovePercentiles)

    def df_move_bins(self) -> pd.DataFrame:
        """analysis.moves.move_bins: function, low, high, moves."""
        return _frame(moves.move_bins(self._log), moves.MoveBin)

    def df_hold_times(self) -> pd.DataFrame:
        """analysis.locks.hold_times: VM object locks held, by mode and code site."""
        return _frame(locks.hold_times(self._log), locks.HoldTime)

    def df_wait_times(self) -> pd.DataFrame:
        """analysis.locks.wait_times: VM object locks waited for, by kind, mode and code site."""
        return _frame(locks.wait_times(self._log), locks.WaitTime)

    def df_lock_sites(self) -> pd.DataFrame:
        """analysis.locks.lock_sites: lock operations inside faults, by code site."""
        return _frame(locks.lock_sites(self._log), locks.LockSite)

    def df_coverage_counts(self) -> pd.DataFrame:
        """analysis.coverage.counts: measure, recorded, expected, gap."""
        return _frame(coverage.counts(self._log), coverage.Counted)

    def df_coverage_seconds(self) -> pd.DataFrame:
        """analysis.coverage.coverage_seconds: second, recorded, called."""
        return _frame(coverage.coverage_seconds(self._log), coverage.CoveredSecond)

    def fig_failure_frequency(self) -> "Figure":
        """How often each function failed."""
        return self._figure("failure-frequency")

    def fig_failures_over_time(self) -> "Figure":
        """Failures by function and result over time."""
        return self._figure("failures-over-time")

    def fig_failed_insert_stacks(self) -> "Figure":
        """The stacks of failed inserts as one tree."""
        return self._figure("failed-insert-stacks")

    def fig_overview(self) -> "Figure":
        """The whole trace: faults over time and each thing that went wrong."""
        return self._figure("overview")

    def fig_path_latency(self) -> "Figure":
        """How long faults took, by path."""
        return self._figure("path-latency")

    def fig_time_by_path(self) -> "Figure":
        """Each path's share of the faults and of their time."""
        return self._figure("time-by-path")

    def fig_move_costs(self) -> "Figure":
        """How long page moves took."""
        return self._figure("move-costs")

    def fig_coverage_counts(self) -> "Figure":
        """Records against the kernel's own counts."""
        return self._figure("coverage")

    def fig_coverage_seconds(self) -> "Figure":
        """Faults recorded and calls counted, interval by interval."""
        return self._figure("coverage-over-time")

    def _figure(self, key: str) -> "Figure":
        """A chart of the report; DataError where the logs have nothing for it."""
        from analyzer.charts.plotly_html import figure

        for chart in self.document.charts:
            if chart.key == key:
                return figure(chart)
        raise DataError(f"{self.document.title}: records nothing that a chart of {key} could show")

    def _repr_html_(self) -> str:
        """The verdict, and how many records there are of what."""
        document = self.document
        findings = "".join(
            f"<li><b>{escape(finding.label)}</b>: {escape(visible(finding.headline))}</li>"
            for finding in document.findings
        )
        rows = "".join(
            f"<tr><td>{escape(tag)}</td><td>{cell('int', records)}</td></tr>"
            for tag, records in self._log.sums("records", "records", "tag").items()
        )
        return (
            f"<h4>{escape(visible(document.title))}</h4><p>{escape(visible(document.subtitle))}</p>"
            f"<ol>{findings}</ol><table><tr><th>record</th><th>number</th></tr>{rows}</table>"
        )


def _frame(rows: Sequence[NamedTuple], kind: type[NamedTuple]) -> pd.DataFrame:
    """What an analysis gives, all of one kind, as a table; with its columns where there is none."""
    return pd.DataFrame(rows, columns=kind._fields)


class Summary(Views, PlainSummary):
    """summary.summary.Summary with the views of a notebook."""

    @property
    def summary(self) -> PlainSummary:
        return self

    def merge(self, *others: PlainSummary) -> "Summary":
        return Summary(super().merge(*others).logs)

    def __repr__(self) -> str:
        return f"Summary of {counted(len(self.logs), 'log')}: {', '.join(str(log.meta['name']) for log in self.logs)}"


@dataclass(frozen=True, repr=False)
class Trace(Views, whole.Trace):
    """ingest.trace.Trace with the views of a notebook, which are of the log at `path`, not of changes to the tables."""

    path: str = ""
    as_format: str | None = None

    @cached_property
    def summary(self) -> PlainSummary:
        return summarizing.summarize([self.path], as_format=self.as_format)

    def __repr__(self) -> str:
        records = ", ".join(f"{len(table):,} {tag}" for tag, table in self.tables.items())
        return f"Trace of {self.path}: {records or 'no records'}"


def load(path: str | PathLike[str], as_format: str | None = None) -> Trace:
    """Read one file whole, a vmtrace log or what another program printed; see ingest.trace.load."""
    trace = whole.load(path, as_format)
    return Trace(trace.meta, trace.tables, trace.notices, trace.unread, str(path), as_format)


def summarize(
    paths: str | PathLike[str] | Iterable[str | PathLike[str]], chosen: Filter | None = None, jobs: int | None = None
) -> Summary:
    """The Summary of one path or of any number of them; see summary.summarize.summarize."""
    several = [paths] if isinstance(paths, str | PathLike) else paths
    return Summary(summarizing.summarize(map(str, several), chosen, jobs).logs)
