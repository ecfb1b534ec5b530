"""
`python -m bench.http.servers NAME …`: the other servers of the request-path bench, one a process.

Each runs on the uvicorn options of the service, with one torch thread, its objects frozen out of
the garbage collector as the service's are: all that users could set up likewise is alike.

Covered:      what the bench sends, and `GET` anything, which says that the server is up.
Not covered:  checks of the input, metrics, errors, other outputs: all that makes a service one.
"""

import argparse
import gc
import signal
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson
import torch
import uvicorn
from torch import Tensor

from bench.http.bodies import HEADER_LENGTH
from bench.rivals import Run, dense, descend, gather_leaves
from fff.weights import FFFWeights
from model_store.store import Store
from networks.backends import build_backend

Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]

UVICORN: dict[str, Any] = {  # a test holds them against those in service/server.py
    "loop": "uvloop",
    "http": "httptools",  # the stock protocol; the service's own, built on it, is its merit
    "proxy_headers": False,
    "log_config": None,
    "access_log": False,
    "server_header": False,
    "timeout_keep_alive": 75,
}
_LENGTH = HEADER_LENGTH.lower().encode()  # as ASGI writes header names


class Bare:
    """
    A minimal ASGI application that computes each request by itself, as it comes.

    Args:
        weights: The network's; their input width gives binary rows their shape.
        run: Computes `[n, i]` to `[n, o]`.
    """

    def __init__(self, weights: FFFWeights, run: Run):
        self._width, self._run = weights.input_width, run

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "GET":
            await answer(send, b"up")
            return
        body = await read(receive)
        if body is None:
            return
        length = next((int(value) for name, value in scope["headers"] if name == _LENGTH), None)
        if length is None:
            x = np.asarray(orjson.loads(body)["inputs"], np.float32)
            y = self._run(torch.from_numpy(x)).numpy()
            written = orjson.dumps({"outputs": y}, option=orjson.OPT_SERIALIZE_NUMPY)
            await answer(send, written)
        else:
            x = np.frombuffer(body, np.float32, offset=length).reshape(-1, self._width)
            await answer_binary(send, self._run(torch.from_numpy(x)).numpy())


async def constant(scope: Scope, receive: Receive, send: Send) -> None:
    """Read the body and answer as many bytes as the last part of the path says."""
    if scope["method"] == "GET":
        await answer(send, b"up")
    elif await read(receive) is not None:
        await answer(send, bytes(int(scope["path"].rpartition("/")[2])))


async def read(receive: Receive) -> bytearray | None:
    """Read a body; None if the client left before its end."""
    body = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        body += message["body"]
        if not message.get("more_body", False):
            return body


async def answer(
    send: Send, body: bytes, kind: bytes = b"application/json", length: int | None = None
) -> None:
    """Send 200 with a body; `length` is that of a JSON part before bytes."""
    headers = [(b"content-type", kind), (b"content-length", b"%d" % len(body))]
    if length is not None:
        headers.append((_LENGTH, b"%d" % length))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def answer_binary(send: Send, y: npt.NDArray[np.float32]) -> None:
    """Send `[n, o]` as the protocol's binary tensor."""
    raw = y.tobytes()
    output = {
        "name": "logits",
        "shape": y.shape,
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    header = orjson.dumps({"outputs": [output]})
    await answer(send, header + raw, b"application/octet-stream", len(header))


def gather_all(weights: FFFWeights) -> Run:
    """Evaluate in the gather form, the master leaf with it."""
    mix, master = weights.mix, dense(weights.master) if weights.master else None

    @torch.inference_mode()
    def run(x: Tensor) -> Tensor:
        y = gather_leaves(x, descend(x, weights), weights)
        return mix * y + (1 - mix) * master(x) if master else y  # [n, o]

    return run


def kernel(weights: FFFWeights) -> Run:
    """Evaluate on the kernel that the service computes with."""
    backend = build_backend(weights, torch.device("cpu"))
    return lambda x: backend.infer(x).logits


def main(arguments: list[str]) -> int:
    """Serve until SIGTERM; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m bench.http.servers")
    parser.add_argument("name", choices=APPLICATIONS)
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--port", type=int, required=True)
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    weights = Store(options.store).load(options.model).weights
    assert isinstance(weights, FFFWeights), "the bench publishes a tree. This is a bug."
    app = APPLICATIONS[options.name](weights, options.model)
    gc.collect()
    gc.freeze()
    # Uvicorn raises the signal again once it has stopped; the exit code is then to be 0.
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    uvicorn.run(app, host="127.0.0.1", port=options.port, lifespan="off", **UVICORN)
    return 0


def _fastapi(weights: FFFWeights, model: str) -> Any:
    from bench.http.fastapi_app import create_app  # FastAPI is nothing the bare ones should carry

    return create_app(f"/v1/models/{model}/predict", gather_all(weights))


APPLICATIONS: dict[str, Callable[[FFFWeights, str], Any]] = {
    "fastapi-pydantic": _fastapi,
    "asgi-gather": lambda weights, _: Bare(weights, gather_all(weights)),
    "asgi-kernel": lambda weights, _: Bare(weights, kernel(weights)),
    "constant": lambda _, __: constant,
}


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
