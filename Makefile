# `make run` needs Python 3.11 or newer, make and the package registries; it brings all the rest.

PYTHON ?= $(shell for python in python3 python3.14 python3.13 python3.12 python3.11; do \
	$$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$python && break; done)
CHROMIUM ?= /usr/bin/chromium
VENV := .venv/bin
PIP := $(VENV)/python -m pip --disable-pip-version-check install --quiet
VENDOR := static/vendor/icons.svg

export CHROMIUM

help:  ## say what can be made
	@grep -E '^[a-z]+:.*##' Makefile | sed -E 's/^([a-z]+):.*## /make \1\t/'

run: .venv/.installed $(VENDOR)  ## start everything with a demo; Ctrl-C stops it
	@$(VENV)/email-tracker up --demo --tie

test: .venv/.dev $(VENDOR)  ## run all tests (SQLite; TEST_DATABASE_URL for PostgreSQL; ARGS for pytest)
	$(VENV)/pytest -n 2 --dist loadfile -m "not chaos$(if $(wildcard $(CHROMIUM)),, and not browser)" $(ARGS)

bench: .venv/.dev $(VENDOR)  ## how fast it is, beside others (BENCH=sending …; ARGS="--help")
	@$(VENV)/python -m tests.bench $(BENCH) $(ARGS)

chaos: .venv/.dev $(VENDOR)  ## kill everything in mid-send, on SQLite and PostgreSQL (SHORT=1 as in CI)
	@SHORT=$(SHORT) $(VENV)/pytest -n 2 -q -m chaos -p no:cacheprovider tests/chaos $(ARGS)

lint: .venv/.dev  ## check the style
	$(VENV)/ruff format --check .
	$(VENV)/ruff check .

types: .venv/.dev  ## check the types; advice, not a gate
	$(VENV)/pyright

clean:  ## remove what was made, but not var/, which holds data
	rm -rf .venv build static/vendor

.venv/.installed: pyproject.toml hatch_build.py static/package.json static/package-lock.json
	@test -n "$(PYTHON)" || { echo "Email Tracker needs Python 3.11 or newer; there is none on PATH."; exit 1; }
	@test -x $(VENV)/python || { echo "Making .venv …" && $(PYTHON) -m venv .venv; }
	@echo "Installing; this takes a minute or two, once …"
	@$(PIP) --editable .
	@touch $@ $(VENDOR)

.venv/.dev: .venv/.installed
	@$(PIP) 'pip>=25.1'
	@$(PIP) --group dev
	@touch $@

$(VENDOR): static/icons.txt hatch_build.py static/package-lock.json | .venv/.installed
	@$(VENV)/python hatch_build.py || $(PIP) --editable . --no-deps
	@touch $@

.PHONY: help run test bench chaos lint types clean
