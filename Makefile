# Most targets make their environment in .venv first; that needs Python 3.11 or newer with venv.
# torch as pip finds it brings CUDA along on Linux, several GB. For a CPU alone, give the index of PyTorch's
# CPU wheels, which the selector on pytorch.org names; .venv is then 1.7 GB: make replicate TORCH_INDEX=...
PYTHON ?= python3
PRESET ?= auto
TORCH_INDEX ?=
BIN := .venv/bin
RUN := PATH="$(CURDIR)/$(BIN):$$PATH"
DRAW := MPLBACKEND=module://matplotlib_inline.backend_inline MATPLOTLIBRC=/dev/null
SHOWN := $(wildcard nbs/0[5-9]*.ipynb nbs/10*.ipynb)

.PHONY: replicate test attack lab report article bench cards page site notebooks publish lock hooks counters clean

.venv/ready: settings.ini setup.py pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(BIN)/pip install -q torch==2.13.0 $(if $(TORCH_INDEX),--index-url $(TORCH_INDEX))
	$(BIN)/pip install -q -e '.[dev]' -c constraints.txt
	touch $@

replicate: .venv/ready # render the corpora, run the notebooks, write the report, compare it with the published one
	$(BIN)/gasca_replicate --preset $(PRESET)

test: .venv/ready # every notebook's cells, two notebooks at a time; then the tests, two files at a time
	$(RUN) PYTHONPATH="$(CURDIR)/tests/checked" OMP_NUM_THREADS=1 nbdev_test --n_workers 2
	$(RUN) OMP_NUM_THREADS=1 pytest -n 2 --dist loadfile --no-loadscope-reorder

attack: .venv/ready # kills in every step, a full disk, damaged files: half an hour on two cores
	$(RUN) pytest -m 'slow or not slow' tests/test_attack.py

lab: .venv/ready # read and run the notebooks, from their index on
	$(BIN)/jupyter lab --ServerApp.root_dir=. nbs/index.ipynb

report: .venv/ready # the report and the README's results again, from the run files alone
	$(BIN)/gasca_report reports/world
	$(BIN)/python -c 'from gasca.report.readme import fill_readme; print(fill_readme())'

article: .venv/ready # reports/article.pdf: the published run on four printed pages
	$(BIN)/gasca_article

bench: .venv/ready # reports/speed.md: what the shortcuts save, on this machine
	$(BIN)/pip install -q -e '.[bench]' -c constraints.txt
	mkdir -p replication/speed
	$(RUN) $(DRAW) papermill nbs/machine/07_speed.ipynb replication/speed/07_speed.ipynb --cwd nbs/machine -k python3 --no-progress-bar -p people 15 -p epochs 4 -p finetunes 3 -p repeats 9 -p nf 32 -p out ../../reports

cards: .venv/ready # gasca/weights/*.md: a page for each published model
	$(BIN)/gasca_cards

page: .venv/ready # reports/playground.html: the published networks in one file for a browser
	$(BIN)/gasca_page

site: .venv/ready # _site/index.html: README, notebooks and reports as pages; a warning is an error
	$(BIN)/pip install -q -e '.[site]' -c constraints.txt
	PYTHONPATH=site $(BIN)/sphinx-build -q -W --keep-going -b html -c site . _site

notebooks: .venv/ready # run the run notebooks in place: their outputs are what a reader gets by "run all"
	$(RUN) $(DRAW) GASCA_PROGRESS=/dev/null jupyter nbconvert --to notebook --execute --inplace $(SHOWN)
	for f in $(SHOWN); do $(BIN)/nbdev_clean --fname $$f; done

publish: .venv/ready # the worlds of a finished replication join the published ones
	$(BIN)/gasca_publish
	$(MAKE) report cards article notebooks page

lock: # requirements.lock: what .ci/run installs, torch too, by hash; versions as in constraints.txt; needs uv
	echo torch==2.13.0 | uv pip compile -q - pyproject.toml --extra dev --extra site -c constraints.txt \
	    --universal --python-version 3.11 --generate-hashes --no-annotate --no-emit-index-url \
	    --custom-compile-command 'make lock' -o requirements.lock

hooks: .venv/ready # git merges notebooks by cells, Jupyter saves them clean
	$(BIN)/nbdev_install_hooks

counters: # how the code reads, in numbers
	$(PYTHON) tools/counters.py

clean: # caches; run files and reports stay
	rm -rf data models _site jupyter_execute
