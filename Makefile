# gristmill: every way to build, test and try it. `make help` lists the targets.
SHELL := /bin/bash
.DELETE_ON_ERROR:
.DEFAULT_GOAL := help

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
JOBS ?= 2
# Wide machines gain nothing from more threads here, and small ones suffer.
export OMP_NUM_THREADS ?= 2
export MKL_NUM_THREADS ?= 2
export TOKENIZERS_PARALLELISM := false
# Property tests draw the same cases every time.
export PROPTEST_RNG_SEED := 20261124
# Waiting OpenMP threads give the core away instead of spinning.
export OMP_WAIT_POLICY ?= PASSIVE
export CARGO_BUILD_JOBS ?= $(JOBS)

RUST_SOURCES := Cargo.toml Cargo.lock $(shell find rust -name '*.rs' -o -name 'Cargo.toml' 2>/dev/null)
PLUGINS := $(wildcard plugins/*/pyproject.toml)
STAMPS := $(VENV)/.stamps
NEXTEST := $(shell cargo nextest --version >/dev/null 2>&1 && echo yes)

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 12

$(STAMPS)/venv: requirements/dev.txt requirements/demo.txt requirements/readers.txt requirements/plugins.txt
	@echo "==> installing Python packages into $(VENV) (torch is large: some minutes, once)"
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements/dev.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/demo.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/readers.txt -r requirements/plugins.txt
	@mkdir -p $(STAMPS) && touch $@

$(STAMPS)/native: $(STAMPS)/venv pyproject.toml $(RUST_SOURCES)
	@echo "==> building the native module"
	VIRTUAL_ENV=$(abspath $(VENV)) $(BIN)/maturin develop --release --quiet >/dev/null
	@touch $@

$(STAMPS)/plugins: $(STAMPS)/native $(PLUGINS)
	@echo "==> installing the plugins of this repository"
	for plugin in $(dir $(PLUGINS)); do \
	  $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable $$plugin || exit 1; \
	done
	@echo "==> building the compiled operator of gristmill-code"
	cd plugins/gristmill-code/native && VIRTUAL_ENV=$(abspath $(VENV)) $(abspath $(BIN))/maturin develop --release --quiet >/dev/null
	@touch $@

.PHONY: dev
dev: $(STAMPS)/plugins ## build and install everything into .venv (again, quickly, after a change)

.PHONY: demo
demo: dev ## curate the sample corpus, fine-tune a small model on it, write a report
	$(BIN)/python examples/quickstart/demo.py

.PHONY: lint
lint: dev ## format, lint, type, layer, stub and documentation checks
	cargo fmt --all --check
	PYO3_BUILD_EXTENSION_MODULE=1 cargo clippy --release --workspace --all-targets --quiet -- -D warnings
	$(BIN)/ruff format --check --quiet .
	$(BIN)/ruff check --quiet .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/stubtest --mypy-config-file pyproject.toml gristmill._native
	$(BIN)/python docs/generate_reference.py --check

.PHONY: test-rust
test-rust: export PYO3_BUILD_EXTENSION_MODULE := 1
test-rust: ## Rust unit, property and documentation tests
ifeq ($(NEXTEST),yes)
	cargo nextest run --release --workspace --no-fail-fast --status-level fail
else
	cargo test --release --workspace --lib --tests
endif
	cargo test --release --workspace --doc --quiet

.PHONY: test-python
test-python: dev ## Python tests
	$(BIN)/python -m pytest -n $(JOBS)

.PHONY: test
test: lint test-rust test-python ## everything that has to pass

.PHONY: fix
fix: dev ## format and mend what the linters can mend
	cargo fmt --all
	$(BIN)/ruff format --quiet .
	$(BIN)/ruff check --fix --quiet .
	$(BIN)/python docs/generate_reference.py

.PHONY: wheel
wheel: $(STAMPS)/venv ## build the abi3 wheel into dist/
	$(BIN)/maturin build --release --out dist

.PHONY: clean
clean: ## remove everything that was built
	rm -rf $(VENV) target dist build
