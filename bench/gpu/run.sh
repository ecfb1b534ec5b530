#!/usr/bin/env bash
# bench/gpu/run.sh 1|2|3|all: one run of `python -m bench.gpu` on a machine with a GPU, no network
# and nothing installed but torch and triton (Python 3.12), within the time that it is lent for.
#
# Results: JSON lines in $OUT, 3 files; a table at the end of standard output. In order:
#   run       seconds  what
#   1         210      is it right; limits of the device; time of each kernel
#   2         260      which launches are quickest; the check of those; the service; each rival once
#   3         150      the grid; layers of a million neurons and more
#   all       860      everything
# Give the tool that runs it 15 seconds more. Rehearse first: python -m bench.gpu --rehearse --call 1 DIR
#
# Beside the repository's own files these have to travel; git ignores them, so name them to the tool:
#   .whl                 wheels: bench/gpu/fetch_wheels.sh .whl   (for the service and some tests)
#   fff_serve.egg-info   of `make install`: the service asks for its own version
#   shared               published checkpoints and MNIST's images, checkpoints/efff and data/mnist
#   .gpu                 $OUT of the runs before: limits, and the launches that were chosen
# Each may be missing; what needs it says so. BENCH_COMMIT=... names the commit in the results, where
# the history did not travel.
set -uo pipefail
cd "$(dirname "$0")/../.."
call=${1:?usage: run.sh 1|2|3|all}
out=${OUT:?OUT must name a folder for results}
export PYTHONUNBUFFERED=1 TOKENIZERS_PARALLELISM=false HF_HUB_OFFLINE=1

if compgen -G '.whl/*.whl' >/dev/null; then
  site=$(mktemp -d)
  if python3 -m pip install -q --no-index --no-deps --no-compile --no-cache-dir \
    --disable-pip-version-check --target "$site" .whl/*.whl; then
    export PYTHONPATH=$site${PYTHONPATH:+:$PYTHONPATH}
  else
    echo "run.sh: the wheels could not be installed; going on without them" >&2
  fi
fi

case $call in
  1) limit=210 options=(--call 1) ;;
  2) limit=260 options=(--call 2) ;;
  3) limit=150 options=(--call 3) ;;
  all) limit=860 options=(--all) ;;
  *) echo "run.sh: 1, 2, 3 or all; got $call" >&2; exit 2 ;;
esac
[ -d .gpu ] && options+=(--before .gpu)
shift
# The bench ends by itself; this is for a machine on which it does not.
exec timeout -k 5 $((limit + 5)) python3 -m bench.gpu "${options[@]}" "$@" "$out"
