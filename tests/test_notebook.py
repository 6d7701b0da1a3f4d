"""The methods of Trace and Summary, and the example notebook, whose outputs are of now."""

import base64
import doctest
import importlib.util
import json

import pandas as pd
import pytest
from plotly.graph_objects import Figure
from recordings import ROOT, log, recordings

import analyzer
from analyzer.errors import DataError

KNOWN = dict(recordings())
VIEWS = [name for name in dir(analyzer.Summary) if name.startswith(("df_", "fig_"))]


@pytest.fixture(scope="module")
def trace():
    return analyzer.load(log("13.2/failpoint-5pct"))


@pytest.fixture(scope="module")
def summary():
    return analyzer.summarize([log("13.2/failpoint-5pct")])


@pytest.mark.parametrize("view", VIEWS)
def test_every_view_of_a_trace_and_a_summary(trace, summary, view):
    shown = [getattr(of, view)(*(["path"] if view == "df_failures_by" else [])) for of in (trace, summary)]
    if view.startswith("df_"):
        pd.testing.assert_frame_equal(*shown)
        assert len(shown[0].columns)
    else:
        assert isinstance(shown[0], Figure) and shown[0].to_json() == shown[1].to_json()
        assert "sha256" in shown[0].layout.meta["provenance"]


def test_views_are_those_of_the_report(summary):
    known = KNOWN["13.2/failpoint-5pct"]
    assert summary.df_path_costs()["faults"].sum() == known["records"]["F"]
    assert summary.df_failures_by_second()["failed"].sum() == summary.df_failure_rates()["failed"].sum()
    drawn = {chart.title for chart in summary.document.charts}
    assert drawn == {getattr(summary, view)().layout.meta["title"] for view in VIEWS if view.startswith("fig_")}


def test_html_is_harmless_and_says_the_verdict():
    shown = analyzer.load(log("10.1/d4326"))._repr_html_()
    assert "bug of review D4326" in shown and f"{KNOWN['10.1/d4326']['records']['F']:,}" in shown
    assert "<b onclick" not in analyzer.load(log("13.2/hostile-names"))._repr_html_()


def test_summaries_merge_into_one_that_shows_itself(summary):
    both = summary.merge(analyzer.summarize([log("13.2/clean")]))
    assert isinstance(both, analyzer.Summary) and len(both.logs) == 2
    assert both.df_path_costs()["faults"].sum() == sum(
        KNOWN[name]["records"]["F"] for name in ("13.2/failpoint-5pct", "13.2/clean")
    )
    assert repr(both).startswith("Summary of 2 logs")


def test_the_examples_of_the_page(monkeypatch):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testfile(str(ROOT / "docs" / "python.md"), module_relative=False)
    assert tried and not failed


def test_the_door_completes_and_is_short():
    assert set(dir(analyzer)) == {"Summary", "Trace", "__version__", "load", "summarize"}
    assert all(len(repr(analyzer.load(log(name)))) < 200 for name in ("13.2/leak", "13.2/agg-clean"))


def test_a_missing_file_is_an_oserror():
    for door in (analyzer.load, analyzer.summarize):
        with pytest.raises(OSError, match="No such file"):
            door("no.log")


@pytest.mark.parametrize("name", ["kdump-badfault-HT.txt", "ktrace-badfault.out", "kdump-badfault.txt"])
def test_load_reads_what_report_reads(name):
    trace = analyzer.load(ROOT / "samples" / "13.2" / "raw" / f"{name}.xz")
    assert len(trace.faults) == trace.df_path_costs()["faults"].sum()


def test_a_chart_that_a_log_has_nothing_for():
    with pytest.raises(DataError, match="nothing that a chart"):
        analyzer.summarize([log("13.2/locks")]).fig_path_latency()


def test_the_notebook_keeps_what_its_cells_give_now():
    spec = importlib.util.spec_from_file_location("keep_outputs", ROOT / "examples" / "keep_outputs.py")
    keep_outputs = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(keep_outputs)
    kept, now = (outputs(notebook) for notebook in (json.loads(keep_outputs.NOTEBOOK.read_text()), keep_outputs.run()))
    pictures = [output["data"].pop("image/png", None) for output in kept + now if "data" in output]
    assert all(base64.b64decode(picture).startswith(b"\x89PNG") for picture in filter(None, pictures))
    assert kept == now, "run examples/keep_outputs.py"
    printed = "".join(line for output in kept for line in output.get("text", ()))
    assert "vm_radix_insert" in printed and "The leak and the double free are gone" in printed


def outputs(notebook):
    return [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
