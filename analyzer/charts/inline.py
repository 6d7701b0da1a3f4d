"""Charts as SVG elements that stand in the page itself: its colours, its font, no script."""

import io
import re

import matplotlib
from matplotlib.backends.backend_svg import FigureCanvasSVG

from analyzer.charts.images import STYLE, draw
from analyzer.charts.model import Chart
from analyzer.charts.palette import LIGHT

_VARIABLES = {color: f"var(--{tone})" for tone, color in LIGHT.items()}
_NOTHING = dict.fromkeys(("Date", "Creator", "Format", "Type"))


def inline_svg(chart: Chart, width: float) -> str:
    """The drawing alone, laid out for `width` inches; title, sentence and legend are the page's.

    Texts stay texts, colours are the variables of the page's theme, and ids begin with the chart's key and width, so
    that no two of a page are equal.
    """
    with matplotlib.rc_context(STYLE | {"svg.fonttype": "none"}):
        figure = draw(chart, width, bare=True)
        FigureCanvasSVG(figure)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata=_NOTHING)
    svg = re.sub(r"<metadata>.*?</metadata>|<defs>\s*<style.*?</style>\s*</defs>", "", out.getvalue(), flags=re.DOTALL)
    svg = svg[svg.index("<svg") :]
    used = set(re.findall(r'(?:href="#|url\(#)([\w-]+)', svg))
    prefix = f"{chart.key}-{width:g}-"

    def for_page(tag: re.Match) -> str:
        kept = re.sub(r' id="([^"]*)"', lambda found: found[0] if found[1] in used else "", tag[0])
        own = re.sub(r'( id="|href="#|url\(#)', rf"\g<1>{prefix}", kept).replace("'DejaVu Sans'", "inherit")
        return re.sub(r"#[0-9a-f]{6}\b", lambda color: _VARIABLES.get(color[0], color[0]), own)

    # Only tags: between them stand words of the log.
    return re.sub(r"\s*\n\s*", "\n", re.sub(r"<[^>]+>", for_page, svg)).strip()
