# Needs Python 3.11 or newer with pip, and make. `make help` lists the targets.

VENV := .venv
BIN := $(VENV)/$(if $(filter Windows_NT,$(OS)),Scripts,bin)
# The first Python that is new enough; another one: make PYTHON=/path/to/python3.12
PYTHON ?= $(or $(shell for python in python3 python3.13 python3.12 python3.11 python; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done),$(error needs Python 3.11 or newer))
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(BIN)/python -m pytest -n 2 --dist worksteal
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c .ci/constraints.txt

.DEFAULT_GOAL := help
.PHONY: help demo install test test-all check format reference clean

help: ## List the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1@\2/p' Makefile | awk -F@ '{printf "%-18s %s\n", $$1, $$2}'

demo: install ## Install, train on real digits, and show what came of it (two minutes)
	$(BIN)/nntrain fit configs/digits.yaml

install: $(VENV)/installed ## Install nntrain and pinned dependencies into .venv

test: $(VENV)/installed-test ## Run the tests
	$(PYTEST)

test-all: $(VENV)/installed-test ## Run the tests, the slow ones too
	$(PYTEST) -m ''

check: $(VENV)/installed-test ## Format, lint, types, layering, tests: what CI runs
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python
	$(BIN)/lint-imports
	$(PYTEST)

format: $(VENV)/installed-test ## Format the code and mend what ruff can mend
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

reference: $(VENV)/installed ## Write configs/REFERENCE.md anew from the schema
	$(BIN)/nntrain schema --markdown > configs/REFERENCE.md

clean: ## Remove .venv and caches; runs are kept
	rm -rf $(VENV) .pytest_cache .ruff_cache .import_linter_cache .hypothesis build dist

# pip from outside fills the environment where Python comes without ensurepip (Debian without python3-venv).
$(BIN)/python:
	@$(PYTHON) -m venv $(VENV) >/dev/null 2>&1 || { rm -rf $(VENV); $(PYTHON) -m venv --without-pip $(VENV) \
		&& $(PYTHON) -m pip --python $@ install --quiet pip; }

$(VENV)/installed: pyproject.toml .ci/constraints.txt | $(BIN)/python
	@echo "installing nntrain into $(VENV) (torch is large: a few minutes the first time)"
	@$(INSTALL) -e .
	@touch $@

$(VENV)/installed-test: $(VENV)/installed
	@echo "installing what the tests need"
	@$(INSTALL) -e '.[test]'
	@touch $@
