# fff-serve. `make help` lists the targets; each needs Python 3.11+ and make, nothing else prepared.
PYTHON ?= python3
HOST   ?= 127.0.0.1
PORT   ?= 8000
STORE  ?=
DEVICE ?= cpu
SOURCE ?= unknown
TEST_OPTIONS ?=
VENV   := .venv
BIN    := $(VENV)/bin
PIP    := $(BIN)/python -m pip --disable-pip-version-check -qq

.PHONY: help install serve test check format lock bench bench-million bench-http peers loadtest screenshots demo up image pin-base clean
.DEFAULT_GOAL := help

help:            ## List the targets
	@grep -E '^[a-z-]+: .*## |^[a-z-]+:  +## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.serve         ## Make .venv and install the service into it

serve: install        ## Serve the demo models (PORT=, HOST=, STORE=)
	@exec $(BIN)/fff-serve serve --host $(HOST) --port $(PORT) $(if $(STORE),--store $(STORE))

test: $(VENV)/.test   ## Every test (TEST_OPTIONS= for pytest)
	$(BIN)/python -m pytest -q -n 2 --dist loadfile --no-loadscope-reorder $(TEST_OPTIONS)

check: $(VENV)/.dev   ## Format check, lint, types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/oxlint --deny-warnings service/page

format: $(VENV)/.dev  ## Format the code and fix what the linter can
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

# In a fresh environment, so that only what the extras bring in is written down. A build's own
# suffix (`+cpu`) is cut: an index that lacks that build still has the release.
lock:            ## Renew constraints.txt: the newest versions that pyproject.toml allows
	@set -e; fresh=$$(mktemp -d); trap 'rm -rf "$$fresh"' EXIT; \
	$(PYTHON) -m venv "$$fresh"; pip="$$fresh/bin/python -m pip --disable-pip-version-check -qq"; \
	$$pip install -e '.[dev]' -e ./client; \
	$$pip freeze --exclude-editable > "$$fresh/list"; \
	{ grep '^#' constraints.txt; sed 's/+.*//' "$$fresh/list"; } > "$$fresh/constraints.txt"; \
	cp "$$fresh/constraints.txt" constraints.txt

# On a GPU $(PYTHON) with torch and triton is enough: nothing is installed.
ifeq ($(DEVICE),cuda)
bench:
	$(PYTHON) -m bench.gpu
else
bench: $(VENV)/.bench ## Kernels against dense, gather, mixtures (DEVICE=cuda); last line is JSON
	$(BIN)/python -m bench.kernels --device $(DEVICE)
endif

bench-million: $(VENV)/.bench ## A layer a million neurons wide, weights cold; last line is JSON
	$(BIN)/python -m bench.million

bench-http: $(VENV)/.test  ## The request path against what users write themselves; last line is JSON
	$(BIN)/python -m bench.http

peers: $(VENV)/.test  ## Install the frameworks that bench-http compares with: 5 GB, some 8 minutes
	$(BIN)/python -m bench.http.peers install

loadtest: $(VENV)/.load    ## Locust, FFF against dense, with a report in loadtest/results
	$(BIN)/python -m loadtest.run

screenshots: $(VENV)/.test ## The page under load, light and dark, into docs (needs chromium)
	$(BIN)/python -m bench.page.screenshots

demo: $(VENV)/.train  ## Train the demo pair again into model_store/demo
	$(BIN)/fff-serve train digits --name digits

up:              ## Compose: service, Prometheus, Grafana (locust: --profile load)
	docker compose up --build

image:           ## Build the container image, labelled with version, revision, SOURCE=
	docker build -t fff-serve --build-arg VERSION=$$($(PYTHON) -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])') \
	  --build-arg REVISION=$$(git rev-parse HEAD) --build-arg SOURCE=$(SOURCE) .

pin-base:        ## Write the digest of the image's base into the Dockerfile, or renew it
	ops/pin-base.sh

clean:           ## Remove the virtual environment and caches
	rm -rf $(VENV) .venv-peers .pytest_cache .mypy_cache .ruff_cache .coverage *.egg-info client/*.egg-info

# One stamp an extra: pip runs again only when what is asked for, or its versions, changed.
$(BIN)/python:
	$(PYTHON) -m venv $(VENV)

$(VENV)/.serve: pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing fff-serve into $(VENV) (the first time takes a minute or two)"
	@$(PIP) install -c constraints.txt -e .
	@touch $@

$(VENV)/.%: pyproject.toml client/pyproject.toml constraints.txt | $(BIN)/python
	@echo "Installing fff-serve[$*] and fff-client into $(VENV)"
	@$(PIP) install -c constraints.txt -e '.[$*]' -e ./client
	@touch $@ $(if $(filter dev,$*),$(VENV)/.test)  # dev is test and more
