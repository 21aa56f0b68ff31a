# Everything a person does here is a target; `make` alone lists them. Each installs what it needs, and says so.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup build generate lint format test test-unit demo demo-down bench contract differential processes \
        reconcile promotion-model e2e crash fuzz leaks sanitize chaos docs clean

export UV_PYTHON_DOWNLOADS := never
export CCACHE_NOHASHDIR := 1
export NO_MKDOCS_2_WARNING := 1
CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/scrubjay
PYTHON := .venv/bin/python
PYTEST := $(PYTHON) -m pytest
SOURCES := $(shell find engine/src -name '*.pyx' -o -name '*.pxd' -o -name '*.pxi' 2>/dev/null)

# $(call folder,NAME,TARGET): the tests of tests/NAME, or a plain word where there are none yet
folder = if compgen -G 'tests/$(1)/**/test_*.py' >/dev/null || compgen -G 'tests/$(1)/test_*.py' >/dev/null; \
	then $(PYTEST) tests/$(1) $(2); else echo "tests/$(1): nothing is there yet"; fi
# $(call program,NAME,ARGUMENTS): tests/NAME as a program
program = if [ -f tests/$(1)/__main__.py ]; then $(PYTHON) tests/$(1) $(2); else $(call folder,$(1)); fi

help:  ## this list
	@echo "Scrubjay: caches on Kubernetes. On a fresh machine begin with \`make demo\` or \`make test\`."
	@echo
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z0-9-]+):[^#]*## /\1\t/' | expand -t 16 | sed 's/^/  /'
	@echo
	@echo "An existing cluster is used only when you name it: KUBE_CONTEXT=my-context make demo"

setup: .venv/.ready  ## the Python environment in .venv (brings uv, a compiler and Python's headers when they are missing)

.venv/.ready: pyproject.toml uv.lock operator/pyproject.toml engine/pyproject.toml .ci/setup
	@.ci/setup
	@touch $@

build: engine/build/.built  ## compile the engine in place

engine/build/.built: .venv/.ready engine/setup.py $(SOURCES)
	@echo "compiling the engine (a minute or two the first time)"
	@mkdir -p engine/build
	@cd engine && CCACHE_NOHASHDIR=1 CCACHE_BASEDIR="$(CURDIR)" CC="$$(command -v ccache >/dev/null && echo 'ccache ')$${CC:-gcc}" ../$(PYTHON) setup.py -q build_ext --inplace
	@touch $@

generate: setup  ## write crds/, the charts' values, the pages of fields and the table of parameters
	@$(PYTHON) -m scrubjay_engine.option_table | $(PYTHON) -m scrubjay_operator.api.generate --engine-options -

lint: setup  ## ruff (format and lint), mypy, the import layers, generated files
	@$(PYTHON) tests/run.py checks

format: setup  ## let ruff format and mend what it can
	@$(PYTHON) -m ruff format -q . && $(PYTHON) -m ruff check -q --fix .

test: build  ## every check and every test, end to end on a local Kubernetes included
	@.ci/test-tools
	@$(PYTHON) tests/run.py

test-unit: build  ## the tests that need no server and no cluster
	@$(PYTEST) tests/unit

differential: build  ## long form: random commands to ours and to a real redis-server and memcached
	@.ci/test-tools
	@$(PYTHON) tests/differential/run.py --examples 1000

contract: build  ## long form: Redis' and memcached's own test suites against ours
	@.ci/test-tools
	@$(PYTHON) tests/contract/run.py --all

processes: build  ## replication, failover and persistence with real processes
	@$(call folder,processes)

reconcile: build  ## the operator against a real API server
	@$(call folder,reconcile)

e2e: build  ## end to end on a local Kubernetes of three nodes (or KUBE_CONTEXT)
	@$(call folder,e2e)

promotion-model: build  ## long form: the promotion protocol over random faults in simulated time (SECONDS_TO_RUN=600 FIRST_SEED=100000)
	@PYTHONPATH=tests $(PYTHON) tests/promotion/search.py --healthy $${SECONDS_TO_RUN:-600} $${FIRST_SEED:-100000}

chaos: build  ## crashes, partitions and node losses under a client that counts acknowledged writes
	@$(call program,chaos)

crash: build  ## kill -9 at 200 random moments: no acknowledged write is lost
	@SCRUBJAY_CRASHES=200 $(PYTHON) -m pytest -q tests/processes/test_crashes.py

fuzz: build  ## random bytes at the parser, commands and RESTORE, five minutes each
	@$(call program,fuzz)

leaks: build  ## ten million commands of every family: memory must not grow
	@$(call program,leaks)

sanitize: setup  ## the engine's tests with AddressSanitizer
	@$(call program,sanitize)

bench: build  ## ours beside Redis, Valkey and memcached in one run
	@.ci/test-tools
	@$(PYTHON) tests/bench/run.py

demo: setup  ## a local Kubernetes with the operator and a cache in it, used by a client; prints what to type next
	@$(PYTHON) tests/demo up

demo-down: setup  ## remove all of what `make demo` made
	@$(PYTHON) tests/demo down

docs: setup  ## build the user guide in build/site
	@$(PYTHON) -m mkdocs build -q --strict && echo "docs: build/site/index.html"

clean:  ## remove what was built here (the cache in ~/.cache/scrubjay stays)
	@rm -rf .venv engine/build build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find engine/src -name '*.so' -delete
