# Both commands make their own environment in .venv; all they need is Python 3.11 or newer with venv.
PYTHON ?= python3
PRESET ?= auto
BIN := .venv/bin

.PHONY: replicate test lab report bench clean

.venv/ready: settings.ini setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q torch==2.13.0
	$(BIN)/pip install -q -e '.[dev]' -c constraints.txt
	touch $@

replicate: .venv/ready # render the corpora, run the notebooks, write the report
	$(BIN)/gasca_replicate --preset $(PRESET)

test: .venv/ready # every notebook's cells, one notebook at a time since they share caches; then the tests
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/nbdev_test --n_workers 1
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/pytest

lab: .venv/ready # read and run the notebooks
	$(BIN)/jupyter lab nbs

report: .venv/ready # the reports again, from the run files alone; the last one is reports/README.md, too
	$(BIN)/gasca_report reports/quick
	$(BIN)/gasca_report reports/standard

bench: .venv/ready # reports/speed.md: what the shortcuts save, on this machine
	$(BIN)/pip install -q -e '.[bench]' -c constraints.txt
	mkdir -p reports/quick/notebooks
	PATH="$(CURDIR)/$(BIN):$$PATH" $(BIN)/papermill nbs/11_speed.ipynb reports/quick/notebooks/11_speed.ipynb --cwd nbs -k python3 --no-progress-bar -p people 30 -p epochs 4 -p finetunes 3 -p repeats 3 -p nf 32 -p out ../reports

clean: # caches; run files and reports stay
	rm -rf data models
