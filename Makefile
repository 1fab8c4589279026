# One command on a fresh machine: every target first builds .venv, once, from constraints.txt.
# pip's own settings (PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS) choose where packages come from, for example
# builds of PyTorch for the CPU.

PYTHON ?= python3
BACKEND ?= torch
RECIPE ?= scenes_pyramidclip
# What `make bench` sets our training beside, where it is there; BENCH: more of its arguments.
REFERENCE ?= --reference ../shared/anchors/open_clip_flickr8k.py --reference-data ../shared/data/flickr8k_entities
# Where edits are drawn and how, e.g. MUTANTS="--seed 3 --within core/layers"
MUTANTS ?=
# Engines otherwise start a thread a core each, and two of them in one test run slow each other down.
THREADS ?= 2
export OMP_NUM_THREADS ?= $(THREADS)
export OPENBLAS_NUM_THREADS ?= $(THREADS)
export MKL_NUM_THREADS ?= $(THREADS)

VENV_PYTHON := .venv/bin/python

# What `make look` shows: checkpoints on a suite, by a browser without a window.
CHECKPOINTS ?= runs/$(RECIPE)_$(BACKEND)
SUITE ?= scenes
BROWSER ?= chromium

.PHONY: setup train look check test test-full fuzz mutants faults bench

setup: .venv/.stamp

.venv/.stamp: setup.cfg pyproject.toml constraints.txt
	$(PYTHON) -m venv .venv
	$(VENV_PYTHON) -m pip install -c constraints.txt -e ".[torch,mindspore,detection,dev]"
	# Its metrics are what tests compare with; what else it asks for (webdataset, pycocoevalcap) they do not use.
	$(VENV_PYTHON) -m pip install -c constraints.txt --no-deps clip_benchmark
	touch $@

train: setup
	$(VENV_PYTHON) tools/train.py --config configs/pretrain/$(RECIPE).yaml --backend $(BACKEND) --out runs/$(RECIPE)_$(BACKEND)

# The report of a suite, opened in a browser as a person would see it: runs/look/report.png.
look: setup
	$(VENV_PYTHON) tools/evaluate.py --suite $(SUITE) --checkpoint $(CHECKPOINTS) --out runs/look --backend $(BACKEND)
	$(VENV_PYTHON) docs/pictures/report.py --page runs/look/report.html --out runs/look/report.png --browser $(BROWSER)

# Lint, layout and the types of the contracts.
check: setup
	$(VENV_PYTHON) -m ruff check .
	$(VENV_PYTHON) -m ruff format --check .
	mkdir -p .venv/src && ln -sfn ../.. .venv/src/tandemclip
	$(VENV_PYTHON) -m mypy

test: check
	$(VENV_PYTHON) -m pytest -m "not slow and not faults" --durations=30

test-full: setup
	$(VENV_PYTHON) -m pytest -m "not faults"

# 2,000 edits of configurations, tables, json and tar files; `make test` makes the first 200.
fuzz: setup
	$(VENV_PYTHON) -m pytest tests/fuzz

# Small edits of the code for twenty minutes, and which of them the tests notice; the next call goes on.
mutants: setup
	$(VENV_PYTHON) tests/mutants/run.py --minutes 20 $(MUTANTS)

faults: setup
	$(VENV_PYTHON) -m pytest tests/faults

bench: setup
	$(VENV_PYTHON) tools/bench.py $(REFERENCE) $(BENCH)
