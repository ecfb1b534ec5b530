"""
What the request-path bench sends and what it must get: rows, bodies, answers.

Rows look like images of digits, four pixels of five black, and none lies near a boundary of the
tree: servers that decide in plain float32 then owe the same answer as those that decide exactly.

Covered:      `/v1/models/M/predict` as JSON, `/v2/models/M/infer` in the binary tensor extension
              of the Open Inference Protocol.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from bench.parity import CLEAR_MARGIN
from fff import reference
from fff.weights import FFFWeights

Form = Literal["json", "binary"]
FORMS: tuple[Form, ...] = ("json", "binary")
RequestType = tuple[Form, int]  # and the rows in a request
Read = Callable[[Form, bytes, Mapping[str, str]], Tensor]
"""Finds the logits, `[r, o]`, in an answer's bytes and headers; fails as `read_answer` does."""
JSON, OCTETS = "application/json", "application/octet-stream"
HEADER_LENGTH = "Inference-Header-Content-Length"
INK = 0.2  # share of pixels that are not black; MNIST's training images have 0.19
MOST_BODIES = 256  # different ones of a load; enough that none is met twice soon
MOST_ROWS = 2048  # in all bodies of a load: 12 MB of JSON


@dataclass(frozen=True, slots=True)
class Body:
    """
    One request.

    Attributes:
        content: The bytes.
        header_length: How many of them are the JSON part of a binary request; 0 in plain JSON.
        truth: The logits its answer must hold, `[r, o]`; None where nobody will look.
        content_type: Without spaces, which would end it in a line of `RequestFile`.
    """

    content: bytes
    header_length: int = 0
    truth: Tensor | None = None
    content_type: str = JSON

    @property
    def headers(self) -> dict[str, str]:
        length = {HEADER_LENGTH: str(self.header_length)} if self.header_length else {}
        return {"Content-Type": self.content_type} | length


@dataclass(frozen=True, slots=True)
class RequestFile:
    """
    The requests of a load, in memory and as `write_requests` wrote them for wrk.

    Attributes:
        bodies: Sent in turn, in this order.
        path: A file for `post.lua`.
    """

    bodies: tuple[Body, ...]
    path: Path


RequestFiles = Mapping[RequestType, RequestFile]


def write_requests(bodies: tuple[Body, ...], path: Path) -> RequestFile:
    """Write bodies for `post.lua`: before each a line with its content type and two lengths."""
    with path.open("wb") as file:
        for body in bodies:
            line = f"{body.content_type} {body.header_length} {len(body.content)}\n"
            file.write(line.encode())
            file.write(body.content)
    return RequestFile(bodies, path)


def pixel_rows(count: int, weights: FFFWeights, generator: torch.Generator) -> Tensor:
    """Draw pixels from 0 to 1 whose leaves are beyond doubt, `[count, i]`, float32."""

    def draw(size: tuple[int, int]) -> Tensor:
        pixels = torch.randint(1, 256, size, generator=generator) / 255
        return pixels * (torch.rand(size, generator=generator) < INK)

    return _clear(count, weights, draw)


def full_rows(count: int, weights: FFFWeights, generator: torch.Generator) -> Tensor:
    """Draw normal numbers of many digits, none of them 0, `[count, i]`, leaves beyond doubt too."""
    return _clear(count, weights, lambda size: torch.randn(size, generator=generator))


def random_bodies(
    form: Form, rows: int, weights: FFFWeights, generator: torch.Generator
) -> tuple[Body, ...]:
    """Write different requests of `rows` rows, each with the logits that must be answered."""
    count = max(1, min(MOST_BODIES, MOST_ROWS // rows))
    x = pixel_rows(count * rows, weights, generator)
    y = reference.infer(x, weights).logits
    write = json_body if form == "json" else binary_body
    pairs = zip(torch.split(x, rows), torch.split(y, rows), strict=True)
    return tuple(write(part, truth) for part, truth in pairs)


def json_body(x: Tensor, truth: Tensor | None = None) -> Body:
    """Write `[r, i]` for `/v1/models/M/predict`; float32 in the digits that Python prints."""
    return Body(json.dumps({"inputs": x.tolist()}).encode(), 0, truth)


def binary_body(x: Tensor, truth: Tensor | None = None) -> Body:
    """Write `[r, i]` for `/v2/models/M/infer`, the answer asked for as bytes too."""
    raw = x.numpy().astype("<f4", copy=False).tobytes()
    tensor = {
        "name": "input",
        "shape": list(x.shape),
        "datatype": "FP32",
        "parameters": {"binary_data_size": len(raw)},
    }
    request = {"inputs": [tensor], "parameters": {"binary_data_output": True}}
    header = json.dumps(request, separators=(",", ":")).encode()
    return Body(header + raw, len(header), truth, OCTETS)


def read_answer(form: Form, content: bytes, headers: Mapping[str, str]) -> Tensor:
    """
    Find the logits, `[r, o]`, in the answer to a request.

    Raises:
        ValueError, KeyError, IndexError, TypeError: If it is not such an answer.
    """
    if form == "json":
        return torch.tensor(json.loads(content)["outputs"])
    length = int(headers[HEADER_LENGTH])
    (output,) = json.loads(content[:length])["outputs"]
    raw = content[length:]
    if output["parameters"]["binary_data_size"] != len(raw):
        raise ValueError(f"binary_data_size is not the {len(raw)} bytes that came")
    return torch.from_numpy(np.frombuffer(raw, "<f4").copy().reshape(output["shape"]))


def _clear(count: int, weights: FFFWeights, draw: Callable[[tuple[int, int]], Tensor]) -> Tensor:
    clear = torch.empty(0, weights.input_width)
    while len(clear) < count:
        rows = draw((count - len(clear) + 8, weights.input_width))
        margin = reference.route(rows, weights)[1]
        clear = torch.cat([clear, rows[margin > CLEAR_MARGIN]])
    return clear[:count]
