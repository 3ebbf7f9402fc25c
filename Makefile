# Every target sets up what it needs (.ci/setup: Debian packages, uv, pjsua2, the virtual environment) and says so.
# A second start finds it all in place, and needs neither network nor root.
#
#   PYTHON=python3.12 make test    another interpreter for .venv and the pjsua2 build
#   make run ARGS="--config FILE"  arguments for the command behind a target

PYTHON ?= /usr/bin/python3
ARGS ?=
# Files of tests that run at the same time. Most wait for calls, but each call wants its packets in time.
WORKERS ?= 2

export PYTHON

# Modules of which the tests have to see every branch.
QUEUES := agent_time entry figures intervals journal metering open_entries phrases queue_log reports today waiting
PURE := gateway/agents/*,gateway/call/*,gateway/queues/engine/*,gateway/queues/estimate/*,$(shell printf 'gateway/queues/%s.py,' $(QUEUES))

BIN := .venv/bin

.DEFAULT_GOAL := help
.PHONY: help run test coverage lint bench soak fuzz clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' Makefile

run: ## start the node with the demo dialplan
	@.ci/setup run
	@exec $(BIN)/ringback run $(or $(ARGS),$(if $(wildcard ringback.toml),,--config gateway/web/demo/ringback.toml))

test: ## every test but load, with real SIP peers on loopback
	@.ci/setup test
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile -m "not load" $(ARGS)

coverage: ## branch coverage of the tests without peers; the pure modules need all of it
	@.ci/setup lint
	@$(BIN)/python -m pytest -q -m "unit or property or contract" --cov --cov-report=term $(ARGS)
	@$(BIN)/coverage report --fail-under=100 --include="$(PURE)"

lint: ## ruff, mypy and the import contracts
	@.ci/setup lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo

bench: ## cost per call, latency and gaps between packets, with a light RTP peer
	@.ci/setup test
	@$(BIN)/python -m tests.load.bench $(ARGS)

soak: ## thousands of calls; memory, descriptors and threads must not grow
	@.ci/setup test
	@$(BIN)/python -m tests.load.soak $(ARGS)
	@crashes=$$(mktemp -d) && $(BIN)/python -m tests.integration.crash.lives "$$crashes" && rm -rf "$$crashes"

fuzz: ## broken SIP and SDP against a running node
	@.ci/setup test
	@$(BIN)/python -m tests.load.fuzz $(ARGS)
	@$(BIN)/python -m tests.load.openapi

clean: ## forget what the targets above made here; ./var (calls, recordings) stays
	rm -rf .venv .tools .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis .coverage \
	    htmlcov dist build
	find . -name __pycache__ -type d -not -path './.git/*' -prune -exec rm -rf {} +
