"""
LitServe: a FastAPI application before a queue, and a worker process that batches.

The binary form is a file of a multipart form: JSON and forms are all that LitServe reads.

Tried, in requests a second at one connection / at 64 over those of the second line (medians of 3
rounds of 2 s, the least and the greatest up to three times apart: AMD EPYC, 2 cores kept busy by
others, where more processes are a larger share of them; 2026-11-25):

    requests, ms, workers, API servers   1 row, JSON   1 row, form   64 rows, form   geometric mean
    64, 1, 1, 2                          0.95 / 1.40   0.86 / 1.57   1.31 / 1.07     1.16: chosen
    64, 1, 1, 1                          1             1             1               1
    1, none, 2, 2                        0.88 / 1.22   0.77 / 1.28   1.29 / 1.33     1.11
    1, none, 1, 1                        1.22 / 0.92   0.80 / 0.82   1.02 / 1.22     0.99
    16, 1, 1, 1                          1.09 / 0.76   0.77 / 0.86   1.25 / 1.03     0.94
    64, 5, 1, 1                          0.63 / 0.80   0.61 / 0.98   0.74 / 1.29     0.81

All of them on the plain queue, a multiprocessing.Manager's, though fast_queue was asked for:
0.2.19 ignores it (`use_fast_queue`). A window of 0 polls the queue without pause, a core less for
the front end: 140 one-row JSON requests a second at 64 connections where 1 ms had 420.

With the fast queue put to work, over the plain one, one row of JSON (medians of 3 rounds of 4 s,
the least and the greatest up to four times apart: Xeon, 2 cores kept busy by others; 2026-11-26):

    requests, ms, workers, API servers   1 connection   64 connections
    64, 1, 1, 2                          1.22           0.85
    64, 1, 1, 1                          1.84           1.09
"""

from typing import Any

import litserve
import numpy as np
import orjson
from fastapi import Request
from litserve.transport import factory
from litserve.transport.factory import TransportConfig
from litserve.transport.zmq_queue import Broker
from litserve.transport.zmq_transport import ZMQTransport
from starlette.datastructures import FormData
from starlette.responses import Response

from bench.peers.computing import Array, compute_together, load_compute, port, rows_of
from bench.peers.settings import own_settings

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


def use_fast_queue(server: litserve.LitServer) -> None:
    """
    Have a server use ZeroMQ for its answers, which `fast_queue` asks for and 0.2.19 does not.

    Its constructor gives the kind of queue under a name that its configuration does not have and
    silently drops; and its factory exchanges the broker's two addresses, so that nothing would
    arrive. Both are put right here as LitServe's own open repair does (its issue 751).
    """

    def transport(config: TransportConfig) -> ZMQTransport:
        broker = Broker()
        broker.start()
        return ZMQTransport(
            backend_address=broker.backend_address, frontend_address=broker.frontend_address
        )

    server.transport_config = TransportConfig(transport_type="zmq")
    factory._create_zmq_transport = transport


def main() -> None:
    """Serve until SIGTERM."""
    settings = own_settings()
    batching = {name: settings.pop(name) for name in ("max_batch_size", "batch_timeout")}
    api_servers = settings.pop("num_api_servers")
    server = litserve.LitServer(Network(**batching), accelerator="cpu", **settings)
    if settings["fast_queue"]:
        use_fast_queue(server)
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
