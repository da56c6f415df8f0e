.DEFAULT_GOAL := help
PYTHON ?= python3
VENV := .venv
RUN := $(VENV)/bin

help: ## Say what can be made
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sort | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

setup: $(VENV)/.ready ## Make the virtual environment with everything that the targets need

$(VENV)/.ready: pyproject.toml requirements/dev.txt requirements/torch.txt
	@echo "Setting up $(VENV) (once; some minutes: every library that codeling works with is in it)"
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@$(RUN)/python -m pip install --quiet --upgrade pip uv
	@$(RUN)/uv pip install --quiet --python $(RUN)/python --requirement requirements/dev.txt
	@$(RUN)/python -m pip install --quiet --requirement requirements/torch.txt
	@$(RUN)/python -m pip install --quiet --no-deps --editable .
	@touch $@ $(VENV)/.demo

services: setup ## Fetch the servers that tests start (PostgreSQL, Podman, MCP servers, Chromium, …), where they are missing
	$(RUN)/python -m scripts.install

$(VENV)/.demo: pyproject.toml
	@echo "Setting up $(VENV) for the demo (once; less than a minute)"
	@test -x $(RUN)/python || $(PYTHON) -m venv $(VENV)
	@$(RUN)/python -m pip install --quiet --upgrade pip
	@$(RUN)/python -m pip install --quiet --editable '.[local,terminal]'
	@touch $@

demo: $(VENV)/.demo ## Let the local model answer a question about a data file, step by step
	$(RUN)/codeling run "Read the table 'planets' and compute the mean radius_km of the planets that have more than 10 moons." --tools examples/tables.py

test: setup services ## Run the tests
	$(RUN)/python -m pytest -q -n 2 --dist loadgroup --reruns 1

test-pythons: ## Run the tests on each of CPython 3.11, 3.12 and 3.13 that this machine has
	@$(PYTHON) scripts/test_pythons.py

check: format-check lint types test ## Everything that must hold: format, lint, types, tests, docs, house rules

format: setup ## Format the code
	$(RUN)/ruff format .
	$(RUN)/ruff check --fix .

format-check: setup
	$(RUN)/ruff format --check .

lint: setup ## Look for mistakes
	$(RUN)/ruff check .

types: setup ## Check the types
	$(RUN)/mypy

bench: setup ## Measure, and print one table
	$(RUN)/python -m bench

fuzz: setup ## Fuzz what reads hostile data: a million cases (CASES=…, SECONDS=… for each target)
	$(RUN)/python -m fuzz --cases $(or $(CASES),1000000) --seconds $(or $(SECONDS),0)

attack: setup ## Run the attack programs against the wall, at both levels
	$(RUN)/python -m codeling.sandbox.attack tests/escapes --isolation full --jobs 4
	$(RUN)/python -m codeling.sandbox.attack tests/escapes --isolation strong --jobs 4

soak: setup ## Open and close 5,000 sandboxes, and see that nothing is left behind
	$(RUN)/python scripts/soak.py 5000

clean: ## Remove what was made
	rm -rf $(VENV) .venvs .mypy_cache .ruff_cache .pytest_cache dist

.PHONY: help setup services demo test test-pythons check format format-check lint types bench fuzz attack soak clean
