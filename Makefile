# What one does with a checkout; `make help` lists it. Everything lands in $(VENV), build/ and out/.
#
# A stamp file in the environment says what is installed there. As long as it is newer than
# pyproject.toml and constraints.txt, no target asks the network for anything.

PYTHON ?= python3
VENV   ?= .venv
JOBS   ?= 2
ARGS   ?=

PY      := $(VENV)/bin/python
INSTALL := $(PY) -m pip --disable-pip-version-check install --quiet --constraint constraints.txt
# The build backend is in the environment, pinned: an install needs no second, isolated one.
# It warns at length that an editable install follows the source folders, which is the point.
PROJECT := PYTHONWARNINGS=ignore $(INSTALL) --no-build-isolation

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check lint format type bench bench-check docs clean build/typing

help:  ## list the targets
	@awk -F ':.*## *' '/^[a-z-]+:.*##/ { printf "  make %-11s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

run: $(VENV)/.run  ## the main job: a real ONNX classifier becomes NNEF, runs, and is lowered to OpenVX
	$(PY) samples/direction/run.py

test: $(VENV)/.test  ## every test; make test ARGS="tests/test_ops.py -k conv" for some
	$(PY) -m pytest -n $(JOBS) --dist loadgroup $(ARGS)

check: lint type test  ## what a change must pass: lint, type and test

lint: $(VENV)/.lint  ## style and formatting
	$(PY) -m ruff check
	$(PY) -m ruff format --check

format: $(VENV)/.lint  ## mend what the linter can mend
	$(PY) -m ruff check --fix
	$(PY) -m ruff format

type: $(VENV)/.lint build/typing  ## static types, strict
	$(PY) -m mypy

bench: $(VENV)/.test  ## measure speed and memory, and write docs/performance.md
	$(PY) -m benchmarks $(ARGS)

bench-check: $(VENV)/.test  ## compare instruction counts with the stored ones; ARGS=--update
	$(PY) -m benchmarks.instructions $(ARGS)

docs: $(VENV)/.test  ## write the generated pages of docs/
	$(PY) docs/generate.py

clean:  ## remove what the other targets made, the environment excepted
	rm -rf build dist out *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis

# Type checkers do not follow the mapping of converters/ and grammar/ into the package (see
# pyproject.toml), so they get the same tree through links.
build/typing:
	@rm -rf $@ && mkdir -p $@/nnefx
	@ln -s $(addprefix $(CURDIR)/,$(wildcard nnefx/*) converters grammar) $@/nnefx/

$(VENV)/.made: constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "nnefx needs Python 3.11 or later; name one: make PYTHON=python3.11" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(INSTALL) pip setuptools
	@touch $@

$(VENV)/.run: $(VENV)/.made pyproject.toml constraints.txt
	$(PROJECT) --editable '.[onnx]' --group direction
	@touch $@

$(VENV)/.test: $(VENV)/.made pyproject.toml constraints.txt
	$(PROJECT) --editable '.[caffe,lsp,onnx,png,tensorflow,tflite,torch]' --group test
	$(INSTALL) --no-deps timm
	@touch $@

$(VENV)/.lint: $(VENV)/.test
	$(INSTALL) --group lint
	@touch $@
