"""The page: one file, no network, and nothing that a process wrote ever becomes markup."""

import base64
import dataclasses
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from chart_samples import HOSTILE, PROVENANCE, charts

from analyzer.charts.model import Chart
from analyzer.charts.palette import LIGHT
from analyzer.format import NOT_MEASURED
from analyzer.report.document import Column, Document, Finding, Section, Table
from analyzer.report.html import render_html

SOME = 4
_KINDS = ("text", "code", "int", "id", "ns", "time", "share", "interval", "addr")


def table(name: str) -> Table:
    columns = tuple(Column(f"{kind} {name}", kind, f"what {name} means") for kind in _KINDS)
    rows = (
        (name, f"a`{name}\na`b", 19012, 100051, 41337, 2_868_757_123, 0.0526, (0.01, 0.02), 0xFFFFF80001A14800),
        (name, name, None, None, None, None, float("nan"), None, name),
    )
    return Table(f"caption {name}", columns, rows)


def document(name: str, drawn: list[Chart]) -> Document:
    """A document with `name` wherever the log's own words may come."""
    return Document(
        title=f"title {name}",
        subtitle=f"subtitle {name}",
        scope=(f"scope {name}",),
        findings=tuple(
            Finding(certainty, "needs a look", f"headline {name}", f"detail {name}", f"next {name}", table(name))
            for certainty in ("proved", "suspected", "not measured", "clean")
        ),
        sections=(Section("all", f"heading {name}", f"sentence {name}", tuple(drawn), (table(name),)),),
        provenance=(("command", name), (name, PROVENANCE)),
        gaps=(f"gap {name}",),
        unread=table(name),
    )


class Page(HTMLParser):
    """The elements of a page with the names of their attributes, its texts, and its scripts."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements, self.texts, self.scripts, self.data, self.attributes = [], [], [], {}, []
        self._script: dict[str, str | None] | None = None
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, tuple(name for name, _ in attrs)))
        self.attributes += [(tag, name, value) for name, value in attrs]
        self._script = dict(attrs) if tag == "script" else None

    def handle_endtag(self, tag):
        self.elements.append((tag, "end"))
        self._script = None

    def handle_data(self, data):
        if self._script is None:
            self.texts.append(data)
        elif self._script.get("type") == "application/json":
            self.data[self._script["id"]] = json.loads(data)
        else:
            self.scripts.append(data)


def with_charts() -> Document:
    return document("leaker", [*charts(False), dataclasses.replace(charts(True)[0], key="empty")])


@pytest.fixture(scope="module")
def page() -> str:
    return render_html(with_charts())


@pytest.fixture(scope="module")
def interactive() -> str:
    """With some of the charts: what plotly gets of each is in test_charts.py."""
    return render_html(document("leaker", charts(False)[:SOME]), interactive=True)


@pytest.mark.parametrize("name", HOSTILE)
def test_no_element_and_no_attribute_comes_from_the_log(name):
    tame, hostile = (Page(render_html(document(text, []))) for text in ("x", name))
    assert hostile.elements == tame.elements
    assert hostile.scripts == tame.scripts
    assert not re.search(r"[\t\x1b]", "".join(hostile.texts))
    shown = name.encode("unicode_escape").decode() if not name.isprintable() else name
    assert "".join(hostile.texts).count(shown) >= 20


def test_charts_keep_hostile_names_in_their_data_and_texts(page, interactive):
    figures = [key for key in Page(interactive).data if key.endswith("-figure")]
    assert len(figures) == SOME and not Page(page).data
    parsed = Page(page)
    assert {tag for tag, _ in parsed.elements} <= {
        "html", "head", "meta", "title", "style", "body", "header", "nav", "main", "section", "footer", "figure",
        "figcaption", "div", "span", "p", "h1", "h2", "h3", "ul", "ol", "li", "a", "strong", "dl", "dt",
        "dd", "details", "summary", "table", "caption", "thead", "tbody", "tr", "th", "td", "script", "code", "pre",
        "svg", "g", "path", "text", "tspan", "use", "defs", "clippath", "rect",
    }  # fmt: skip
    assert not [name for _, name, _ in parsed.attributes if name.startswith("on")]


def test_drawings_are_in_the_page_in_its_colours_with_ids_of_their_own(page):
    drawings = re.findall(r"<svg.*?</svg>", page, re.DOTALL)
    assert len(drawings) == 2 * len(charts(False))
    for drawing in drawings:
        assert "var(--" in drawing and not set(LIGHT.values()) & set(re.findall(r"#[0-9a-f]{6}", drawing))
        used, there = (set(re.findall(sign, drawing)) for sign in (r'(?:href="#|url\(#)([\w-]+)', r' id="([\w-]+)"'))
        assert used == there
    named = re.findall(r' id="([^"]+)"', page)
    assert len(named) == len(set(named))


@pytest.mark.parametrize("kind", ["page", "interactive"])
def test_nothing_is_fetched_and_only_known_scripts_run(kind, request):
    page = request.getfixturevalue(kind)
    parsed = Page(page)
    assert not [(name, value) for _, name, value in parsed.attributes if name in ("src", "srcset", "data", "action")]
    assert all(value.startswith("#") for _, name, value in parsed.attributes if name.endswith("href"))
    policy = next(value for _, name, value in parsed.attributes if name == "content" and "default-src" in value)
    assert "default-src 'none'" in policy
    assert "http" not in policy and "unsafe-eval" not in policy and "connect-src" not in policy
    allowed = re.findall(r"'sha256-([^']+)'", policy)
    assert allowed == [base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for text in parsed.scripts]
    assert len(allowed) == {"page": 1, "interactive": 3}[kind]
    style = page[page.index("<style>") : page.index("</style>")]
    assert "url(" not in style and "@import" not in style


def test_plotly_is_inside_only_where_it_was_asked_for(page, interactive):
    assert sum("Plotly" in script and len(script) > 1_000_000 for script in Page(interactive).scripts) == 1
    assert len(page) < 1_000_000 and "Plotly" not in page
    assert "<svg" in interactive  # and is whole where its scripts may not run


def test_the_verdict_comes_first_and_says_how_sure_it_is(page):
    order = [value for tag, name, value in Page(page).attributes if tag == "section" and name == "id"]
    assert order == ["verdict", "all", "unread", "provenance"]
    labels = [f"needs a look, {word}" for word in ("proved", "suspected", "not measured")] + ["clean"]
    assert re.findall(r'<span class="certainty">([a-z ,]+)<', page) == labels


def test_it_reads_well_without_its_charts(page):
    texts = "".join(Page(page).texts)
    for chart in charts(False) + charts(True)[:1]:
        assert chart.title in texts and chart.alt in texts
    assert texts.count("nothing to draw") == 1
    assert page.count('role="img"') == len(charts(False))


def test_cells_are_written_aligned_and_sortable(page):
    assert '<td class="number" data-value="19012.0">19,012</td>' in page
    assert '<td class="number" data-value="41337.0">41.3 µs</td>' in page
    assert '<td class="number" data-value="0.01">1–2 %</td>' in page
    assert '<td class="addr">0xfffff80001a14800</td>' in page
    assert f'<td class="number unknown" title="not measured">{NOT_MEASURED}</td>' in page
