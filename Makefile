# demo · down · clean · check · test · test-real · test-soak · chaos · bench · lock
# Needs Python 3.11 or newer and make; everything else comes from requirements.txt into .venv.
SHELL := /bin/bash
PYTHON ?= python3
HOME_DIR ?= .orderflow
PORT ?= 8080
ONCE ?=
SEEDS ?= 100
N ?= 100000
PAIRS ?= 3
PEERS ?=
WINDOWS ?= 1
PY := .venv/bin/python

# Without byte code every Airflow process would compile everything again: 4 s instead of 1.6 s each.
unexport PYTHONDONTWRITEBYTECODE
# Nothing here multiplies matrices; NumPy's threads for that cost each process a tenth of a second.
export OPENBLAS_NUM_THREADS := 1
export PYTHONPATH := include
export ORDERFLOW_HOME := $(HOME_DIR)

.PHONY: help demo down clean check test test-real test-soak chaos bench lock install install-dev

help: ## this list
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 14

install: .venv/.installed .venv/bin/orderflow ## what requirements.txt pins, and the command orderflow, into .venv

install-dev: install .venv/.installed-dev

.venv/bin/uv:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "$(PYTHON) is $$($(PYTHON) -V 2>&1); Orderflow needs Python 3.11 or newer: make PYTHON=python3.12 $(MAKECMDGOALS)"; exit 1; }
	@$(PYTHON) -m venv .venv || \
	  { echo "Python cannot make a virtual environment; on Debian or Ubuntu: apt-get install python3-venv"; exit 1; }
	@.venv/bin/python -m pip install -q uv || \
	  { echo "pip cannot reach a package index; check the network, or set PIP_INDEX_URL to your mirror, then try again"; exit 1; }

.venv/.installed: requirements.txt | .venv/bin/uv
	@echo "installing what requirements.txt pins (about a minute)"
	@.venv/bin/uv pip install -q --compile-bytecode --python $(PY) -r requirements.txt || \
	  { echo "installing failed; the lines above name the package. No network: set PIP_INDEX_URL and UV_INDEX_URL to your mirror."; \
	    echo "A missing compiler: only an exotic platform needs one (apt-get install gcc python3-dev)"; exit 1; }
	@touch $@

# The command `orderflow` of this checkout, from any folder; in the container the Dockerfile writes it.
.venv/bin/orderflow: Makefile | .venv/bin/uv
	@printf '#!/bin/sh\nPYTHONPATH="%s/include$${PYTHONPATH:+:$$PYTHONPATH}" exec "%s/.venv/bin/python" -m orderflow "$$@"\n' \
	  '$(CURDIR)' '$(CURDIR)' > $@ && chmod +x $@

.venv/.installed-dev: requirements-dev.txt .venv/.installed
	@.venv/bin/uv pip install -q --compile-bytecode --python $(PY) -r requirements-dev.txt
	@touch $@

demo: install ## three channels through Airflow into an OMS, with the proof; ONCE=1 stops by itself, PORT=8080
	@exec $(PY) -m orderflow demo --port $(PORT) $(if $(ONCE),--once)

down: ## stop the demo
	@if [ -x $(PY) ]; then $(PY) -m orderflow demo --down; fi

clean: down ## stop the demo and remove its data, the virtual environment and all caches
	@rm -rf $(HOME_DIR) .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

check: install-dev ## ruff, mypy --strict, yamllint and the channel files
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PY) -m yamllint -s include/channels include/targets include/alerts.yml include/calendar.yml docker-compose.yml
	$(PY) -m orderflow check

test: install-dev ## laws, unit, contract, staging, DAG and end-to-end tests
	$(PY) -m pytest -n 2 --dist loadfile --no-loadscope-reorder

test-real: install-dev ## against a real shop and a real ERP, which it installs (minutes; needs Node.js for the shop)
	ORDERFLOW_REAL=1 $(PY) -m pytest -m real

test-soak: install-dev ## the long ones: Airflow away for hours, 90 days of backfill, all certificates, pages over a million orders
	ORDERFLOW_SOAK=1 $(PY) -m pytest -m soak

chaos: install ## random faults over the whole flow, judged against the truth; SEEDS=100
	$(PY) -m orderflow chaos --seeds $(SEEDS) --workers 2

bench: install ## the flow beside a hand-tuned script; N=100000, PAIRS=3, PEERS=1 adds dlt and Singer, WINDOWS=10 two workers; more in docs/performance.md
	N=$(N) PAIRS=$(PAIRS) PEERS=$(PEERS) WINDOWS=$(WINDOWS) $(PY) -m benchmarks

lock: | .venv/bin/uv ## compile requirements.in and requirements-dev.in
	.venv/bin/uv pip compile -q requirements.in -o requirements.txt --python-version 3.11 --no-header
	.venv/bin/uv pip compile -q requirements-dev.in -o requirements-dev.txt --python-version 3.11 --no-header
