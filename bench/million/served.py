"""
A model through its whole life: published, loaded and checked by the service, asked over HTTP.

What is measured is what a user would see: how long the start takes, how much memory the process
holds and held at most, how long a request takes. Standard library HTTP, one connection.

Covered:      answers against `fff.reference`, memory from Linux' own counters.
Not covered:  more than one client (`loadtest`, `bench.http`).
"""

import http.client
import json
import re
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from urllib.parse import urlsplit

import torch
from torch import Tensor

from bench.parity import ParityError, check_logits
from fff import reference
from fff.weights import FFFWeights, weight_bytes
from loadtest.harness.service_process import ServiceProcess
from model_store.manifest import ImportOrigin
from model_store.store import Store

NAME = "million"
START_LIMIT_S = 600  # 6.5 GB are hashed, checked and laid out; a slow disk adds minutes
CALLS = {1: 200, 32: 60}  # requests of so many rows: a few seconds each
TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}  # of the largest logit
_CHECKED = 8  # rows held against the reference


@dataclass(frozen=True, slots=True)
class Served:
    """
    Figures of a service with one model.

    Attributes:
        weight_bytes: Of the model as it is kept in memory.
        publish_s: Checking, writing, hashing and flushing.
        start_s: From the start of the process until it is ready.
        resident_bytes: After the requests.
        peak_bytes: At most, from the start of the process on (VmHWM).
        huge_bytes: Of these, in huge pages.
        mapped_bytes: Of these, pages of the model's file: it stays mapped for explanations, which
            read the nodes they name.
        request_ms: Median of a request over HTTP, by its rows.
        compute_ms: Of that, inside the backend.
    """

    storage: str
    weight_bytes: int
    file_bytes: int
    publish_s: float
    start_s: float
    resident_bytes: int
    peak_bytes: int
    huge_bytes: int
    mapped_bytes: int
    request_ms: dict[int, float]
    compute_ms: dict[int, float]

    @property
    def peak_over_weights(self) -> float:
        return self.peak_bytes / self.weight_bytes


def serve_once(
    weights: FFFWeights, storage: str, threads: int, folder: Path, generator: torch.Generator
) -> Served:
    """
    Publish into a new folder under `folder`, serve, ask, and leave nothing behind.

    Raises:
        ParityError: If the service answers something else than the reference.
        LoadTestError: If it does not come up.
    """
    with tempfile.TemporaryDirectory(dir=folder) as root:
        begun_s = time.perf_counter()
        origin = ImportOrigin(format="random", sha256="0" * 64)
        Store(Path(root)).publish(NAME, weights, origin=origin)
        published_s = time.perf_counter()
        settings = {"FFF_COMPUTE_THREADS": str(threads), "FFF_LEAF_DTYPE": storage}
        with ServiceProcess(settings, Path(root), START_LIMIT_S) as service:
            started_s = time.perf_counter()
            with closing(_Client(service.url)) as client:
                _check(client, weights, storage, generator)
                times = {rows: _times(client, rows, weights, generator) for rows in CALLS}
            return Served(
                storage=storage,
                weight_bytes=kept_bytes(weights, storage),
                file_bytes=weight_bytes(weights),
                publish_s=published_s - begun_s,
                start_s=started_s - published_s,
                resident_bytes=process_bytes(service.pid, "status", "VmRSS"),
                peak_bytes=process_bytes(service.pid, "status", "VmHWM"),
                huge_bytes=process_bytes(service.pid, "smaps_rollup", "AnonHugePages"),
                mapped_bytes=_mapped_bytes(service.pid, root),
                request_ms={rows: both[0] for rows, both in times.items()},
                compute_ms={rows: both[1] for rows, both in times.items()},
            )


def _mapped_bytes(pid: int, root: str) -> int:
    """Resident bytes of files under a folder that a process maps."""
    smaps = Path(f"/proc/{pid}/smaps").read_text()
    areas = re.split(r"^(?=[0-9a-f]+-[0-9a-f]+ )", smaps, flags=re.MULTILINE)
    kilobytes = (
        re.search(r"^Rss: +(\d+) kB", area, re.MULTILINE) for area in areas if root in area
    )
    return 1024 * sum(int(found[1]) for found in kilobytes if found)


def kept_bytes(weights: FFFWeights, storage: str) -> int:
    """Bytes of a network's tensors with its leaves' matrices in the storage's type."""
    matrices = weights.w1.nbytes + weights.w2.nbytes
    return weight_bytes(weights) - (matrices // 2 if storage == "bfloat16" else 0)


def process_bytes(pid: int | str, file: str, field: str) -> int:
    """One of Linux' figures of a process, such as `VmHWM` in `status`; see proc(5)."""
    text = Path(f"/proc/{pid}/{file}").read_text()
    found = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    assert found, f"{field} is not in {file}. This is a bug."
    return int(found[1]) << 10


class _Client:
    """One connection that is kept."""

    def __init__(self, url: str):
        self._connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=60)

    def close(self) -> None:
        self._connection.close()

    def ask(self, body: bytes) -> tuple[dict[str, list[list[float]]], float]:
        """Post rows; returns the answer and the milliseconds of computing."""
        self._connection.request("POST", f"/v1/models/{NAME}/predict", body)
        response = self._connection.getresponse()
        text = response.read()
        if response.status != 200:
            raise ParityError(f"the service answered {response.status}: {text[:200]!r}")
        timing = re.search(r"compute;dur=([\d.]+)", response.headers["Server-Timing"])
        assert timing
        return json.loads(text), float(timing[1])


def _body(rows: Tensor) -> bytes:
    return json.dumps({"inputs": rows.tolist()}).encode()  # float32 survives


def _check(client: _Client, weights: FFFWeights, storage: str, generator: torch.Generator) -> None:
    rows = torch.randn(_CHECKED, weights.input_width, generator=generator)
    truth = reference.infer(rows, weights)
    answer, _ = client.ask(_body(rows))
    leaf, logits = torch.tensor(answer["leaves"]), torch.tensor(answer["outputs"])
    if not torch.equal(leaf.int(), truth.leaf):
        raise ParityError("served: rows take other leaves than the reference's")
    check_logits("served", logits, truth.logits, TOLERANCE[storage])


def _times(
    client: _Client, rows: int, weights: FFFWeights, generator: torch.Generator
) -> tuple[float, float]:
    shape = (CALLS[rows], rows, weights.input_width)
    requests, computing = [], []
    for body in map(_body, torch.randn(shape, generator=generator)):
        begun_s = time.perf_counter()
        compute_ms = client.ask(body)[1]
        requests.append(1e3 * (time.perf_counter() - begun_s))
        computing.append(compute_ms)
    return median(requests), median(computing)
