"""The page as a browser lays it out: on a phone, a desk and paper, light and dark, with its script and without.

And what a log has planted in it is not run.
"""

import re
from pathlib import Path

import pytest
from chromium import PROGRAM, Chromium
from recordings import summarized
from test_hostile import NAMES, written
from test_html import with_charts

from analyzer.report.build import build_document
from analyzer.report.html import render_html
from analyzer.summary.summarize import summarize

WIDTHS = (390, 1024, 1440)  # CSS pixels: a phone, a small window, a desk
# Every line of text that is to be seen, all details open: [text, left, top, right, bottom].
LINES = """(() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), lines = [];
  while (texts.nextNode()) {
    const node = texts.currentNode;
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const r of range.getClientRects())
      if (r.width > 1) lines.push([node.data.trim(), r.left, r.top, r.right, r.bottom]);
  }
  return lines;
})()"""
# All that a reader may touch: each table sorted, each chart drawn and pointed at.
TOUCHED = """(() => {
  document.querySelectorAll("details").forEach((one) => { one.open = true; });
  for (const one of document.querySelectorAll("th button, g.point")) {
    one.dispatchEvent(new MouseEvent("mouseover", { bubbles: true }));
    one.dispatchEvent(new MouseEvent("click", { bubbles: true }));
  }
  return document.querySelectorAll("th button").length;
})()"""
DRAWN = "[...document.querySelectorAll('.plot svg')].filter((one) => one.checkVisibility()).length"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("needs a Chromium: none is found in PATH")
    started = Chromium(tmp_path_factory.mktemp("profile"))
    yield started
    started.close()


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """The page of the recorded bug, and one of every chart with names that a process may give itself."""
    folder = tmp_path_factory.mktemp("pages")
    documents = {"d4326": build_document(summarized("10.1/d4326"), top=20), "charts": with_charts()}
    for name, document in documents.items():
        (folder / f"{name}.html").write_text(render_html(document), encoding="utf-8")
    return {name: (folder / f"{name}.html", document) for name, document in documents.items()}


def overlaps(lines: list[list]) -> list[tuple[str, str]]:
    """Lines of text that stand on one another by more than a pixel."""
    found, above = [], []
    for line in sorted(lines, key=lambda line: line[2]):
        above = [other for other in above if other[4] - 1 > line[2]]
        found += [(other[0], line[0]) for other in above if other[1] + 1 < line[3] and line[1] + 1 < other[3]]
        above.append(line)
    return found


@pytest.mark.parametrize("name", ["d4326", "charts"])
def test_no_text_stands_on_another_and_nothing_is_wider_than_the_page(browser, pages, name):
    for width in WIDTHS:
        browser.open(pages[name][0], width)
        lines = browser.evaluate(LINES)
        assert len(lines) > 100 and not overlaps(lines), width
        assert browser.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("name", ["d4326", "charts"])
def test_without_its_script_all_is_there(browser, pages, name):
    page, document = pages[name]
    seen = {}
    for scripts in (True, False):
        browser.open(page, 1024, dark=not scripts, scripts=scripts)
        assert browser.evaluate("document.querySelectorAll('th button').length > 0") is scripts
        seen[scripts] = {line[0] for line in browser.evaluate(LINES)}, browser.evaluate(DRAWN)
    assert seen[True] == seen[False]
    assert seen[False][1] == sum(bool(chart.marks) for chart in document.charts)


def test_the_recorded_bug_prints_on_three_sheets(browser, pages):
    browser.open(pages["d4326"][0], 1024)
    assert len(re.findall(rb"/Type\s*/Page\b", browser.pdf())) == 3


def told(browser: Chromium, page: Path) -> tuple[list[str], list[str]]:
    """What the browser asked for besides the page, and what it complained of, while a reader touched everything."""
    browser.events.clear()
    browser.open(page, 1024)
    browser.evaluate(TOUCHED)
    browser.evaluate("new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)))")

    def of(*kinds: str) -> list[dict]:
        return [event["params"] for event in browser.events if event["method"] in kinds]

    asked = [request["request"]["url"] for request in of("Network.requestWillBeSent")]
    complaints = of("Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled")
    # An image in the page's own text (plotly 5 tries one) is fetched from nowhere.
    fetched = [url for url in asked if url != page.as_uri() and not url.startswith("data:image/")]
    return fetched, list(map(str, complaints))


def test_nothing_that_a_log_has_planted_is_run_or_fetched(browser, pages, tmp_path, monkeypatch):
    planted, report, drawn = (tmp_path / f"{name}.html" for name in ("planted", "report", "drawn"))
    planted.write_text("".join(NAMES))
    document = build_document(summarize([str(written(tmp_path))]), 50)
    report.write_text(render_html(document, interactive=True), encoding="utf-8")
    monkeypatch.setattr("analyzer.report.html.inline_svg", lambda *_: "")  # they are in the plain page
    drawn.write_text(render_html(pages["charts"][1], interactive=True), encoding="utf-8")
    for domain in ("Network", "Runtime", "Log"):
        browser.call(f"{domain}.enable")
    requests, complaints = told(browser, planted)
    assert requests and complaints and browser.evaluate("window.planted") == 1  # where nothing escapes it
    for page in (report, pages["charts"][0], drawn):
        assert told(browser, page) == ([], [])
        assert browser.evaluate("window.planted === undefined && document.querySelectorAll('th button').length > 9")
        plots = browser.evaluate("document.querySelectorAll('.js-plotly-plot').length")
        assert (plots > 3) is (page in (report, drawn))
