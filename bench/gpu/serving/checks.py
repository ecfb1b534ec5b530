"""What a service on a device says of itself, and whether its answers are the reference's."""

import json
import re
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from bench.gpu.serving.models import Published
from bench.gpu.serving.process import KEY, DeviceService
from bench.http.bodies import Body, read_answer
from bench.parity import ParityError, check_logits
from loadtest.harness.connection import Connection
from loadtest.harness.service_api import get, infer_path

FIELDS = ("kind", "backend", "backend_reason", "device", "dtype", "output_class", "inline_rows")
GAUGES = ("fff_device_memory_reserved_bytes", "fff_pinned_memory_bytes")
_OUTPUTS = {"outputs": [{"name": "logits"}, {"name": "leaf"}]}
_AT_A_TIME = 1000  # rows of a request


def described(service: DeviceService) -> dict[str, Any]:
    """What `/v1/models` says of each model, and the gauges of memory."""
    models = json.loads(get(f"{service.url}/v1/models"))["models"]
    text = get(f"{service.url}/metrics").decode()
    gauges = {name: re.findall(rf"^{name} (\S+)$", text, re.MULTILINE) for name in GAUGES}
    return {
        "models": {model["name"]: {name: model[name] for name in FIELDS} for model in models},
        **{name: float(found[0]) if found else None for name, found in gauges.items()},
    }


def require_device(shown: Mapping[str, Any], device: str) -> None:
    """
    Hold what `described` returns against what a device must have.

    Raises:
        ParityError: Naming the models that are computed elsewhere or otherwise.
    """
    fff = "triton" if device == "cuda" else "numba"
    of_kinds = {"fff": (fff, "strict"), "raster": ("torch", "strict")}
    for name, model in shown["models"].items():
        wanted = of_kinds.get(model["kind"], ("torch", "fast"))
        if (model["backend"], model["output_class"]) != wanted or model["device"] != device:
            raise ParityError(f"{name}: {model}; wanted {wanted} on {device}")
    if (shown[GAUGES[0]] or 0) <= 0 and device == "cuda":
        raise ParityError("no memory of the GPU is said to be taken")


def check_published(
    service: DeviceService,
    checkpoint: Published,
    pixels: npt.NDArray[np.uint8],
    labels: npt.NDArray[np.uint8],
) -> dict[str, Any]:
    """
    Have a published checkpoint classify test images.

    Returns:
        Rows right and the largest difference from the reference's logits, as a share.

    Raises:
        ParityError: Other leaves than the reference's; other logits; if all of MNIST's test images
            were asked, an accuracy that does not begin with the digits in the name.
    """
    parts = []
    with Connection(service.url + infer_path(checkpoint.name)) as client:
        for start in range(0, len(pixels), _AT_A_TIME):
            parts.append(_classified(client, pixels[start : start + _AT_A_TIME]))
    logits, leaf = (torch.cat(part) for part in zip(*parts, strict=True))
    if not torch.equal(leaf, checkpoint.leaf.long()):
        raise ParityError(f"{checkpoint.name}: {int((leaf != checkpoint.leaf).sum())} other leaves")
    check_logits(checkpoint.name, logits, checkpoint.logits)
    right = int((logits.argmax(1).numpy() == labels).sum())
    if len(pixels) == 10_000:
        named = Decimal(checkpoint.name.rpartition("-")[2])
        measured = Decimal(right) / (100 if named > 1 else 10_000)
        if measured.quantize(named, ROUND_DOWN) != named:
            raise ParityError(f"{checkpoint.name}: {right} right")
    largest = checkpoint.logits.abs().max()
    return {"right": right, "off": float((logits - checkpoint.logits).abs().max() / largest)}


def _classified(client: Connection, pixels: npt.NDArray[np.uint8]) -> tuple[Tensor, Tensor]:
    tensor = {"name": "input", "datatype": "UINT8", "shape": list(pixels.shape)}
    data = pixels.reshape(-1).tolist()
    body = json.dumps({"inputs": [tensor | {"data": data}], **_OUTPUTS}).encode()
    answer = client.post(body, {})
    if answer.status != 200:
        raise ParityError(f"status {answer.status}: {answer.content[:200]!r}")
    logits, leaf = json.loads(answer.content)["outputs"]
    return (
        torch.tensor(logits["data"]).reshape(logits["shape"]),
        torch.tensor(leaf["data"]).reshape(-1),
    )


def load_model(service: DeviceService, name: str, limit_s: float = 60.0) -> tuple[int, str]:
    """Have the newest version of a model loaded; returns the status and what was said."""
    url = f"{service.url}/v2/repository/models/{name}/load"
    with Connection(url, limit_s) as client:
        answer = client.post(b"", {"Authorization": f"Bearer {KEY}"})
    return answer.status, answer.content.decode(errors="replace")[:300]


@dataclass
class Traffic:
    """
    Clients that ask without a pause and look at every answer.

    Args:
        service: Is asked.
        bodies: Requests by model; each version of a model has its own truths to the same rows.
        clients: For each model.

    Attributes:
        answers: Right ones, by model and version.
        wrong: What was not right, by its text.
    """

    service: DeviceService
    bodies: Mapping[str, Mapping[str, Sequence[Body]]]
    clients: int = 2
    answers: dict[str, int] = field(default_factory=dict)
    wrong: dict[str, int] = field(default_factory=dict)

    def during(self, work: Callable[[], Any]) -> Any:
        """Ask while something else is done, and for a moment before and after."""
        over, lock = threading.Event(), threading.Lock()
        threads = [
            threading.Thread(target=self._ask, args=(name, over, lock))
            for name in self.bodies
            for _ in range(self.clients)
        ]
        for thread in threads:
            thread.start()
        try:
            time.sleep(0.3)
            return work()
        finally:
            time.sleep(0.3)
            over.set()
            for thread in threads:
                thread.join()

    def _ask(self, name: str, over: threading.Event, lock: threading.Lock) -> None:
        k, versions = 0, self.bodies[name]
        while not over.is_set():
            try:
                with Connection(self.service.url + infer_path(name)) as client:
                    while not over.is_set():
                        k += 1
                        seen = self._checked(client, name, versions, k)
                        with lock:
                            self.answers[seen] = self.answers.get(seen, 0) + 1
            except Exception as exc:  # every kind is a finding, and the traffic goes on
                text = f"{name}: {type(exc).__name__}: {exc}"[:200]
                with lock:
                    self.wrong[text] = self.wrong.get(text, 0) + 1
                time.sleep(0.01)

    def _checked(
        self, client: Connection, name: str, versions: Mapping[str, Sequence[Body]], k: int
    ) -> str:
        body = next(iter(versions.values()))[k % len(next(iter(versions.values())))]
        answer = client.post(body.content, body.headers)
        if answer.status != 200:
            raise ParityError(f"status {answer.status}: {answer.content[:100]!r}")
        version = answer.headers["x-model-version"]
        logits = read_answer("binary", answer.content, answer.headers)  # type: ignore[arg-type]
        truth = versions[version][k % len(versions[version])].truth
        if truth is not None:
            check_logits(f"{name} version {version}", logits, truth)
        return f"{name} version {version}"
