#!/usr/bin/env bash
# bench/gpu/fetch_wheels.sh DIR: download what a GPU machine lacks, and check that it is complete.
# PYTHON: an interpreter with pip and packaging; .venv's if it is not set. DIR loses other wheels.
set -euo pipefail
dir=$(realpath -m "${1:?usage: fetch_wheels.sh DIR}")
cd "$(dirname "$0")/../.."
python=${PYTHON:-.venv/bin/python}

mkdir -p "$dir"
rm -f "$dir"/*.whl # two versions of a package would stop the whole install
platforms=()
for platform in manylinux_2_28 manylinux_2_27 manylinux_2_17 manylinux2014 manylinux1; do
  platforms+=(--platform "${platform}_x86_64")
done
"$python" -m pip download --quiet --no-deps --only-binary=:all: --python-version 3.12 \
  --implementation cp "${platforms[@]}" --dest "$dir" --requirement bench/gpu/wheels.txt
"$python" -m bench.gpu.wheels "$dir"
