# mjbridge: everything a person or CI runs. `make` alone lists it.
#
# .venv is built from hashed lock files and from nothing else: `make run` installs what
# running needs (requirements.lock), everything else what development needs on top of the same
# versions (requirements-dev.lock). It is built anew when a lock file changes, and the project
# in it is linked anew when pyproject.toml does.

PYTHON ?= $(or $(shell \
    for candidate in python3.11 python3.12 python3.13 python3.14 python3; do \
      "$$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1 \
        && { echo "$$candidate"; break; }; \
    done),$(error mjbridge needs Python 3.11 or newer, and found none on PATH; say where it is with PYTHON=/path/to/python3))

VENV := .venv
BIN := $(VENV)/bin
# A banner of MkDocs' theme about its successor, on every build.
export NO_MKDOCS_2_WARNING := 1
# Everything here starts Python again and again; without compiled modules, each of these
# processes would compile all that it imports, which takes longer than most of them run.
unexport PYTHONDONTWRITEBYTECODE
PYTEST := $(BIN)/python -m pytest
# In this order: what is installed anew is linked anew.
RUNTIME := $(VENV)/.runtime $(VENV)/.linked
DEVELOPMENT := $(VENV)/.development $(VENV)/.linked

# Two kinds of check in one tree would share its caches; the recipes are quick enough in turn.
.NOTPARALLEL:
.DEFAULT_GOAL := help
.PHONY: help run test fast check docs bench chaos soak lock clean
MAKEFLAGS += --no-print-directory

help:
	@awk -F ' *## *' '/^[a-z]+:.*##/ { sub(/:.*/, "", $$1); printf "  make %-6s %s\n", $$1, $$2 }' $(firstword $(MAKEFILE_LIST))

# exec: Ctrl-C and SIGTERM reach the supervisor itself, once, and its exit code is ours.
run: $(RUNTIME)  ## run everything: the real thing with an API key in the settings, else the sandbox
	@exec $(BIN)/mjbridge up --auto

fast: $(DEVELOPMENT)  ## run the tests that need no process and no socket, with few examples each
	@$(PYTEST) -m unit --numprocesses auto --dist worksteal --hypothesis-profile fast tests/core tests/channels tests/settings

test: $(DEVELOPMENT)  ## run the tests, which start what they need themselves
	@$(PYTEST)

check: $(DEVELOPMENT)  ## format, lint, types, layers, tests with coverage, speed: what .ci/run runs
	@echo '== format';  $(BIN)/ruff format --check --quiet . || { echo 'mend with: $(BIN)/ruff format .' >&2; exit 1; }
	@echo '== lint';    $(BIN)/ruff check --quiet .
	@echo '== types';   $(BIN)/mypy
	@echo '== types of the dashboard'; $(TSC)
	@echo '== layers';  $(BIN)/lint-imports --no-logo
	@echo '== docs';    $(BIN)/mkdocs build --strict
	@echo '== tests';   $(BIN)/coverage erase && $(BIN)/coverage run -m pytest
	@echo '== coverage'; $(BIN)/coverage combine --quiet && $(BIN)/coverage report
	@echo '== coverage of core and channels'; $(BIN)/coverage report --include 'bridge/core/*,bridge/channels/*' --fail-under 100
	@echo '== speed';   $(BIN)/python -m benchmarks check

# The dashboard's modules need no build; only their check needs npm, and its registry once. Where
# either is missing the check is skipped, but never in CI: there it fails.
TSC = cd tools/typescript \
	&& if test node_modules/.package-lock.json -nt package-lock.json || npm ci --ignore-scripts \
	  --no-audit --no-fund --loglevel error --fetch-retries 1 --fetch-timeout 30000 >/dev/null; \
	then node_modules/.bin/tsc -p .; \
	else echo 'not checked: TypeScript is not here, and npm could not install it' >&2; test -z "$$CI"; fi

docs: $(DEVELOPMENT)  ## build the documentation's site in site/
	@$(BIN)/mkdocs build --strict

bench: $(DEVELOPMENT)  ## run the benchmarks: ten minutes, tables, and benchmark.json
	@$(BIN)/python -m benchmarks

chaos: $(DEVELOPMENT)  ## kill processes for minutes and count what was lost (nothing); try properties on new examples
	@$(PYTEST) -n 0 -m chaos --timeout 900
	@$(PYTEST) -m unit --numprocesses auto --hypothesis-profile search --timeout 900 tests/core tests/channels tests/settings

soak: $(DEVELOPMENT)  ## run for long under load and watch for growth
	@$(PYTEST) -n 0 -m soak --timeout 7200

# The locks name hashes and no addresses: packages come from wherever their user gets them.
lock:  ## compile both lock files anew from pyproject.toml (needs uv)
	@command -v uv >/dev/null || { echo 'make lock needs uv on PATH' >&2; exit 1; }
	@uv pip compile --universal --generate-hashes --no-header --quiet --extra apprise --extra images --extra otel --extra s3 \
	  --group build pyproject.toml -o requirements.lock
	@uv pip compile --universal --generate-hashes --no-header --quiet --extra apprise --extra images --extra otel --extra s3 \
	  --group dev pyproject.toml -c requirements.lock -o requirements-dev.lock

clean:  ## remove .venv and everything that checks leave behind (never the data in .mjbridge)
	@rm -rf $(VENV) dist site htmlcov benchmark.json .coverage .coverage.* .pytest_cache .mypy_cache .ruff_cache \
	  .hypothesis .import_linter_cache tools/typescript/node_modules
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

# uv sets up in seconds where it is there and can; pip does it anywhere.
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet install
# Compiled once, by all processors; else each process that starts first does it for itself.
UV_PIP := uv pip install --quiet --compile-bytecode --python $(VENV)

define install
$(PYTHON) -c 'import sys; sys.version_info < (3, 11) and sys.exit("mjbridge needs Python 3.11 or newer; $(PYTHON) is %d.%d" % sys.version_info[:2])'
echo 'Setting up .venv from $< (once)'
if ! { command -v uv >/dev/null \
    && uv venv --quiet --clear --no-python-downloads --python $(PYTHON) $(VENV) \
    && $(UV_PIP) --require-hashes -r $<; }; then \
  $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
    { echo '$(PYTHON) cannot make virtual environments (on Debian: apt-get install python3-venv)' >&2; exit 1; }; \
  $(PYTHON) -m venv --clear $(VENV) && $(PIP) --require-hashes -r $<; \
fi
endef

$(VENV)/.runtime: requirements.lock
	@$(install)
	@touch $@

# What development needs includes what running needs.
$(VENV)/.development: requirements-dev.lock
	@$(install)
	@touch $(VENV)/.runtime $@

$(VENV)/.linked: pyproject.toml
	@if [ -x $(BIN)/pip ]; then $(PIP) --no-deps --no-build-isolation -e .; \
	else $(UV_PIP) --no-deps --no-build-isolation -e .; fi
	@touch $@
