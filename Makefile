# Needs make and Python 3.11 or newer; everything else comes from uv.lock. `make` alone lists what there is.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help env serve test check clients faults bench format
SHELL := /bin/sh

# The environment is this folder's, made with the Python found here, whatever else is active in the shell.
export UV_PYTHON_DOWNLOADS := never
export UV_COMPILE_BYTECODE := 1
export UV_PROJECT_ENVIRONMENT := .venv
# uv trusts what this machine trusts, where it keeps a list; a bare Debian has none, and then uv's own does.
export UV_SYSTEM_CERTS := $(if $(wildcard /etc/ssl/certs/ca-certificates.crt /etc/pki/tls/certs/ca-bundle.crt /etc/ssl/cert.pem),true,false)
unexport VIRTUAL_ENV PYTHONHOME PYTHONPATH

ARGS ?=
BIN := .venv/bin

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile

env: .venv/.made ## Make the environment .venv from uv.lock

serve: env ## Start the server on ./data (ARGS="--host-name proget")
	@exec $(BIN)/moorage serve $(ARGS)

test: env ## Run the tests that need nothing but the environment (ARGS="-k upload")
	$(BIN)/pytest -n auto --maxprocesses 4 --dist worksteal $(ARGS)

check: env ## Run every gate: lint, format, types, layers, lock file
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports --no-logo
	$(BIN)/uv lock --check

clients: env ## Run the tests that drive real clients, a browser and PostgreSQL (installs them, when root)
	.ci/install
	$(BIN)/pytest -n 2 --dist load --maxschedchunk 1 -m "clients or browser or servers" --durations 20 $(ARGS)

faults: env ## Kill, fill and corrupt for hours, as before a release (ARGS="--kills 500 --soak 10800", as root)
	.ci/install
	$(BIN)/pytest -m "clients or servers or not clients" tests/faults $(or $(ARGS),--kills 500 --soak 10800)

bench: env ## Compare the speed of this server with its peers'
	$(BIN)/python -m bench $(ARGS)

format: env ## Put the code into its one form
	$(BIN)/ruff check --fix-only --quiet
	$(BIN)/ruff format

.venv/.made: uv.lock pyproject.toml .uv/bin/uv
	@python=$$(tools/find_python.sh) && UV_PYTHON=$$python .uv/bin/uv sync --frozen
	@touch $@

.uv/bin/uv: uv.lock tools/get_uv.py
	@python=$$(tools/find_python.sh) && "$$python" tools/get_uv.py
