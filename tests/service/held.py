"""
`python -m tests.service.held`: for how long large requests hold the event loop, by cause.

The service runs in this process, its clients in others. A timer of the event loop that should
ring every millisecond says how late it is, and how much processor time the loop's thread has used
meanwhile. The second is what the loop did itself; what the first has beyond it is waiting for the
interpreter, or for a processor that somebody else has: compare it with the line `nothing`.

Covered:      bodies and answers over HTTP, bare and compressed; comparisons; gRPC; a scrape.
Not covered:  what requests wait for beside (`bench.http.large`).
"""

import asyncio
import gc
import gzip
import json
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import orjson
import uvicorn

from fff.layers import FFF, Dense
from model_store.store import Store
from service.connection.connection_state import ConnectionState
from service.http.fast_path import FastPathProtocol
from tests.service import toys

INPUTS, OUTPUTS, TIMES = 16, 768, 5
PERIOD_S = 1e-3
PREDICT, COMPARE = "/v1/models/wide/predict", "/v1/compare"
CLIENT = """
import sys, urllib.error, urllib.request
url, body, times, *headers = sys.argv[1:]
data = open(body, "rb").read() or None
for _ in range(int(times)):
    request = urllib.request.Request(url, data, dict(h.split(": ") for h in headers))
    try:
        assert len(urllib.request.urlopen(request).read())
    except urllib.error.HTTPError as error:
        assert error.code == 400
"""
GRPC_CLIENT = """
import sys, numpy as np
from tritonclient.grpc import service_pb2, service_pb2_grpc
import grpc
target, rows, width, times = sys.argv[1], *map(int, sys.argv[2:5])
stub = service_pb2_grpc.GRPCInferenceServiceStub(grpc.insecure_channel(target, [
    ("grpc.max_receive_message_length", -1)]))
request = service_pb2.ModelInferRequest(model_name="wide")
tensor = request.inputs.add(name="input", datatype="FP32", shape=[rows, width])
numbers = np.random.default_rng(0).normal(size=rows * width).astype(np.float32)
if sys.argv[5] == "typed":
    tensor.contents.fp32_contents.extend(numbers.tolist())
elif sys.argv[5] == "raw":
    request.raw_input_contents.append(numbers.tobytes())
elif sys.argv[5] == "pixels":
    tensor.contents.uint_contents.extend([200] * rows * width)
else:
    for _ in range(rows * width):
        request.inputs.add()
for _ in range(times):
    try:
        stub.ModelInfer(request)
    except grpc.RpcError as error:
        print(error.details()[:200])
"""


@dataclass
class Lags:
    """How late the timer rang, and the loop's own share of it, in milliseconds."""

    late_ms: list[float] = field(default_factory=list)
    own_ms: list[float] = field(default_factory=list)

    async def watch(self) -> None:
        """Until it is cancelled."""
        wall_s, own_s = time.perf_counter(), time.thread_time()
        while True:
            await asyncio.sleep(PERIOD_S)
            wall_s, before_s = time.perf_counter(), wall_s
            own_s, spent_s = time.thread_time(), own_s
            self.late_ms.append(1e3 * (wall_s - before_s - PERIOD_S))
            self.own_ms.append(1e3 * (own_s - spent_s))


def make_store(root: Path) -> None:
    """A wide tree, its dense twin, and one of many inputs."""
    store = Store(root)
    store.publish("wide-dense", Dense(INPUTS, OUTPUTS, 8).weights(), origin=toys.ORIGIN)
    wide = FFF(INPUTS, OUTPUTS, 4, leaf_width=4).weights()
    store.publish("wide", wide, baseline="wide-dense", origin=toys.ORIGIN)
    store.publish("deep", FFF(1500, 4, 2, leaf_width=2).weights(), origin=toys.ORIGIN)


def http_cases() -> dict[str, tuple[str, bytes, list[str]]]:
    """Path, body and headers, by cause."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(1024, INPUTS)).tolist()
    small = json.dumps({"inputs": rows}).encode()
    compared = json.dumps({"inputs": rows, "model": "wide"}).encode()
    tensor = {"name": "input", "datatype": "FP32", "shape": [1024, INPUTS], "data": rows}
    raw = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    many = rng.normal(size=(1024, 1500)).astype(np.float64)
    large = orjson.dumps({"inputs": many}, option=orjson.OPT_SERIALIZE_NUMPY)
    deep = "/v1/models/deep/predict"
    takes = ["Accept-Encoding: gzip"]
    rubbish = b'{"inputs": [' + b"[]," * 10_000_000 + b"[]]}"
    return {
        "nothing": ("/healthz", b"", []),
        "one row": (PREDICT, json.dumps({"inputs": rows[:1]}).encode(), []),
        "JSON answer of 1,024 x 768": (PREDICT, small, []),
        "the same answer, gzip": (PREDICT, small, takes),
        "the same answer, as bytes": ("/v2/models/wide/infer", json.dumps(raw).encode(), []),
        f"JSON body of {len(large) / 1e6:.0f} MB": (deep, large, []),
        "the same body, gzip": (deep, gzip.compress(large, 1), ["Content-Encoding: gzip"]),
        "30 MB of empty lists": (deep, rubbish, []),
        "comparison": (COMPARE, compared, []),
        "comparison, gzip": (COMPARE, compared, takes),
        "scrape": ("/metrics", b"", []),
    }


async def measure(cause: str, *command: str) -> None:
    """Run a client, and print a line of the table."""
    lags = Lags()
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", *command, stderr=asyncio.subprocess.DEVNULL
    )
    watching = asyncio.create_task(lags.watch())  # from here on: to fork takes some ms itself
    failed = await process.wait()
    watching.cancel()
    if failed:
        raise SystemExit(f"{cause}: the client failed")
    print(f"{cause:32} {max(lags.late_ms):8.2f} {max(lags.own_ms):8.2f}", flush=True)


async def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory() as folder:
        make_store(Path(folder))
        async with toys.running(store=folder, grpc_port=0) as (app, _):
            config = uvicorn.Config(
                app,
                port=0,
                http=FastPathProtocol,
                lifespan="off",
                log_config=None,
                proxy_headers=False,
            )
            server = uvicorn.Server(config)
            server.server_state = ConnectionState()
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            gc.collect()
            gc.freeze()
            url = f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
            print(f"{'longest, in ms':32} {'late':>8} {'own':>8}")
            body = Path(folder) / "body"
            for cause, (path, content, headers) in http_cases().items():
                body.write_bytes(content)
                await measure(cause, CLIENT, url + path, str(body), str(TIMES), *headers)
            target = f"127.0.0.1:{app.state.grpc_server.port}"
            for form in ("typed", "raw"):
                asked = (target, "1024", str(INPUTS), str(TIMES), form)
                await measure(f"gRPC answer, {form}", GRPC_CLIENT, *asked)
            for form in ("typed", "raw", "pixels", "empty tensors"):
                asked = (target, str(7_000_000 // INPUTS), str(INPUTS), str(TIMES), form)
                await measure(f"7 million by gRPC, {form}", GRPC_CLIENT, *asked)
            server.should_exit = True
            await serving


if __name__ == "__main__":
    import uvloop

    uvloop.run(main())
