"""
MLServer: one process that speaks the v2 protocol as JSON; it has no binary form over REST.

Adaptive batching merges the requests itself and splits the answer by their numbers of rows.

A window of 1 ms and 64 requests are by analogy with the others; other values were not tried.
"""

import asyncio
import socket

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse

from bench.peers.computing import load_compute, port
from bench.peers.settings import asked


class Network(MLModel):
    """`input` to `logits`."""

    async def load(self) -> bool:
        self._compute = load_compute()
        return True

    async def predict(self, payload: InferenceRequest) -> InferenceResponse:
        y = self._compute(NumpyCodec.decode_input(payload.inputs[0]))
        outputs = [NumpyCodec.encode_output("logits", y)]
        return InferenceResponse(model_name=self.name, id=payload.id, outputs=outputs)


def main() -> None:
    """Serve until SIGTERM."""
    with socket.socket() as probe:  # gRPC cannot be switched off; nobody asks it
        probe.bind(("127.0.0.1", 0))
        grpc_port: int = probe.getsockname()[1]
    tuned = asked("mlserver")
    settings = Settings(
        host="127.0.0.1",
        http_port=port(),
        grpc_port=grpc_port,
        metrics_endpoint=None,
        parallel_workers=tuned.pop("parallel_workers"),
        debug=False,
    )
    model = ModelSettings(
        name="bench",
        implementation="bench.peers.mlserver_app.Network",  # by name, for its worker processes
        **tuned,
    )
    asyncio.run(MLServer(settings).start([model]))


if __name__ == "__main__":
    main()
