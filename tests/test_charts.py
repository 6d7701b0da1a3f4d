"""The figures say what their tables say, and all three renderers draw every figure."""

import io
import itertools
import json
import math
import re
import struct
import xml.etree.ElementTree as ElementTree
from collections import Counter

import pytest
from chart_samples import HOSTILE, PROVENANCE, charts, tables
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.text import Text
from recordings import SAMPLES, log
from rich.console import Console

from analyzer.analysis.failures import FailedThen
from analyzer.charts import distributions, images, over_time, plotly_html, shares, sites, stacks, steps, story, terminal
from analyzer.charts.model import Bars, Boxes, Chart, Points, Steps
from analyzer.report.build import build_document
from analyzer.summary.summarize import summarize

EVERY = charts(False) + charts(True)
every_chart = pytest.mark.parametrize(
    "chart", EVERY, ids=[f"{chart.key}-{'filled' if chart.marks else 'empty'}" for chart in EVERY]
)
filled_chart = pytest.mark.parametrize("chart", charts(False), ids=lambda chart: chart.key)


def drawn_in_terminal(chart: Chart, width: int) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(terminal.render(chart, width))
    return out.getvalue()


def png_texts(image: bytes) -> dict[str, str]:
    """The tEXt and iTXt chunks of a PNG file."""
    texts, at = {}, 8
    while at < len(image):
        (size,) = struct.unpack(">I", image[at : at + 4])
        kind, data = image[at + 4 : at + 8], image[at + 8 : at + 8 + size]
        if kind == b"tEXt":
            key, text = data.split(b"\0", 1)
            texts[key.decode()] = text.decode("latin-1")
        elif kind == b"iTXt":
            key, rest = data.split(b"\0", 1)
            texts[key.decode()] = rest[2:].split(b"\0", 2)[2].decode()
        at += 12 + size
    return texts


def overlaps(figure) -> list[tuple[str, str]]:
    """Pairs of texts of a matplotlib figure that stand on one another, or out of it."""
    FigureCanvasAgg(figure).draw()
    whole = figure.bbox
    texts = [text for text in figure.findobj(Text) if text.get_visible() and text.get_text().strip()]
    boxes = [(text.get_text(), text.get_window_extent()) for text in texts]
    found = [(one, other) for (one, a), (other, b) in itertools.combinations(boxes, 2) if a.padded(-1).overlaps(b)]
    outside = [(text, "edge") for text, box in boxes if box.x0 < whole.x0 - 1 or box.x1 > whole.x1 + 1]
    return found + outside


def marks(chart: Chart, kind: type) -> list:
    return [mark for mark in chart.marks if isinstance(mark, kind)]


@pytest.mark.parametrize("chart", charts(True), ids=lambda chart: chart.key)
def test_empty_tables_give_an_empty_frame_that_says_why(chart):
    assert chart.marks == ()
    assert chart.alt.startswith(("No", "This log has n"))
    assert chart.alt in drawn_in_terminal(chart, 100)
    assert "nothing to draw" in plotly_html.figure_json(chart)


@every_chart
def test_images_carry_their_provenance_and_are_the_same_twice(chart):
    png, svg = images.render(chart, "png", "svg")
    assert png.startswith(b"\x89PNG") and [svg] == images.render(chart, "svg")  # ids are what could differ
    texts = png_texts(png)
    assert (texts["Title"], texts["Description"], texts["Source"]) == (chart.title, chart.alt, PROVENANCE)
    root = ElementTree.fromstring(svg)
    said = [element.text for element in root.iter() if element.tag.startswith("{http://purl.org/dc/elements/1.1/}")]
    assert PROVENANCE in said
    assert b"<dc:date>" not in svg


def test_provenance_is_drawn_too():
    chart = charts(False)[0]
    bare = Chart(**(vars(chart) | {"provenance": ""}))
    (said,), (unsaid,) = images.render(chart, "svg"), images.render(bare, "svg")
    assert len(said) > len(unsaid) + len(PROVENANCE) * 20


@every_chart
def test_plotly_figures_are_the_same_twice_and_carry_their_words(chart):
    text = plotly_html.figure_json(chart)
    assert text == plotly_html.figure_json(chart)
    assert not set("<>&") & set(text)
    meta = json.loads(text)["layout"]["meta"]
    assert (meta["title"], meta["alt"], meta["provenance"]) == (chart.title, chart.alt, chart.provenance)


@every_chart
@pytest.mark.parametrize("width", [40, 80, 132])
def test_terminal_keeps_to_its_width_and_writes_no_control_character(chart, width):
    text = drawn_in_terminal(chart, width)
    assert all(len(line) <= width for line in text.splitlines())
    assert all(c.isprintable() for c in text.replace("\n", ""))


@filled_chart
def test_hostile_names_stay_text(chart):
    figure = json.loads(plotly_html.figure_json(chart))
    del figure["layout"]["meta"]  # never drawn
    texts = json.dumps(figure)
    assert "<b onclick" not in texts and "<script" not in texts
    assert "\\u001b" not in texts and "\\t" not in texts.replace("\\\\t", "")


@filled_chart
def test_everything_lies_inside_the_axes(chart):
    for mark in chart.marks:
        if isinstance(mark, Points):
            assert all(chart.x.low <= x <= chart.x.high for x in mark.x)
            assert all(chart.y.low <= y <= chart.y.high for y in mark.y)
        elif isinstance(mark, Steps):
            assert chart.x.low <= mark.edges[0] and mark.edges[-1] <= chart.x.high
            assert mark.base + max(mark.heights) < math.ceil(mark.base)
            assert len(mark.edges) == len(mark.heights) + 1 == len(mark.texts) + 1
        elif isinstance(mark, Boxes):
            assert len(mark.left) == len(mark.right) == len(mark.bottom) == len(mark.names) == len(mark.texts)
            sides = zip(mark.left, mark.right, strict=True)
            assert all(chart.x.low <= left < right <= chart.x.high for left, right in sides)
            assert all(chart.y.low <= bottom <= chart.y.high - 1 for bottom in mark.bottom)
        elif isinstance(mark, Bars):
            assert len(mark.at) == len(mark.start) == len(mark.end) == len(mark.texts)


def test_stacked_failures_add_up():
    failures = tables(False)["failures"]
    chart = over_time.failures_over_time(failures, 10, PROVENANCE)
    bars = marks(chart, Bars)
    assert sum(end - start for bar in bars for start, end in zip(bar.start, bar.end, strict=True)) == (
        sum(each.failed for each in failures)
    )
    by_second, failed = {}, Counter()
    for each in failures:
        failed[each.second] += each.failed
    for bar in bars:
        for at, start, end in zip(bar.at, bar.start, bar.end, strict=True):
            assert start == by_second.get(at, 0)
            by_second[at] = end
    assert {at - 0.5: top for at, top in by_second.items()} == failed
    assert bars[-1].name == "1 other kind" and bars[-1].tone == "quiet"


def test_long_traces_are_binned_without_loss():
    failures = [FailedThen(second, "vm_fault", "KERN_FAILURE", 1) for second in range(5000)]
    (bar,) = marks(over_time.failures_over_time(failures, 5000, PROVENANCE), Bars)
    assert len(bar.at) <= 240 and sum(bar.end) == 5000
    assert "21 seconds" in over_time.failures_over_time(failures, 5000, PROVENANCE).y.title


def test_a_function_that_never_failed_shows_its_upper_end():
    chart = shares.failure_frequency(tables(False)["rates"][:3], None, PROVENANCE)
    failed, never = marks(chart, Points)
    assert failed.texts == ("2 of 19,105: 0.0105 %",) and failed.symbol == "circle"
    assert never.texts == ("0 of 967: at most 0.4 %",) and never.symbol == "hollow"
    assert never.x == never.low == (chart.x.low,) and never.high == (0.004,)
    assert [row.value for row in chart.rows][2] == "0 of 0: never called"


def test_the_rate_asked_of_a_fail_point_stands_among_its_own_rates_only():
    rates = tables(False)["rates"]
    with_line, without, elsewhere = (
        shares.failure_frequency(rates, asked, PROVENANCE) for asked in ((HOSTILE[1], 0.05), None, ("vm_map", 0.05))
    )
    (line,) = [mark for mark in with_line.marks if mark not in without.marks]
    assert line.text == "asked for: 5 %" and with_line.x.high > 0.05
    assert with_line.rows[len(with_line.rows) - 1 - line.row].name == HOSTILE[1]
    assert elsewhere.marks == without.marks


def test_the_leak_is_the_only_loud_mark():
    t = tables(False)
    chart = over_time.overview(t["faults"], t["events"], [], 4.2, PROVENANCE)
    faults, leak, failed = chart.marks
    assert (leak.tone, leak.x, leak.texts) == ("bad", (0.25,), (f"lock held: {t['events'][0].text}",))
    assert faults.tone != "bad" != failed.tone
    assert [row.value for row in chart.rows[1:]] == ["at 0.250 s", f"{2 * len(HOSTILE)}, first at 3.500 s"]
    assert "lock held: at 0.250 s" in chart.alt


def test_each_of_several_logs_has_a_row_and_a_beginning_of_its_own():
    t = tables(False)
    late = {second + 500: faults for second, faults in t["faults"].items()}
    chart = over_time.overview_of_logs([("a", t["faults"], t["events"]), ("b", late, [])], PROVENANCE)
    assert [row.name for row in chart.rows] == ["a", "b"] and "each trace began" in chart.x.title
    assert {int(y) for mark in marks(chart, Points) for y in mark.y} == {1}


def test_a_gap_is_seen_in_its_interval():
    chart = over_time.coverage_over_time(tables(False)["seconds"], tables(False)["gaps"], PROVENANCE)
    called, recorded = marks(chart, Bars)
    assert (called.end, recorded.end) == ((120, 40, 0), (100, 50, 0))


@pytest.mark.parametrize("chart", EVERY, ids=lambda chart: f"{chart.key}-{'filled' if chart.marks else 'empty'}")
@pytest.mark.parametrize("width", [9.0, 4.0])
def test_no_text_stands_on_another(chart, width):
    overlapping = overlaps(images.draw(chart, width, bare=width < 9))
    assert not overlapping


def test_coverage_tells_missing_from_whole():
    chart = shares.coverage_counts(tables(False)["measures"], PROVENANCE)
    whole, missing = marks(chart, Bars)
    assert (whole.tone, missing.tone) == ("good", "warn")
    assert missing.end == (15287 / 18160,)
    assert chart.alt == "faults: 15,287 of 18,160, 84.2 %."


def test_distributions_keep_shares_and_gaps():
    bins = tables(False)["path_bins"]
    soft = marks(distributions.path_latency(bins, PROVENANCE), Steps)[0]
    areas = [
        height * math.log(right / left)
        for left, right, height in zip(soft.edges, soft.edges[1:], soft.heights, strict=False)
    ]
    counts = [3, 0, 50, 25, 0, 1]
    assert [area / sum(areas) for area in areas] == pytest.approx([count / sum(counts) for count in counts])


def test_a_tree_of_stacks_keeps_its_counts_and_names_what_has_room():
    chart = stacks.failed_insert_stacks(tables(False)["tree"], PROVENANCE)
    roots, callers = marks(chart, Boxes)
    assert [right - left for left, right in zip(roots.left, roots.right, strict=True)] == [60, 4]
    assert set(roots.bottom) == {3.0} and min(callers.bottom) == 0.0
    assert "64 failed inserts, 60 of them in vm_radix_insert" in chart.alt
    drawn = {text.get_text() for text in images.draw(chart, 9.0, bare=True).findobj(Text)}
    assert "vm_page_insert_after" in drawn and roots.names[1] not in drawn
    assert "60  vm_radix_insert" in drawn_in_terminal(chart, 80)


def test_stacked_bars_differ_without_colours_and_stand_where_they_begin():
    table = tables(False)["step_costs"]
    soft, copy = drawn_in_terminal(steps.step_costs(table, PROVENANCE), 100).splitlines()[2:4]
    marked = [re.search(r"[█▓=▒].*[█▓=▒]", line)[0] for line in (soft, copy)]
    assert set(marked[0]) == {"▓", "▒"} and set(marked[1].rstrip("▏▎▍▌▋▊▉")) == {"█"}
    assert marked[0].count("▓") / len(marked[0]) == pytest.approx(0.3, abs=0.02)
    early, late = drawn_in_terminal(story.story("s", "s", tables(False)["story"], "s", ""), 100).splitlines()[2:5:2]
    assert early.index("▒") < late.index("█")


def test_an_acquire_without_a_release_is_marked_on_its_site():
    chart = sites.lock_sites(tables(False)["sites"], PROVENANCE)
    (left,) = marks(chart, Points)
    assert left.x == (3.0,) and left.texts[0].endswith("1 never released")
    assert sum(len(bars.at) for bars in marks(chart, Bars)) == len(chart.rows) == 3


def test_row_names_come_out_visible():
    bins = [each._replace(path=HOSTILE[2]) for each in tables(False)["path_bins"]]
    chart = distributions.path_latency(bins, PROVENANCE)
    assert [row.name for row in chart.rows] == [r"a\tb\nF\t1"]


def test_a_finding_is_told_as_a_story_on_one_axis():
    beside = SAMPLES / "10.1/raw/procstat-hang.txt.xz"
    document = build_document(summarize([log("10.1/d4326"), str(beside)]), top=5)
    (chart,) = [chart for chart in document.charts if chart.key == "finding-1"]
    told = [row.name.partition(",")[0] for row in chart.rows]
    harm = ["vm_page_rename failed (1)", "vm_radix_insert failed (12)", "double-free", "lock-held"]
    waiting = ["6 threads wait for a read/write lock", "1 thread waits for a sleepable lock",
               "8 other faults without a return"]  # fmt: skip
    assert told[-7:] == [*harm, *waiting] and "100051" in chart.title and document.picture is chart
    (held,) = [mark for mark in marks(chart, Bars) if mark.tone == "bad"]
    assert held.end == (chart.x.high,) and chart.rows[-4].value.endswith("to the end")
    (came,) = [mark for mark in marks(chart, Points) if mark.tone == "warn"]
    assert came.x == (chart.x.high,) * 3 and "perhaps of another moment or box" in came.texts[0]
    assert not overlaps(images.draw(chart, 9.0, bare=False))
