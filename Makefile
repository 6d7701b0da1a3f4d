# Works with GNU make and bmake.  `make report` and `make test` need only Python and make.
PYTHON = python3
VENV = .venv
# FreeBSD's pandas, pyarrow, plotly and matplotlib come from packages: there the environment sees those of the system.
VENVFLAGS != test "$$(uname -s)" != FreeBSD || echo --system-site-packages

all: report

# What a report needs, and no more.
$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENVFLAGS) $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable .
	touch $(VENV)/installed

$(VENV)/tests-installed: $(VENV)/installed
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $(VENV)/tests-installed

# The main job, on the recording of the bug that vmtrace began with.
report: $(VENV)/installed
	mkdir -p out
	$(VENV)/bin/vmtrace report samples/10.1/d4326.log.xz -o out/d4326.html --plots out/plots --force

# On FreeBSD ruff is a package.
lint: $(VENV)/tests-installed
	PATH=$(VENV)/bin:$$PATH ruff check .
	$(VENV)/bin/mypy

suite: $(VENV)/tests-installed
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

# Side by side: while tests wait for a process that they started, mypy has the core.
test: $(VENV)/tests-installed
	$(MAKE) -j 2 lint suite

# Verdicts on N simulated traces, held against what happened; N=100000 takes half an hour on two cores.
N = 2000
soundness: $(VENV)/tests-installed
	$(VENV)/bin/python -m tests.simulator --seeds $(N)

# Readers on damaged input, guided by coverage, SECONDS in all; TARGET="vmtrace kdump" for some of them.
SECONDS = 600
TARGET =
$(VENV)/fuzz-installed: $(VENV)/tests-installed
	$(VENV)/bin/python -m pip install --quiet --editable '.[fuzz]'
	touch $(VENV)/fuzz-installed

fuzz: $(VENV)/fuzz-installed
	nice -n 19 $(VENV)/bin/python -m tests.fuzz --seconds $(SECONDS) $(TARGET)

# One log of each script and one file of each foreign format, cut at every byte: some two minutes.
cuts: $(VENV)/tests-installed
	$(VENV)/bin/python -m tests.fuzz.cuts

# Small changes to functions of verdict, analysis, summary and ingest (ROOM="verdict/claims summary"): do the tests see them?
MUTANTS = 200
ROOM =
mutate: $(VENV)/tests-installed
	nice -n 19 $(VENV)/bin/python -m tests.mutate --mutants $(MUTANTS) $(ROOM)

# The manual pages, from the commands' help, the scripts' headers and docs/log-format.md.
man: $(VENV)/tests-installed
	$(VENV)/bin/python man/generate.py

man-lint:
	mandoc -T lint -W warning man/man1/*.1 man/man5/*.5

# The oldest versions that pyproject.toml admits.
test-low:
	$(PYTHON) -m venv $(VENVFLAGS) $(VENV)-low
	$(VENV)-low/bin/python -m pip install --quiet --editable '.[test]' 'pandas==2.3.*' 'plotly==5.24.*' 'typer==0.26.*'
	$(VENV)-low/bin/python -m pytest -n 2 --dist loadfile

# Ten minutes and more, and 7 GB in the folder for temporary files.
bench: $(VENV)/tests-installed
	$(VENV)/bin/python bench/run.py

clean:
	rm -rf $(VENV) $(VENV)-low out build dist

.PHONY: all report lint suite test soundness fuzz cuts mutate man man-lint test-low bench clean
