# Every recipe sets up what it needs in .venv by itself; no step asks a question or needs root.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
ADDRESS ?= 127.0.0.1:8000
METHODS ?=
export PIP_DISABLE_PIP_VERSION_CHECK := 1

.DEFAULT_GOAL := help
.PHONY: help serve setup site tutorials check test lint verify bench train lock clean

help: ## list the recipes
	@echo "Sightglass: make RECIPE"; echo
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  \1\t\2/p' $(MAKEFILE_LIST) | expand -t 12
	@echo; echo "Then, for the command line: $(BIN)/sightglass --help"

serve: $(VENV)/.site ## read the library at http://127.0.0.1:8000, with reload (no torch needed)
	$(BIN)/sightglass site --serve --address $(ADDRESS)

setup: $(VENV)/.all ## set up torch and all the rest: to run methods, to measure, to test

site: $(VENV)/.site ## build the whole site into site/ (no torch needed)
	$(BIN)/sightglass site

tutorials: $(VENV)/.all ## execute the tutorials that are stale and keep their outputs
	$(BIN)/sightglass tutorials --stale

check: $(VENV)/.site ## check the catalogue
	$(BIN)/sightglass check

test: $(VENV)/.all ## run all tests
	$(BIN)/sightglass check
	$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: $(VENV)/.all ## style, types, and how long methods are
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/python tools/budgets.py

verify: $(VENV)/.all ## measure every claim and write the ledger (METHODS="cam", or METHODS=--stale for what has changed)
	$(BIN)/sightglass verify $(METHODS)
	$(BIN)/python -m repro.lab.samples
	$(BIN)/sightglass photographs --stale

bench: $(VENV)/.all ## measure speed and memory beside other libraries, half an hour (ARGS="--device cuda")
	PYTHONPATH=tools $(BIN)/python -m benchmarks.methods $(ARGS)

train: $(VENV)/.all ## train the small networks that the claims are measured on (minutes each)
	$(BIN)/sightglass train

lock: ## pin every dependency to what is current: constraints.txt
	rm -rf .cache/lock && $(PYTHON) -m venv .cache/lock
	.cache/lock/bin/python -m pip install -q -e '.[site,lab,dev]'
	echo '# Exact versions of everything, made by "make lock"; pip takes them with -c.' > constraints.txt
	.cache/lock/bin/python -m pip freeze --exclude-editable | sed 's/+cpu$$//' | grep -v '^nvidia-\|^cuda-\|^triton' >> constraints.txt

clean: ## remove what was built or installed here
	rm -rf $(VENV) .cache site build *.egg-info

# The light group: reading, citing, the site.
$(VENV)/.site: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[site]'
	@touch $@

# Everything: torch, the tutorials' kernel, the tests' tools.
$(VENV)/.all: pyproject.toml constraints.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install -q -c constraints.txt -e '.[site,lab,dev]'
	$(BIN)/python -m pip install -q --no-deps torchattacks==3.5.1 # a peer; it asks for an old requests that it only downloads models with
	@touch $@ $(VENV)/.site

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
	  echo "Sightglass needs Python 3.11 or newer; say which: make PYTHON=python3.12 ..." >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
