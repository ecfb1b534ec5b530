#!/usr/bin/env bash
# Build the image and run it as production would, where there is podman and no Docker: read-only
# root, no capabilities, no network, not root, with a proxy set that leads nowhere. Wait for its
# health check, ask it for a prediction, over gRPC too, and its metrics, restart it, stop it with
# SIGTERM; then list a folder that belongs to root, which must be refused with the number of the user.
#
# Needs root, podman with runc or crun, and debootstrap: Debian's Python 3.11 stands in for the
# official base image, so that no registry is asked. Set BASE_ARCHIVE to use a saved image instead.
# PIP_INDEX_URL, PIP_EXTRA_INDEX_URL, PIP_FIND_LINKS and PIP_CERT go from the caller's environment
# to the build. Images and layers stay in TRY_DIR, so that a second run is quick.
set -euo pipefail
cd "$(dirname "$0")/.."

TRY_DIR=${TRY_DIR:-${TMPDIR:-/tmp}/fff-serve-try}
DEVICE=${DEVICE:-cpu}
BASE=localhost/python:3.11-slim
IMAGE=localhost/fff-serve:$DEVICE
NAME=fff-serve-try

# Without systemd podman cannot time health checks, and says so at each step; this script asks.
podman() { command podman --log-level fatal "$@"; }
say() { printf '%5ss  %s\n' "$SECONDS" "$*"; }
fail() { say "FAILED: $*" >&2; exit 1; }
fail_with_log() { podman logs "$NAME" >&2; fail "$@"; }

# Settings and storage of our own: the caller's podman stays as it is; deleting TRY_DIR undoes all.
say_what_it_needs() {
  echo "Needs: root, podman, runc or crun, debootstrap (Debian's packages), 5 GB in $TRY_DIR,"
  echo "a package index that pip reaches; 3 to 5 minutes at first, 1 afterwards."
  local missing=() name
  [ "$(id -u)" = 0 ] || missing+=("to be root")
  for name in podman debootstrap; do
    command -v "$name" >/dev/null || missing+=("$name")
  done
  command -v runc >/dev/null || command -v crun >/dev/null || missing+=("runc or crun")
  if [ ${#missing[@]} -gt 0 ]; then
    printf 'Missing:'; printf ' %s;' "${missing[@]}"; echo
    exit 1
  fi
}

use_own_podman() {
  mkdir -p "$TRY_DIR/tmp"
  export CONTAINERS_CONF=$TRY_DIR/containers.conf CONTAINERS_STORAGE_CONF=$TRY_DIR/storage.conf
  export TMPDIR=$TRY_DIR/tmp
  # cgroupfs, file: work without systemd and its journal. ulimits: podman's own defaults are more
  # than a sandboxed machine may grant.
  cat >"$CONTAINERS_CONF" <<CONF
[engine]
runtime = "$(command -v runc >/dev/null && echo runc || echo crun)"
cgroup_manager = "cgroupfs"
events_logger = "file"
[containers]
default_ulimits = ["nofile=4096:4096", "nproc=4096:4096"]
CONF
  cat >"$CONTAINERS_STORAGE_CONF" <<CONF
[storage]
driver = "overlay"
runroot = "$TRY_DIR/run"
graphroot = "$TRY_DIR/storage"
CONF
}

ensure_base() {
  if podman image exists "$BASE"; then return; fi
  if [ -n "${BASE_ARCHIVE:-}" ]; then
    podman tag "$(podman load --quiet --input "$BASE_ARCHIVE" | sed 's/.*: //')" "$BASE"
    return
  fi
  local root=$TRY_DIR/base
  rm -rf "$root"
  debootstrap --variant=minbase --include=python3.11-venv,python3-pip,ca-certificates \
    bookworm "$root" >"$TRY_DIR/debootstrap.log"
  ln -s /usr/bin/python3.11 "$root/usr/local/bin/python" # the official image's command
  tar -C "$root" -c . | podman import --quiet - "$BASE" >/dev/null
  rm -rf "$root"
  say "base image made"
}

build() {
  local name value options=()
  for name in PIP_INDEX_URL PIP_EXTRA_INDEX_URL PIP_FIND_LINKS PIP_CERT; do
    value=${!name:-}
    if [ -n "$value" ]; then options+=(--build-arg "$name=$value"); fi
    if [ -e "$value" ]; then options+=(--volume "$value:$value:ro"); fi # for the build only
  done
  # docker: the format that keeps HEALTHCHECK. host: pip needs the caller's network.
  podman build --format docker --network host --pull-never --build-arg "DEVICE=$DEVICE" \
    "${options[@]}" --tag "$IMAGE" . >"$TRY_DIR/build.log" 2>&1 ||
    fail "$(tail -n 20 "$TRY_DIR/build.log")"
  say "$IMAGE built: $(podman image inspect --format '{{.Size}}' "$IMAGE" | numfmt --to=si)B"
}

start() {
  podman run --detach --replace --name "$NAME" --network none --read-only --cap-drop ALL \
    --security-opt no-new-privileges --tmpfs /tmp --env FFF_GRPC_PORT=8001 \
    --env HTTP_PROXY=http://127.0.0.1:9 --env http_proxy=http://127.0.0.1:9 "$IMAGE" >/dev/null
  trap 'podman rm --force "$NAME" >/dev/null' EXIT
}

wait_until_healthy() {
  local begun_ms
  begun_ms=$(date +%s%3N)
  for _ in $(seq 240); do
    if podman logs "$NAME" 2>&1 | grep -q "ready"; then
      say "ready $(($(date +%s%3N) - begun_ms + $1)) ms after $2"
      podman healthcheck run "$NAME" >/dev/null || fail_with_log "ready, and not healthy"
      say "healthy, as uid $(podman exec "$NAME" id -u), with HTTP_PROXY set"
      return
    fi
    sleep 0.1
  done
  fail_with_log "not ready"
}

# Asked from inside the container, which has no network to be reached by.
ask() {
  podman exec --interactive "$NAME" python - <<'PYTHON' || fail_with_log "a request failed"
import json
from urllib.request import ProxyHandler, Request, build_opener

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

urlopen = build_opener(ProxyHandler({})).open


def get(path, body=None):
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(f"http://127.0.0.1:8000{path}", data), timeout=10) as answer:
        return answer.read().decode()


models = json.loads(get("/v1/models"))["models"]
model = next(model["name"] for model in models if model["kind"] == "fff")
width = json.loads(get(f"/v2/models/{model}"))["inputs"][0]["shape"][-1]
print("       ", get(f"/v1/models/{model}/predict", {"inputs": [[0.0] * width]}))

series = [line for line in get("/metrics").splitlines() if line.startswith("fff_rows_total")]
print("       ", "\n        ".join(series))
assert any(f'model="{model}"' in one and one.endswith(" 1.0") for one in series), "row not counted"

with grpc.insecure_channel("127.0.0.1:8001", [("grpc.enable_http_proxy", 0)]) as channel:
    health = health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest(), timeout=10)
assert health.status == health_pb2.HealthCheckResponse.SERVING, health
PYTHON
  say "predicted one row and counted it; gRPC is serving"
}

stop() {
  podman stop --time 30 "$NAME" >/dev/null # sends the image's stop signal
  local code
  code=$(podman inspect --format '{{.State.ExitCode}}' "$NAME")
  [ "$code" = 0 ] || fail_with_log "exit code $code after SIGTERM"
  say "stopped by SIGTERM, exit code 0"
}

refuse_roots_folder() {
  local folder=$TRY_DIR/roots said
  mkdir -p "$folder" && chmod 700 "$folder"
  said=$(podman run --rm --network none --read-only --cap-drop ALL --tmpfs /tmp \
    --volume "$folder:/models" "$IMAGE" list 2>&1) && fail "a folder of root was listed"
  case $said in
    *"/models"*"Permission denied: user 10001"*) say "a folder of root: ${said##*fff-serve: }" ;;
    *) fail "a folder of root: $said" ;;
  esac
}

say_what_it_needs
use_own_podman
ensure_base
build
begun=$(date +%s%3N)
start
wait_until_healthy $(($(date +%s%3N) - begun)) "podman run"
ask
stop
begun=$(date +%s%3N)
start
wait_until_healthy $(($(date +%s%3N) - begun)) "podman run, again"
stop
refuse_roots_folder
say "tried: build, read-only root, proxy set, health check, HTTP, gRPC, metrics, stop, start again, a folder of root"
