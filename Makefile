# Works with GNU make and bmake.  `make report` and `make test` need only Python and make.
PYTHON = python3
VENV = .venv

all: report

$(VENV)/installed: pyproject.toml
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --editable '.[test]'
	touch $(VENV)/installed

# The main job, on the recording of the bug that vmtrace began with.
report: $(VENV)/installed
	mkdir -p out
	$(VENV)/bin/vmtrace report samples/10.1/d4326.log.xz -o out/d4326.html --plots out/plots --force

test: $(VENV)/installed
	$(VENV)/bin/ruff check .
	$(VENV)/bin/python -m pytest -n 2 --dist loadfile

# The oldest versions that pyproject.toml admits.
test-low:
	$(PYTHON) -m venv $(VENV)-low
	$(VENV)-low/bin/python -m pip install --quiet --editable '.[test]' 'pandas==2.3.*' 'plotly==5.24.*'
	$(VENV)-low/bin/python -m pytest -n 2 --dist loadfile

# Ten minutes and more, and 7 GB in the folder for temporary files.
bench: $(VENV)/installed
	$(VENV)/bin/python bench/run.py

clean:
	rm -rf $(VENV) $(VENV)-low out build dist

.PHONY: all report test test-low bench clean
