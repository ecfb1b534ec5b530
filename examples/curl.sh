#!/usr/bin/env bash
# One request with curl: which digit is this, and which leaf of the tree computed it?
#
#   examples/curl.sh [URL]
set -euo pipefail
url=${1:-http://127.0.0.1:8000}

# A handwritten seven, 8 x 8 pixels from 0 to 16. UINT8 are raw pixels: the model scales them.
# --noproxy: a proxy of the environment is not for a service on this machine.
curl --silent --show-error --fail-with-body --noproxy 127.0.0.1 \
  "$url/v2/models/digits/infer" --data '{
  "inputs": [{"name": "input", "datatype": "UINT8", "shape": [1, 64], "data": [
     0, 0, 1,14,16,16,15, 1,
     0, 0,11,14, 8,13,11, 0,
     0, 0,15, 6, 0,14, 3, 0,
     0, 0, 5, 1, 5,13, 1, 0,
     0, 0, 0,13,16,16, 9, 0,
     0, 0, 2,16,15, 9, 1, 0,
     0, 0, 0,11, 9, 0, 0, 0,
     0, 0, 3,16, 2, 0, 0, 0]}],
  "outputs": [{"name": "class"}, {"name": "leaf"}]}'
echo
