# The service and its demo models in one image. On CPUs:
#
#   docker build -t fff-serve .
#   docker run --read-only --cap-drop ALL --tmpfs /tmp -p 127.0.0.1:8000:8000 fff-serve
#
# On NVIDIA GPUs; exec, because Triton loads what it compiles from its cache in /tmp:
#
#   docker build -t fff-serve:cuda --build-arg DEVICE=cuda .
#   docker run --gpus all --read-only --cap-drop ALL --tmpfs /tmp:exec -p 127.0.0.1:8000:8000 fff-serve:cuda
#
# Without DEVICE=cuda it gets PyTorch's CPU build, whatever the machine that builds has in it; or,
# where a PIP_* argument names a mirror or a folder of wheels, what plain pip finds there. TORCH=cu126
# and others choose another build (ops/install_torch.py). None of these reaches the image that runs.
#
# An empty folder mounted at /models is an empty store; a new named volume starts with the demo
# models. docs/containers.md has volumes, labels, the list of contents (SBOM) and proxies.
ARG DEVICE=cpu
# The one place that names the base; `make pin-base` writes the digest behind it and renews it.
ARG PYTHON_IMAGE=python:3.11-slim

# Only these lists leave this stage: a new lint rule in pyproject.toml does not reinstall torch.
FROM ${PYTHON_IMAGE} AS requirements
WORKDIR /requirements
COPY pyproject.toml .
RUN python -c 'import tomllib; from pathlib import Path; \
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]; \
    extras = project["optional-dependencies"]; \
    service = project["dependencies"] + extras["otel"] + extras["grpc"] + extras["remote"]; \
    lists = {"cpu": service, "cuda": service + extras["gpu"], "load": extras["load"]}; \
    [Path(f"{name}.txt").write_text("\n".join(lines)) for name, lines in lists.items()]'

FROM ${PYTHON_IMAGE} AS builder
ARG PIP_INDEX_URL
ARG PIP_EXTRA_INDEX_URL
ARG PIP_FIND_LINKS
ARG PIP_CERT
# ENV, because a build argument ends with its stage; pip takes an empty setting for none.
ENV PIP_INDEX_URL=$PIP_INDEX_URL \
    PIP_EXTRA_INDEX_URL=$PIP_EXTRA_INDEX_URL \
    PIP_FIND_LINKS=$PIP_FIND_LINKS \
    PIP_CERT=$PIP_CERT \
    PIP_PYTHON=/opt/venv/bin/python
# Without pip of its own, so that none is shipped: the base image's pip installs into it.
RUN python -m venv --without-pip /opt/venv

FROM builder AS dependencies
ARG DEVICE
# Which build of torch; empty: the one for DEVICE.
ARG TORCH
WORKDIR /install
COPY constraints.txt ./
COPY ops/install_torch.py ops/pip_progress.py ops/
# torch by itself, as on every machine. uv, which may install it, writes no bytecode unless told to.
# Its C++ headers and its own tests go again: nothing here compiles against it. 62 and 83 MB in the
# CPU build of 2.13.
RUN --mount=type=cache,target=/root/.cache \
    case "$DEVICE" in cuda) build=cuda ;; *) build=auto-cpu ;; esac \
    && UV_COMPILE_BYTECODE=1 UV_LINK_MODE=copy python -m ops.install_torch "${TORCH:-$build}" \
    && rm -rf /opt/venv/lib/python3.11/site-packages/torch/include \
              /opt/venv/lib/python3.11/site-packages/torch/test
COPY --from=requirements /requirements/${DEVICE}.txt /requirements.txt
RUN --mount=type=cache,target=/root/.cache/pip pip install -c constraints.txt -r /requirements.txt

# The CPU kernel as machine code for every level of x86-64: a start compiles nothing. Of the sources
# only fff, so that it is done again only where the kernel may have changed.
FROM dependencies AS kernels
WORKDIR /source
COPY fff fff
RUN /opt/venv/bin/python -m fff.kernels.cpu.prebuild /kernels

FROM builder AS project
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --no-deps --prefix /project .

# What the image holds of Python, as CycloneDX: what is installed, not what was asked for.
FROM dependencies AS contents
COPY --from=project /project /opt/venv
COPY constraints.txt pyproject.toml /
RUN --mount=type=cache,target=/root/.cache/pip python -m venv --without-pip /opt/tool \
    && PIP_PYTHON=/opt/tool/bin/python pip install -c /constraints.txt cyclonedx-bom==7.5.0 \
    && /opt/tool/bin/cyclonedx-py environment --output-reproducible --pyproject /pyproject.toml \
        --output-file /fff-serve.cdx.json /opt/venv/bin/python

# That file alone, as output of a build: `docker build --target sbom --output sbom .`
FROM scratch AS sbom
COPY --from=contents /fff-serve.cdx.json /

FROM builder AS load-dependencies
COPY --from=requirements /requirements/load.txt /requirements.txt
COPY constraints.txt /
RUN --mount=type=cache,target=/root/.cache/pip pip install -c /constraints.txt -r /requirements.txt

FROM ${PYTHON_IMAGE} AS runtime
# A named user, because torch asks for its name; /tmp as home, because it is all that can be
# written under --read-only.
RUN useradd --uid 10001 --user-group --home-dir /tmp --no-create-home --shell /usr/sbin/nologin fff
# The bytecode was written by pip; nothing more could be written on a read-only root.
ENV PATH=/opt/venv/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1

# The load generator: `--target load`. It speaks HTTP and holds nothing of the service.
FROM runtime AS load
COPY --from=load-dependencies /opt/venv /opt/venv
WORKDIR /app
COPY loadtest loadtest
USER 10001:10001
EXPOSE 8089
ENTRYPOINT ["locust", "--locustfile", "loadtest/locustfile.py"]

FROM runtime AS service
ARG DEVICE
# Triton compiles a kernel's launcher with the system's C compiler when the kernel is first used.
# No versions: a pinned one leaves Debian's archive with its next security fix.
# hadolint ignore=DL3008
RUN if [ "$DEVICE" = cuda ]; then \
        apt-get update \
        && apt-get install -y --no-install-recommends gcc libc6-dev \
        && rm -rf /var/lib/apt/lists/*; \
    fi
# Three layers: a change of code ships the last, 2 MB, and one of the kernel the one before, 5 MB.
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=kernels /kernels /opt/venv/lib/python3.11/site-packages/fff/kernels/cpu/prebuilt
COPY --from=project /project /opt/venv
COPY --from=contents /fff-serve.cdx.json /usr/share/sbom/
# The store, with the demo models; your own: mount a folder or a volume here.
COPY --chown=10001:10001 model_store/demo /models
ENV FFF_STORE=/models

# `make image` gives the three from pyproject.toml and git.
ARG VERSION=unknown
ARG REVISION=unknown
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="fff-serve" \
      org.opencontainers.image.description="Serve trained Fast Feedforward networks over HTTP and gRPC" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE"

USER 10001:10001
# gRPC listens only where FFF_GRPC_PORT says so; 8001 is the number its clients expect.
EXPOSE 8000 8001
STOPSIGNAL SIGTERM
# FFF_PORT rather than --port moves the port, so that this asks where the service listens. Where
# that is HTTPS or a Unix socket, set FFF_OPS_PORT, which is asked then. By http.client, which no
# variable such as HTTP_PROXY diverts.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, http.client as h; c = h.HTTPConnection('127.0.0.1', int(os.environ.get('FFF_OPS_PORT') or os.environ.get('FFF_PORT') or 8000), timeout=2); c.request('GET', '/readyz'); raise SystemExit(c.getresponse().status != 200)"]
ENTRYPOINT ["fff-serve"]
CMD ["serve", "--host", "0.0.0.0"]
