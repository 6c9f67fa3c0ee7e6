# nextbest: `make demo` shows it working on real data, `make test` proves it.
SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
PORT ?= 3000
NEXTBEST_HOME ?= .nextbest
PROCESSES ?= 2
UV_VERSION := 0.13.9
BIN := .venv/bin
INSTALLED := .venv/installed
# Nothing that we run calls home.
export BENTOML_DO_NOT_TRACK := True
export MLFLOW_DISABLE_TELEMETRY := true

.PHONY: help
help: ## what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/  make \1\t\2/' | expand -t 16

.PHONY: demo
demo: $(INSTALLED) ## real data in, a trained model out, the service running (PORT=3999 for another port)
	@exec $(BIN)/nextbest demo --port $(PORT)

.PHONY: test
test: $(INSTALLED) lint ## lint, types, import contracts, then the whole suite (PROCESSES=0 for one test at a time)
	$(BIN)/python -m pytest -n $(PROCESSES)

.PHONY: test-long
test-long: $(INSTALLED) ## what takes minutes: the demo on its real data, hundreds of killed writers, twenty killed servers
	$(BIN)/python -m pytest -n $(PROCESSES) -m long --timeout 1800

.PHONY: lint
lint: $(INSTALLED) ## ruff, mypy --strict, import contracts
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: install
install: $(INSTALLED) ## only the virtual environment

.PHONY: bench
bench: $(INSTALLED) ## speed, each figure as a ratio measured in one run: one table, and bench.json (QUICK=1: do they run?)
	$(BIN)/python benchmarks/table.py $(if $(QUICK),--quick)

.PHONY: bento
bento: $(INSTALLED) ## build the deployable bento
	$(BIN)/bentoml build

.PHONY: lock
lock: $(INSTALLED) ## resolve every version and hash anew
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--no-annotate --all-extras pyproject.toml -o locks/all.txt
	sed 's/ *\\$$//; /--hash/d' locks/all.txt > .venv/constraints.txt
	$(BIN)/uv pip compile -q --upgrade --universal --generate-hashes --no-emit-index-url --no-emit-find-links --no-header \
		--no-annotate -c .venv/constraints.txt --extra postgres pyproject.toml -o locks/service.txt

.PHONY: clean
clean: ## remove the environment and the demo's home
	rm -rf .venv $(NEXTBEST_HOME) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis

$(INSTALLED): pyproject.toml locks/all.txt
	@for candidate in $${PYTHON:-python3 python3.13 python3.12 python3.11}; do \
		if $$candidate -c 'import sys; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))' 2>/dev/null; \
		then python=$$candidate; break; fi; \
	done; \
	if [ -z "$${python:-}" ]; then \
		echo "python is missing in a version from 3.11 to 3.13; nextbest needs one of them; install it or name it: make demo PYTHON=/path/to/python3.12" >&2; exit 2; fi; \
	free=$$(df -Pk . | awk 'NR == 2 {print $$4}'); \
	if [ "$$free" -lt 3500000 ]; then \
		echo "free disk space is $$((free / 1024)) MB; the environment and the demo need 3,500 MB; free some and try again" >&2; exit 2; fi; \
	if ! $$python -m venv .venv; then \
		echo "the venv module of $$python is missing; nextbest installs into .venv; install it (on Debian: python3-venv)" >&2; exit 2; fi; \
	echo "Installing into .venv (about 400 MB to download the first time) ..."; \
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv==$(UV_VERSION); \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --compile-bytecode --require-hashes -r locks/all.txt; \
	$(BIN)/uv pip install --quiet --python $(BIN)/python --no-deps --editable .; \
	$(BIN)/python -m compileall -q features models serving training nextbest.py; \
	touch $(INSTALLED)
