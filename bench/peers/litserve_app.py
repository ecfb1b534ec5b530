"""
LitServe: a FastAPI application before a queue, and a worker process that batches.

The binary form is a file of a multipart form: JSON and forms are all that LitServe reads.

Of batch_timeout 0 and 1 ms, with and without fast_queue, 1 ms with it answered most in nearly all
loads: 420 one-row JSON requests a second at 64 connections, where 0 ms without answered 140, for
0 polls its queue without pause and takes a core from the front end (2 cores of an AMD EPYC, one
leg of 1 s each, beside other work, 2026-11-25). 10 ms and other batch sizes were not tried.
"""

from typing import Any

import litserve
import numpy as np
import orjson
from fastapi import Request
from starlette.datastructures import FormData
from starlette.responses import Response

from bench.peers.computing import Array, compute_together, load_compute, port, rows_of
from bench.peers.settings import asked

WIDTH = 784  # of the bench's model


class Network(litserve.LitAPI):
    """Rows as JSON or as a file, logits likewise."""

    def setup(self, device: str) -> None:
        self._compute = load_compute()

    def decode_request(self, request: Request) -> tuple[Array, bool]:
        if isinstance(request, FormData):
            return rows_of(request["rows"].file.read(), WIDTH), True
        return np.asarray(request["inputs"], np.float32), False

    def batch(self, inputs: list[tuple[Array, bool]]) -> list[tuple[Array, bool]]:
        return inputs

    def predict(self, batch: Any) -> Any:
        if self.max_batch_size == 1:  # then it is no list
            x, raw = batch
            return self._compute(x), raw
        outputs = compute_together([x for x, _ in batch], self._compute)
        return list(zip(outputs, (raw for _, raw in batch), strict=True))

    def unbatch(self, outputs: list[tuple[Array, bool]]) -> list[tuple[Array, bool]]:
        return outputs

    def encode_response(self, output: tuple[Array, bool]) -> Any:
        y, raw = output
        if raw:
            return Response(y.tobytes(), media_type="application/octet-stream")
        written = orjson.dumps({"outputs": y}, option=orjson.OPT_SERIALIZE_NUMPY)
        return Response(written, media_type="application/json")


def main() -> None:
    """Serve until SIGTERM."""
    settings = asked("litserve")
    batching = {name: settings.pop(name) for name in ("max_batch_size", "batch_timeout")}
    api_servers = settings.pop("num_api_servers")
    server = litserve.LitServer(Network(**batching), accelerator="cpu", **settings)
    server.run(
        host="127.0.0.1",
        port=port(),
        num_api_servers=api_servers,
        generate_client_file=False,
        log_level="warning",
        access_log=False,
    )


if __name__ == "__main__":
    main()
