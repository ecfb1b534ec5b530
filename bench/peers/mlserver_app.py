"""
MLServer: one process that speaks the v2 protocol as JSON; it has no binary form over REST.

Adaptive batching merges the requests itself, as Python lists, and costs more than it saves. Tried,
in requests a second at one connection / at 64 over those of the second line (medians of 3 rounds of
1 s, the least and the greatest up to 1.5 times apart, AMD EPYC, 2 cores, 2026-11-25):

    requests, ms   1 row, JSON   64 rows, JSON   geometric mean
    no batches     3.10 / 1.30   1.30 / 3.14     2.01: chosen
    64, 1          1             1               1
    16, 1          0.96 / 0.99   1.03 / 2.23     1.22

All with uvloop, as its command has it, and httptools. Worker processes were not tried: those of
1.7.1 end at their start with uvloop 0.23.
"""

import asyncio
import socket

from mlserver import MLModel, MLServer, ModelSettings, Settings
from mlserver.codecs import NumpyCodec
from mlserver.types import InferenceRequest, InferenceResponse
from mlserver.utils import install_uvloop_event_loop

from bench.peers.computing import load_compute, port
from bench.peers.settings import own_settings


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
    settings = Settings(
        host="127.0.0.1",
        http_port=port(),
        grpc_port=grpc_port,
        metrics_endpoint=None,
        parallel_workers=0,  # computes where it listens
        debug=False,
    )
    model = ModelSettings(
        name="bench",
        implementation=Network,
        **own_settings(),
    )
    install_uvloop_event_loop()  # as its command does
    asyncio.run(_serve(settings, model))


async def _serve(settings: Settings, model: ModelSettings) -> None:
    await MLServer(settings).start([model])  # made where a loop runs: uvloop has none before


if __name__ == "__main__":
    main()
