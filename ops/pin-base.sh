#!/usr/bin/env bash
# Pin the image that ours is built on: write the digest behind its tag into the Dockerfile's line
# `ARG PYTHON_IMAGE=`, the one place that names it. Run it again to renew it; commit what changes.
#
#   ops/pin-base.sh           needs docker with buildx, or skopeo, and the network
#   ops/pin-base.sh --check   exits 1 unless it is pinned; for a release
set -euo pipefail
DOCKERFILE=${DOCKERFILE:-$(dirname "$0")/../Dockerfile}

fail() { echo "pin-base: $*" >&2; exit 1; }
named=$(sed -n 's/^ARG PYTHON_IMAGE=//p' "$DOCKERFILE")
tag=${named%%@*}

if [ "${1:-}" = --check ]; then
  [[ $named =~ @sha256:[0-9a-f]{64}$ ]] || fail "$named is not pinned by digest: make pin-base"
  exit 0
fi

# The digest of the list of all platforms, so that one line fits x86 and Arm.
if command -v docker >/dev/null && docker buildx version >/dev/null 2>&1; then
  digest=$(docker buildx imagetools inspect --format '{{.Manifest.Digest}}' "$tag") ||
    fail "docker could not look up $tag"
elif command -v skopeo >/dev/null; then
  digest=sha256:$(skopeo inspect --raw "docker://docker.io/library/$tag" | sha256sum | cut -d' ' -f1) ||
    fail "skopeo could not look up $tag"
else
  fail "needs docker with buildx, or skopeo, to look up $tag"
fi
[[ $digest =~ ^sha256:[0-9a-f]{64}$ ]] || fail "a digest of $tag was expected, got '$digest'"
sed -i "s|^ARG PYTHON_IMAGE=.*|ARG PYTHON_IMAGE=$tag@$digest|" "$DOCKERFILE"
echo "$tag is pinned to $digest"
