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
# The default package index offers torch for x86 with several GB of CUDA libraries. For a small CPU
# image add --build-arg PIP_EXTRA_INDEX_URL=… with the CPU index that PyTorch's "Get started" page
# names. The other PIP_* arguments are for a mirror or a folder of wheels. None of them reaches the
# image that runs.
ARG DEVICE=cpu

# Only these lists leave this stage: a new lint rule in pyproject.toml does not reinstall torch.
FROM python:3.11-slim AS requirements
WORKDIR /requirements
COPY pyproject.toml .
RUN python -c 'import tomllib; from pathlib import Path; \
    project = tomllib.loads(Path("pyproject.toml").read_text())["project"]; \
    extras = project["optional-dependencies"]; \
    service = project["dependencies"] + extras["otel"]; \
    lists = {"cpu": service, "cuda": service + extras["gpu"], "load": extras["load"]}; \
    [Path(f"{name}.txt").write_text("\n".join(lines)) for name, lines in lists.items()]'

FROM python:3.11-slim AS builder
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
COPY --from=requirements /requirements/${DEVICE}.txt /requirements.txt
COPY constraints.txt /
# torch's C++ headers and its own tests go again: nothing here compiles against it. 62 and 83 MB
# in the CPU build of 2.13.
RUN --mount=type=cache,target=/root/.cache/pip pip install -c /constraints.txt -r /requirements.txt \
    && rm -rf /opt/venv/lib/python3.11/site-packages/torch/include \
              /opt/venv/lib/python3.11/site-packages/torch/test

FROM builder AS project
WORKDIR /source
COPY . .
RUN pip install --no-cache-dir --no-deps --prefix /project .

FROM builder AS load-dependencies
COPY --from=requirements /requirements/load.txt /requirements.txt
COPY constraints.txt /
RUN --mount=type=cache,target=/root/.cache/pip pip install -c /constraints.txt -r /requirements.txt

FROM python:3.11-slim AS runtime
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
# Two layers: a change of code ships the small one.
COPY --from=dependencies /opt/venv /opt/venv
COPY --from=project /project /opt/venv
# Your own models: mount a volume here and set FFF_STORE=/models. Unset, the demo models serve.
RUN install --directory --owner fff --group fff /models

USER 10001:10001
EXPOSE 8000
STOPSIGNAL SIGTERM
# FFF_PORT rather than --port moves the port, so that this asks where the service listens.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "import os, urllib.request as r; r.urlopen(f\"http://127.0.0.1:{os.environ.get('FFF_PORT', 8000)}/readyz\", timeout=2)"]
ENTRYPOINT ["fff-serve"]
CMD ["serve", "--host", "0.0.0.0"]
