# Everything a person or a build machine types. Needs python3 (3.11 or newer), make and git.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
# What runs the program, and what changes it: the demo need not wait for type checkers.
STAMP := $(VENV)/.installed
DEV_STAMP := $(VENV)/.installed-dev
MUTANTS_STAMP := $(VENV)/.installed-mutants

# dg looks at it to find the environment it runs in.
export VIRTUAL_ENV := $(CURDIR)/$(VENV)

# What make simulate does; the first 50 seeds are in make test.
MINUTES ?= 10
SEEDS ?= 51..1000000

.DEFAULT_GOAL := help
.PHONY: help demo test simulate mutants lint lint-style lint-types lint-files lint-definitions format up bench screenshots lock sbom secrets clean

help: ## Show this list
	@awk 'BEGIN {FS = ":.*## "} /^[a-z]+:.*## / {printf "  make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

demo: $(STAMP) ## Set up, then move a contractor's month into Vantagepoint and tie it out
	@$(BIN)/st-deltek demo

test: $(DEV_STAMP) ## Set up, then run the whole test suite
	@$(BIN)/pytest -n 3 --dist loadfile --no-loadscope-reorder

simulate: $(DEV_STAMP) ## Simulate both systems with faults and crashes for as long as there is time: make simulate MINUTES=60
	@$(BIN)/python -m st_deltek_pipeline_tests.simulation --seeds $(SEEDS) --minutes $(MINUTES)

lint: lint-types lint-style lint-files lint-definitions ## Style, types, layers, secrets, deployment files, and that the definitions load

lint-style: $(DEV_STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/lint-imports

lint-types: $(DEV_STAMP)
	$(BIN)/basedpyright

lint-files: $(DEV_STAMP)
	@# 3 says that a known, invented secret of a test has moved to another line.
	$(BIN)/detect-secrets-hook --baseline .secrets.baseline $$(git ls-files --cached --others --exclude-standard) || test $$? -eq 3
	$(BIN)/hadolint deploy/Containerfile
	$(BIN)/check-jsonschema --quiet --builtin-schema vendor.compose-spec $(wildcard deploy/compose*.yaml)
	$(BIN)/kubernetes-validate --quiet --strict $(filter-out %/values.yaml,$(wildcard deploy/kubernetes/*.yaml))
	@for file in deploy/proxy/Caddyfile deploy/proxy/*.caddy; do $(BIN)/caddy fmt --diff $$file >/dev/null || exit 1; done

lint-definitions: $(DEV_STAMP)
	$(BIN)/dagster definitions validate
	$(BIN)/dg check defs

format: $(DEV_STAMP) ## Rewrite the code in the project's style
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

up: $(STAMP) ## Start the live system: Dagster's UI and daemon (Ctrl-C stops it)
	@$(BIN)/st-deltek up

bench: $(DEV_STAMP) ## Measure intake, posting and memory; prints, never fails on a number
	@$(BIN)/python -m benchmarks.run

.PHONY: mutants
mutants: $(MUTANTS_STAMP) ## Change the code that money depends on, bit by bit: which changes does no test notice?
	@$(BIN)/python -m benchmarks.mutants

screenshots: $(DEV_STAMP) ## Take the pictures of Dagster's UI in docs/images anew, with the system's Chromium
	@$(BIN)/python -m st_deltek_pipeline_tests.browser.screenshots

lock: $(BIN)/uv ## Write the lock files anew from pyproject.toml
	$(COMPILE) --extra embedded --extra build -o requirements.lock
	$(COMPILE) --extra embedded --extra build --extra dev --constraints requirements.lock -o requirements-dev.lock
	$(COMPILE) --extra embedded --extra build --extra dev --extra mutants --constraints requirements-dev.lock \
		-o requirements-mutants.lock

sbom: $(DEV_STAMP) ## Write what the program is made of as a CycloneDX document, build/sbom.cdx.json, from the lock
	@mkdir -p build
	$(BIN)/python -W ignore -m cyclonedx_py requirements requirements.lock --pyproject pyproject.toml --mc-type application --spec-version 1.6 --output-format JSON --output-reproducible --validate --output-file build/sbom.cdx.json

secrets: $(DEV_STAMP) ## Record the invented secrets of tests; look at the difference before you commit it
	$(BIN)/detect-secrets scan --baseline .secrets.baseline

clean: ## Remove the virtual environment and caches; never the data folder, which may hold a journal
	rm -rf $(VENV) .pytest_cache .ruff_cache .hypothesis .import_linter_cache build dist
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

COMPILE = $(BIN)/uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes --no-header --no-annotate --quiet

# The locks name every package with its hash, so nothing is resolved (--no-deps) and nothing unknown is built.
# uv installs them in seconds where pip takes a minute; pip brings it, and does it all where uv cannot (it does not read
# pip's configuration of mirrors).
PIP = $(BIN)/python -m pip --quiet --quiet --disable-pip-version-check
LOCKED = --no-deps --require-hashes
export UV_NATIVE_TLS ?= 1

define install
	@echo "Installing the packages of $(1) ..."
	@$(BIN)/uv pip install --quiet --python $(BIN)/python $(LOCKED) -r $(1) 2>$(VENV)/uv.log || { \
		echo "uv could not, so pip does; this takes a minute ($(VENV)/uv.log says why)."; \
		$(PIP) install $(LOCKED) -r $(1); }
endef

$(BIN)/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null || { \
		echo "This project needs Python 3.11 or newer, and '$(PYTHON)' is not that (it says: $$($(PYTHON) --version 2>&1))."; \
		echo "Name another one:  make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "'$(PYTHON) -m venv' does not work here. On Debian or Ubuntu: apt-get install python3-venv"; exit 1; }

$(BIN)/uv: requirements-uv.lock | $(BIN)/python
	@$(PIP) install $(LOCKED) -r requirements-uv.lock || { printf '#!/bin/sh\nexit 1\n' >$@; chmod +x $@; }
	@touch $@

$(STAMP): requirements.lock pyproject.toml | $(BIN)/uv
	$(call install,requirements.lock)
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

$(DEV_STAMP): requirements-dev.lock $(STAMP)
	$(call install,requirements-dev.lock)
	@touch $@

$(MUTANTS_STAMP): requirements-mutants.lock $(DEV_STAMP)
	$(call install,requirements-mutants.lock)
	@touch $@
