"""
A model through its whole life: published, loaded and checked by the service, asked over HTTP.

What is measured is what a user would see: how long the start takes, how much memory the process
holds and held at most, how long a request takes. Standard library HTTP, one connection.

Covered:      answers against `fff.reference`, memory from Linux' own counters.
Not covered:  more than one client (`loadtest`, `bench.http`).
"""

import json
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import psutil
import torch
from torch import Tensor

from bench.http.model import publish
from bench.parity import ParityError, check_logits
from fff import reference
from fff.weights import FFFWeights, weight_bytes
from loadtest.harness.connection import Answer, Connection
from loadtest.harness.service_process import ServiceProcess

NAME = "million"
START_LIMIT_S = 600  # 6.5 GB are hashed, checked and laid out; a slow disk adds minutes
ANSWER_LIMIT_S = 60
CALLS = {1: 200, 32: 60}  # requests of so many rows: a few seconds each
TOLERANCE = {"float32": 1e-3, "bfloat16": 2e-2}  # of the largest logit
_CHECKED = 8  # rows held against the reference


@dataclass(frozen=True, slots=True)
class Served:
    """
    Figures of a service with one model.

    Attributes:
        storage: Type of the leaves' matrices in memory.
        weight_bytes: Of the model as it is kept in memory.
        file_bytes: Of the tensors as they are published, float32.
        publish_s: Checking, writing, hashing and flushing.
        start_s: From the start of the process until it is ready.
        resident_bytes: After the requests.
        peak_bytes: At most, from the start of the process on (VmHWM).
        huge_bytes: Of these, in huge pages.
        mapped_bytes: Of these, pages of the model's file: none, since it is read and not mapped.
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
        LoadTestError: If it does not come up, or does not answer.
    """
    with tempfile.TemporaryDirectory(dir=folder) as root:
        begun_s = time.perf_counter()
        publish(Path(root), weights, name=NAME)
        published_s = time.perf_counter()
        settings = {"FFF_COMPUTE_THREADS": str(threads), "FFF_LEAF_DTYPE": storage}
        with ServiceProcess(settings, Path(root), START_LIMIT_S) as service:
            started_s = time.perf_counter()
            with Connection(f"{service.url}/v1/models/{NAME}/predict", ANSWER_LIMIT_S) as client:
                _check(client, weights, storage, generator)
                times = {rows: _times(client, rows, weights, generator) for rows in CALLS}
            return Served(
                storage=storage,
                weight_bytes=kept_bytes(weights, storage),
                file_bytes=weight_bytes(weights),
                publish_s=published_s - begun_s,
                start_s=started_s - published_s,
                request_ms={rows: both[0] for rows, both in times.items()},
                compute_ms={rows: both[1] for rows, both in times.items()},
                **_memory_bytes(service.pid, root),
            )


def _memory_bytes(pid: int, root: str) -> dict[str, int]:
    """Fields of `Served` about a process that maps files below `root`."""
    process = psutil.Process(pid)
    mapped = (area.rss for area in process.memory_maps() if root in area.path)
    return {
        "resident_bytes": process.memory_info().rss,
        "peak_bytes": _linux_bytes(pid, "status", "VmHWM"),
        "huge_bytes": _linux_bytes(pid, "smaps_rollup", "AnonHugePages"),
        "mapped_bytes": sum(mapped),
    }


def _linux_bytes(pid: int, file: str, field: str) -> int:
    """A figure that psutil has not, such as `VmHWM` in `status`; see proc(5)."""
    text = Path(f"/proc/{pid}/{file}").read_text()
    match = re.search(rf"^{field}:\s+(\d+) kB", text, re.MULTILINE)
    assert match, f"{field} is not in {file}. This is a bug."
    return int(match[1]) << 10


def kept_bytes(weights: FFFWeights, storage: str) -> int:
    """Bytes of a network's tensors with its leaves' matrices in the storage's type."""
    matrices = weights.w1.nbytes + weights.w2.nbytes
    return weight_bytes(weights) - (matrices // 2 if storage == "bfloat16" else 0)


def _post(client: Connection, body: bytes) -> Answer:
    answer = client.post(body, {})
    if answer.status != 200:
        raise ParityError(f"the service answered {answer.status}: {answer.content[:200]!r}")
    return answer


def _check(
    client: Connection, weights: FFFWeights, storage: str, generator: torch.Generator
) -> None:
    rows = torch.randn(_CHECKED, weights.input_width, generator=generator)
    truth = reference.infer(rows, weights)
    answer = json.loads(_post(client, _body(rows)).content)
    leaf, logits = torch.tensor(answer["leaves"]), torch.tensor(answer["outputs"])
    if not torch.equal(leaf.int(), truth.leaf):
        raise ParityError("served: rows take other leaves than the reference's")
    check_logits("served", logits, truth.logits, TOLERANCE[storage])


def _times(
    client: Connection, rows: int, weights: FFFWeights, generator: torch.Generator
) -> tuple[float, float]:
    """Milliseconds of a request of `rows` rows and of computing it, medians."""
    shape = (CALLS[rows], rows, weights.input_width)
    request_ms, compute_ms = [], []
    for body in map(_body, torch.randn(shape, generator=generator)):
        begun_s = time.perf_counter()
        answer = _post(client, body)
        request_ms.append(1e3 * (time.perf_counter() - begun_s))
        compute_ms.append(answer.compute_ms)
    return median(request_ms), median(compute_ms)


def _body(rows: Tensor) -> bytes:
    return json.dumps({"inputs": rows.tolist()}).encode()  # float32 survives
