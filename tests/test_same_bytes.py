"""The same input gives the same bytes, in whatever process, at whatever time."""

import os
import subprocess
import sys

from recordings import ROOT, log

# What draws, judges or packs; one interpreter runs them all, as its imports take as long as one of them.
COMMANDS = [
    ["report", log("13.2/leak"), "-o", "page.html", "--interactive"],
    ["report", log("13.2/leak"), "-o", "picture.svg"],
    ["bundle", log("13.2/leak"), "-o", "bundle.zip"],
    ["diff", log("13.2/badfault"), log("13.2/leak"), "-o", "diff.json"],
]
PROGRAM = f"from analyzer.cli import app\nfor words in {COMMANDS}:\n    app(words, standalone_mode=False)"


def test_the_same_bytes_twice(tmp_path):
    outputs = []
    for seed in ("1", "2"):
        folder = tmp_path / seed
        folder.mkdir()
        varied = {"PYTHONPATH": str(ROOT), "PYTHONHASHSEED": seed, "TZ": f"UTC{seed}", "XDG_CACHE_HOME": str(folder)}
        run = subprocess.run([sys.executable, "-c", PROGRAM], cwd=folder, env=os.environ | varied, capture_output=True)
        assert run.returncode == 0, run.stderr
        outputs.append({path.name: path.read_bytes() for path in folder.glob("*.*")})
    assert outputs[0] == outputs[1]
    assert set(outputs[0]) == {words[words.index("-o") + 1] for words in COMMANDS}
