"""Runs the notebook and keeps in it what its cells give: what they print, their tables, a chart as the report draws it.

    python examples/keep_outputs.py     # after a change of the notebook, or of what its cells say

Jupyter would keep of a chart a script of plotly's, which no viewer of repositories runs.
"""

import ast
import base64
import contextlib
import io
import json
from pathlib import Path
from typing import Any

import pandas as pd
from PIL import Image
from plotly.graph_objects import Figure

from analyzer.charts.images import render
from analyzer.notebook import Views

NOTEBOOK = Path(__file__).parent / "d4326.ipynb"
_COLOURS = 48  # a third of the bytes, and no eye misses the others


def run() -> dict[str, Any]:
    """The notebook as nbformat 4 has it, each cell of code with its outputs of now."""
    notebook = json.loads(NOTEBOOK.read_text())
    names: dict[str, object] = {}
    code = (cell for cell in notebook["cells"] if cell["cell_type"] == "code")
    with contextlib.chdir(NOTEBOOK.parent):  # as Jupyter does
        for number, cell in enumerate(code, 1):
            cell["execution_count"] = number
            cell["outputs"] = _outputs("".join(cell["source"]), names, number)
    return notebook


def _outputs(source: str, names: dict[str, object], number: int) -> list[dict[str, Any]]:
    """What the cell prints, and what its last line is if that is an expression."""
    *before, last = ast.parse(source).body
    printed, value = io.StringIO(), None
    with contextlib.redirect_stdout(printed):
        if isinstance(last, ast.Expr):
            exec(compile(ast.Module(before, []), "cell", "exec"), names)
            value = eval(compile(ast.Expression(last.value), "cell", "eval"), names)
        else:
            exec(compile(source, "cell", "exec"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())})
    if value is not None:
        data = _picture(value, names) if isinstance(value, Figure) else _words(value)
        outputs.append({"data": data, "execution_count": number, "metadata": {}, "output_type": "execute_result"})
    return outputs


def _words(value: Any) -> dict[str, Any]:
    # How many columns the words of a table have room for is another thing in each pandas: all stand here.
    words = value.to_string() if isinstance(value, pd.DataFrame) else repr(value)
    return {"text/html": _lines(value._repr_html_()), "text/plain": _lines(words)}


def _picture(figure: Figure, names: dict[str, object]) -> dict[str, Any]:
    """The report's picture of the chart that the figure is of, with its sentence for those who cannot see it."""
    charts = [chart for value in names.values() if isinstance(value, Views) for chart in value.document.charts]
    chart = next(chart for chart in charts if chart.title == figure.layout.meta["title"])
    small = io.BytesIO()
    Image.open(io.BytesIO(*render(chart, "png"))).convert("RGB").quantize(_COLOURS).save(small, "png", optimize=True)
    return {"image/png": base64.b64encode(small.getvalue()).decode(), "text/plain": _lines(chart.alt)}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


if __name__ == "__main__":
    NOTEBOOK.write_text(json.dumps(run(), indent=1, ensure_ascii=False) + "\n")
