"""
mosec: a Rust front end that batches, and a Python worker behind a socket.

The binary form is the bytes of the rows, answered with the bytes of the logits: what a worker's
own `serialize` and `deserialize` are for, and less work than the msgpack mixin. Each form is a
route with a worker; only the one that is asked ever computes.

No one setting is best for one connection and for many, so `bench.http` runs it twice. Of batches of
1, 16, 32 and 64 requests and 1 and 2 workers, in requests a second at one connection / at 64, over
those with 64 requests and one worker (medians of three rounds of 2 s, the least and the greatest up
to twice apart, AMD EPYC, 2 cores beside other work, 2026-11-25):

    requests, workers   1 row, JSON   1 row, bytes   64 rows, bytes   geometric mean
    1, 1                6.19 / 0.39   5.10 / 0.33    4.38 / 0.91      1.59: `mosec`
    1, 2                4.08 / 0.54   4.62 / 0.34    2.63 / 1.25      1.50
    64, 1               1             1              1                1: `mosec-batching`
    32, 1               1.00 / 1.01   1.08 / 0.94    0.99 / 1.05      1.01
    16, 1               1.08 / 0.88   1.05 / 0.84    1.10 / 1.14      1.01
    16, 2               1.00 / 1.04   0.99 / 0.73    0.98 / 1.20      0.98

Batches have a window, which mosec waits out even when idle; 1 ms is the shortest there is (0 means
the default of 10), and a window of 10 had 0.42 / 1.5, 0.25 / 0.73, 0.31 / 1.0 (one round of 1 s).
"""

import sys
from typing import Any

import numpy as np
import orjson
from mosec import Runtime, Server, Worker

from bench.peers.computing import Array, compute_together, load_compute, port, rows_of
from bench.peers.settings import own_settings

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
    settings = own_settings()
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
