# `make run` and `make test` need nothing but Python 3.11 and make; all else they fetch themselves.

PYTHON ?= python3
BIN := .venv/bin
WORKERS ?= 2
HOUSE := tests/house

# Make's own -j must not leak into npm's and pytest's children, and a machine's PYTHONPATH must not shadow the locks.
unexport MAKEFLAGS PYTHONPATH PYTHONHOME
export PATH := $(abspath $(BIN)):$(PATH)

.DEFAULT_GOAL := help
.PHONY: help setup run test check bench soak fmt lock test-setup static format lint types floors web clean

help: ## This list
	@sed -n 's/^\([a-z-]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

setup: ## The environment (.venv) and the built page
	@$(PYTHON) scripts/environment.py run

test-setup:
	@$(PYTHON) scripts/environment.py test

run: setup ## Serve on http://127.0.0.1:8000
	@exec env PYTHONUNBUFFERED=1 $(BIN)/threadline serve

test: test-setup static web ## Every test and every check
	$(BIN)/python -m pytest -n $(WORKERS) -m "not soak and not alone"
	$(BIN)/python -m pytest -n $(WORKERS) --dist=load -m "alone and not soak" \
		$$(grep -rlE 'mark\.alone' tests --include='test_*.py')

check: test-setup static ## Format, lint, types, floors, house rules
	$(BIN)/python -m pytest -q $(HOUSE)

static: format lint types floors

format:
	$(BIN)/ruff format --check --quiet

lint:
	$(BIN)/ruff check --quiet

types:
	$(BIN)/mypy --no-error-summary

floors:
	$(BIN)/lint-imports --no-logo

web:
	@if [ -f web/package.json ]; then cd web && npm run --silent check && npm run --silent --if-present size; \
	else echo "web/ is not here: its tests are left out"; test -z "$$CI"; fi

bench: test-setup ## All benchmarks, as ratios, into bench/results/
	$(BIN)/python -m bench

soak: test-setup ## The crash and load tests, many times over
	$(BIN)/python -m pytest -n $(WORKERS) --dist=load -m "soak or not soak" \
		$$(grep -rlE 'mark\.soak' tests --include='test_*.py')

fmt: test-setup ## Format and mend what can be mended
	$(BIN)/ruff format --quiet
	$(BIN)/ruff check --fix --quiet
	@if [ -f web/package.json ]; then cd web && npm run --silent fmt; fi

# uv reads its index from the environment; the header would name it, and the locks name none.
COMPILE = $(BIN)/uv pip compile --quiet --universal --generate-hashes --no-header --python-version 3.11 \
	$(if $(UPGRADE),--upgrade)
lock: test-setup ## Write requirements/*.lock anew from pyproject.toml (UPGRADE=1: newest versions)
	$(COMPILE) --group build -o requirements/build.lock
	$(COMPILE) pyproject.toml -c requirements/build.lock -o requirements/runtime.lock
	$(COMPILE) pyproject.toml --group dev -c requirements/build.lock -c requirements/runtime.lock -o requirements/dev.lock
	@$(BIN)/python scripts/npm_lock.py $(wildcard web/package-lock.json tests/clients/package-lock.json)

clean: ## Remove the environment and everything built
	rm -rf .venv dist src/threadline/static web/node_modules tests/clients/node_modules
