# Everything is reached from here. `make setup` builds .venv and fetches models; every other target sees first to what it needs.

VENV := .venv
PY := $(VENV)/bin/python
CODE := $(wildcard src tests benchmarks examples scripts)
TYPED := $(wildcard src tests benchmarks examples)
WORKERS ?= 2
MINUTES ?= 60
SEEDS ?= 1000:6000
ARGS ?=

.DEFAULT_GOAL := help
.PHONY: help setup environment redis-server strace promtool chromium bubblewrap compilers models run test coverage test-quick test-all chroma test-chroma check check-mypy check-pyright format bench bench-chroma bench-compile bench-documents bench-strategies proof-documents bench-peers soak soak-simulation lock clean

help:  ## Show this list.
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 16

setup: environment models  ## Build .venv with the locked dependencies, and fetch what documents and strategies run with.

environment:
	@scripts/setup.sh $(VENV)

redis-server: environment
	@scripts/ensure_redis.sh

strace: environment
	@scripts/ensure_strace.sh

promtool: environment
	@scripts/ensure_promtool.sh

chromium: environment
	@scripts/ensure_chromium.sh

bubblewrap: environment
	@scripts/ensure_bubblewrap.sh

compilers: environment
	@scripts/ensure_compilers.sh

run: environment  ## Run the demo on the embedded store. ARGS="PATH --url redis://..." goes through.
	@$(VENV)/bin/abaca demo $(ARGS)

# Tests that need a model skip with the reason where it could not be fetched.
models: environment  ## Fetch the sentence models and a labelled set, and build the Pythons of parsers and strategies in the sandbox.
	-@$(PY) -m abaca_documents.preparing
	-@$(PY) -m benchmarks.documents_public
	-@$(PY) -m abaca_strategies.preparing

test: redis-server strace promtool chromium bubblewrap compilers models  ## Run every test. ARGS goes to pytest.
	@scripts/test.sh $(PY) $(WORKERS) $(ARGS)

coverage: redis-server strace promtool chromium bubblewrap compilers models  ## Run every test and print which branches they take. ARGS goes to pytest.
	@COVERAGE=1 scripts/test.sh $(PY) $(WORKERS) $(ARGS)

test-quick: redis-server strace promtool bubblewrap compilers models  ## Run the tests that are neither slow nor chaos and need no browser.
	$(PY) -m pytest -n $(WORKERS) -m "not slow and not chaos and not browser" $(ARGS)

test-all: redis-server strace promtool chromium bubblewrap compilers models  ## Run the tests on every Python of 3.11, 3.12 and 3.13 that is here.
	@scripts/test_all.sh $(WORKERS) $(ARGS)

# Chroma brings 84 packages, so it has an environment of its own.
chroma: environment models
	@scripts/setup.sh .venv-chroma
	@.venv-chroma/bin/python -m pip install --quiet --disable-pip-version-check --constraint constraints.txt 'chromadb>=1.5,<2'

test-chroma: chroma redis-server  ## Hold Chroma, embedded and as a server, to the tests of all vector stores and to its own. ARGS goes to pytest.
	.venv-chroma/bin/python -m pytest -n $(WORKERS) tests/documents_chroma tests/documents_search/test_vectors.py \
		tests/documents_search/test_searching.py tests/documents_search/test_chroma.py tests/documents/test_small_files.py $(ARGS)

check: environment  ## Format, lint, types and layers: what CI asks before the tests.
	$(PY) -m ruff format --check $(CODE)
	$(PY) -m ruff check $(CODE)
	$(VENV)/bin/lint-imports --no-logo
	@$(MAKE) --no-print-directory -j 2 check-mypy check-pyright

check-mypy: environment
	$(PY) -m mypy $(TYPED)

# pyright and the node it runs on come as wheels, so nothing is fetched here; the variable keeps it from asking for news.
check-pyright: environment
	PYRIGHT_PYTHON_IGNORE_WARNINGS=1 $(PY) -m pyright

format: environment  ## Format the code and mend what the linter can mend.
	$(PY) -m ruff format $(CODE)
	$(PY) -m ruff check --fix $(CODE)

bench: redis-server bubblewrap compilers models  ## Measure this project beside a hand-written loop, then compiling, documents and strategies. ARGS picks from the loop.
	$(PY) -m benchmarks $(ARGS)
	@[ -n "$(ARGS)" ] || $(PY) -m benchmarks.compile --rounds 1
	@[ -n "$(ARGS)" ] || $(PY) -m benchmarks.documents
	@[ -n "$(ARGS)" ] || $(PY) -m benchmarks.strategies

bench-documents: environment  ## Measure searches of 1,000 to 100,000 chunks, and ingestion beside the bare models. ARGS goes to the benchmark.
	$(PY) -m benchmarks.documents $(ARGS)

bench-chroma: chroma  ## The same searches in each vector store: the library file, Chroma embedded, and a Chroma server. ARGS goes to the benchmark.
	.venv-chroma/bin/python -m benchmarks.documents search $(ARGS)

proof-documents: redis-server bubblewrap models  ## Run all of the proofs of documents, of which make test runs a tenth. ARGS goes to pytest.
	PROOF_DOCUMENTS=all $(PY) -m pytest -s tests/documents_proof $(ARGS)

bench-compile: bubblewrap compilers  ## Measure the compile service beside the bare compilers. ARGS goes to the benchmark.
	$(PY) -m benchmarks.compile $(ARGS)

bench-strategies: models  ## Measure the engine of the strategies beside others, sweeps, and the start of user code. ARGS goes to the benchmark.
	-@$(PY) -m benchmarks.strategies --install-bt
	$(PY) -m benchmarks.strategies $(ARGS)

bench-peers: redis-server  ## The same with other queues, each installed into an environment of its own.
	$(PY) -m benchmarks --peers $(ARGS)

soak: redis-server soak-simulation  ## Thousands of seeds, then an hour of load on each store. SEEDS=A:B and MINUTES= say how many.
	$(PY) -m tests.soak --minutes $(MINUTES) $(ARGS)

soak-simulation: environment  ## Run thousands of simulated seeds that no test runs. SEEDS=A:B is their range.
	$(PY) -m tests.simulation --seeds $(SEEDS) --jobs $(WORKERS) $(ARGS)

lock: environment  ## Write constraints.txt anew from what pyproject.toml allows.
	@scripts/lock.sh

clean:  ## Remove the environments and everything the tools wrote.
	rm -rf .venv .venv-* benchmarks/.peers build dist htmlcov .coverage .coverage.* .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
