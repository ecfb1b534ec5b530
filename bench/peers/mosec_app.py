"""
mosec: a Rust front end that batches, and a Python worker behind a socket.

The binary form is the bytes of the rows, answered with the bytes of the logits: what a worker's
own `serialize` and `deserialize` are for, and less work than the msgpack mixin. Each form is a
route with a worker; only the one that is asked ever computes.

1 ms is the shortest window there is (0 means the default of 10); mosec waits it out even when
idle, so a longer one costs a lone client more. Other windows and batch sizes were not tried.
"""

import sys
from typing import Any

import numpy as np
import orjson
from mosec import Runtime, Server, Worker

from bench.peers.computing import Array, compute_together, load_compute, port, rows_of
from bench.peers.settings import asked

WIDTH = 784  # of the bench's model


class JsonWorker(Worker):
    """`{"inputs": [[…]]}` to `{"outputs": [[…]]}`."""

    def __init__(self) -> None:
        super().__init__()
        self._compute = load_compute()

    def deserialize(self, data: bytes) -> Any:
        return np.asarray(orjson.loads(data)["inputs"], np.float32)

    def forward(self, data: Any) -> Any:
        if self.max_batch_size == 1:  # then it is no list
            return self._compute(data)
        return compute_together(data, self._compute)

    def serialize(self, data: Array) -> bytes:
        return orjson.dumps({"outputs": data}, option=orjson.OPT_SERIALIZE_NUMPY)


class BytesWorker(JsonWorker):
    """Bytes of float32 rows to bytes of float32 logits."""

    req_mime_type = resp_mime_type = "application/octet-stream"

    def deserialize(self, data: bytes) -> Any:
        return rows_of(data, WIDTH)

    def serialize(self, data: Array) -> bytes:
        return data.tobytes()


def main() -> None:
    """Serve until SIGTERM."""
    # mosec reads its command line itself.
    sys.argv[1:] = ["--address", "127.0.0.1", "--port", str(port()), "--log-level", "warning"]
    sys.argv += ["--timeout", "10000"]  # as long as wrk waits; the default of 3 s drops requests
    settings = asked("mosec")
    server = Server()
    server.register_runtime(
        {
            "/json": [Runtime(JsonWorker, **settings)],
            "/binary": [Runtime(BytesWorker, **settings)],
        }
    )
    server.run()


if __name__ == "__main__":
    main()
