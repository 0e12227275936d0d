# Everything a person or a build machine types. Needs python3 (3.11 or newer), make and git; uses uv when it is there.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
UV := $(shell command -v uv 2>/dev/null)

# dg looks at it to find the environment it runs in.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

.DEFAULT_GOAL := help
.PHONY: help demo test lint format up bench lock secrets clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-8s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Set up, then move five business days of a contractor into Vantagepoint and tie them out
	@$(BIN)/st-deltek demo

test: $(STAMP) ## Set up, then run the whole test suite
	@$(BIN)/pytest -n 2 --dist loadfile

lint: $(STAMP) ## Style, types, layers, secrets, and that the definitions load
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/basedpyright
	$(BIN)/lint-imports
	@# 3 says that a known, invented secret of a test has moved to another line.
	$(BIN)/detect-secrets-hook --baseline .secrets.baseline $$(git ls-files --cached --others --exclude-standard) || test $$? -eq 3
	$(BIN)/dagster definitions validate
	$(BIN)/dg check defs

format: $(STAMP) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: $(STAMP) ## Start the live system: Dagster's UI and daemon (Ctrl-C stops it)
	@$(BIN)/st-deltek up

bench: $(STAMP) ## Measure intake, posting and memory; prints, never fails on a number
	@$(BIN)/python -m benchmarks.run

lock: ## Write requirements.lock anew from pyproject.toml (needs uv)
	@test -n "$(UV)" || { echo "make lock needs uv on PATH: https://docs.astral.sh/uv/"; exit 1; }
	$(UV) pip compile pyproject.toml --extra embedded --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-header --no-annotate -o requirements.lock

secrets: $(STAMP) ## Record the invented secrets of tests; look at the difference before you commit it
	$(BIN)/detect-secrets scan --baseline .secrets.baseline

clean: ## Remove the virtual environment and caches; never the data folder, which may hold a journal
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# The lock names every package with its hash, so nothing is resolved (--no-deps) and nothing unknown is built.
$(STAMP): requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "This project needs Python 3.11 or newer, and '$(PYTHON)' is not that (it says: $$($(PYTHON) --version 2>&1))."; \
		echo "Name another one:  make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
ifneq ($(UV),)
	@test -x $(BIN)/python || $(UV) venv --quiet --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV)
	@echo "Installing the locked packages with uv ..."
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --require-hashes -r requirements.lock
	@$(UV) pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' does not work here. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(BIN)/python -m ensurepip >/dev/null
	@echo "Installing the locked packages with pip ..."
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --require-hashes -r requirements.lock
	@$(BIN)/python -m pip install --quiet --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
endif
	@touch $@
