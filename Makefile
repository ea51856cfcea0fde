# mjbridge: everything a person or CI runs. `make` alone lists it.
#
# .venv is built from the hashed lock file and from nothing else. It is built anew when the
# lock file changes, and the project in it is linked anew when pyproject.toml does.

PYTHON ?= $(or $(shell \
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do \
      "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
        && { echo "$$candidate"; break; }; \
    done),$(error mjbridge needs Python 3.11 or newer, and found none on PATH; say where it is with PYTHON=/path/to/python3))

VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
LOCKED := $(VENV)/.locked
INSTALLED := $(VENV)/.installed

# Two kinds of check in one tree would share its caches; the recipes are quick enough in turn.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help run test check bench chaos soak lock clean
MAKEFLAGS += --no-print-directory

help:
	@awk -F ' *## *' '/^[a-z]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec: Ctrl-C and SIGTERM reach the supervisor itself, once, and its exit code is ours.
run: $(INSTALLED)  ## run everything: the real thing with an API key in the settings, else the sandbox
	@exec $(BIN)/mjbridge up --auto

test: $(INSTALLED)  ## run the tests, which start what they need themselves
	@$(BIN)/python -m pytest

check: $(INSTALLED)  ## format, lint, types, layers, tests with coverage: what .ci/run runs
	@echo '== format';  $(BIN)/ruff format --check --quiet . || { echo 'mend with: $(BIN)/ruff format .' >&2; exit 1; }
	@echo '== lint';    $(BIN)/ruff check --quiet .
	@echo '== types';   $(BIN)/mypy
	@echo '== layers';  $(BIN)/lint-imports --no-logo
	@echo '== tests';   $(BIN)/coverage erase && $(BIN)/coverage run -m pytest
	@echo '== coverage'; $(BIN)/coverage combine --quiet && $(BIN)/coverage report

bench: $(INSTALLED)  ## run the benchmarks and print their table
	@$(BIN)/python -m benchmarks

chaos: $(INSTALLED)  ## kill processes for minutes and count what was lost (nothing)
	@$(BIN)/python -m pytest -n 0 -m chaos --timeout 900

soak: $(INSTALLED)  ## run for long under load and watch for growth
	@$(BIN)/python -m pytest -n 0 -m soak --timeout 7200

# The lock names hashes and no addresses: pip fetches from wherever its user's pip fetches.
lock:  ## compile requirements.lock anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv on PATH' >&2; exit 1; }
	@uv pip compile --universal --generate-hashes --no-header --quiet \
	  --group dev pyproject.toml -o requirements.lock

clean:  ## remove .venv and everything that checks leave behind (never the data in .mjbridge)
	@rm -rf $(VENV) dist htmlcov .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(LOCKED): requirements.lock
	@$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("mjbridge needs Python 3.11 or newer; $(PYTHON) is %d.%d" % sys.version_info[:2])'
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
	  { echo '$(PYTHON) cannot make virtual environments (on Debian: apt-get install python3-venv)' >&2; exit 1; }
	@echo 'Setting up .venv from requirements.lock (once; a minute or two)'
	@$(PYTHON) -m venv --clear $(VENV)
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

$(INSTALLED): $(LOCKED) pyproject.toml
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@
