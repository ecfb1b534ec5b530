# fff-serve. `make help` lists the targets; each needs Python 3.11+ and make, nothing else prepared.
PYTHON ?= python3
HOST   ?=
PORT   ?=
STORE  ?=
DEVICE ?= cpu
# Which build of torch: auto, cpu, cuda, cu130 ... (ops/install_torch.py), and what is wanted beside
# the service: EXTRAS=grpc,otel (docs/install.md).
TORCH  ?= auto
EXTRAS ?=
SOURCE ?= unknown
TEST_OPTIONS ?=
VENV   := .venv
BIN    := $(VENV)/bin
comma  := ,
WANTED := $(subst $(comma), ,$(EXTRAS))

.PHONY: help install serve test check format lock bench bench-million bench-http peers loadtest screenshots demo up image pin-base release clean
.DEFAULT_GOAL := help
.NOTPARALLEL:  # one pip at a time in one environment

help:            ## List the targets
	@grep -E '^[a-z-]+: .*## |^[a-z-]+:  +## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

install: $(VENV)/.serve $(WANTED:%=$(VENV)/.%) ## Make .venv and install into it (EXTRAS=grpc,otel, TORCH=cpu|cuda)
	@:

serve: install        ## Serve the demo models (PORT=, HOST=, STORE=, EXTRAS=, any FFF_*=)
	@exec $(BIN)/fff-serve serve $(if $(HOST),--host $(HOST)) $(if $(PORT),--port $(PORT)) $(if $(STORE),--store $(STORE))

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
	$$pip install -e '.[dev,release]' -e ./client uv; \
	$$pip freeze --all --exclude pip --exclude-editable > "$$fresh/list"; \
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

# In a store of its own first, so that a demo of which one network failed never is.
demo: $(VENV)/.train  ## Train the demo models again, into model_store/demo: two minutes
	@set -e; fresh=$$(mktemp -d model_store/.demo-XXXXXX); trap 'rm -rf "$$fresh"' EXIT; \
	$(BIN)/fff-serve train digits --name digits --store "$$fresh"; \
	$(BIN)/fff-serve train terrain --name terrain --baseline fourier --baseline raster --store "$$fresh"; \
	for model in "$$fresh"/*; do \
	  rm -rf "model_store/demo/$${model##*/}"; mv "$$model" model_store/demo/; \
	done

up:              ## Compose: service, Prometheus, Grafana (locust: --profile load)
	docker compose up --build

image:           ## Build the container image, labelled with version, revision, SOURCE=
	docker build -t fff-serve --build-arg VERSION=$$($(PYTHON) -c 'import tomllib; print(tomllib.load(open("pyproject.toml", "rb"))["project"]["version"])') \
	  --build-arg REVISION=$$(git rev-parse HEAD) --build-arg SOURCE=$(SOURCE) .

pin-base:        ## Write the digest of the image's base into the Dockerfile, or renew it
	ops/pin-base.sh

release: $(VENV)/.release  ## Check and build what a release publishes, into dist/ (docs/releasing.md)
	$(BIN)/python -m ops.release build $(if $(DRY_RUN),--dry-run)

clean:           ## Remove the virtual environment, what was built, and caches
	rm -rf $(VENV) .venv-peers .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage
	rm -rf build dist *.egg-info client/build client/*.egg-info
	find . -name __pycache__ -prune -exec rm -rf {} +

# One stamp for the service and one an extra: nothing is installed again until what is asked for, or
# its versions, changed. Another build of torch is asked for by its name alone.
$(BIN)/python:
	@echo "Making the environment $(VENV)"
	@$(PYTHON) -m venv $(VENV)

$(VENV)/.torch-%: constraints.txt | $(BIN)/python
	@$(BIN)/python -m ops.install_torch $*
	@rm -f $(VENV)/.torch-* && touch $@ $(VENV)/.torch-auto

$(VENV)/.serve: pyproject.toml constraints.txt | $(VENV)/.torch-$(TORCH)
	@$(BIN)/python -m ops.install --stamps $(VENV) $(WANTED)

$(VENV)/.%: pyproject.toml client/pyproject.toml constraints.txt | $(VENV)/.torch-$(TORCH)
	@$(BIN)/python -m ops.install --stamps $(VENV) $*
