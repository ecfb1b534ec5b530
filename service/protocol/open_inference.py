"""
The Open Inference Protocol v2 over REST: what can be requested, and how it is answered.

Covered:      metadata; answers as JSON, as bytes after a JSON part, or mixed.
Not covered:  reading requests (`infer_request`), what is in a tensor (`outputs`).

Source: open-inference-protocol d49cc23; what the real client sends is in the tests.
"""

from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import numpy.typing as npt
import orjson

from model_store.manifest import Manifest, Task
from networks.text import Tokenizer
from service.engine.served_model import ServedModel
from service.job import Answer, Rows
from service.protocol.inputs import INPUT as INPUT
from service.protocol.inputs import input_tensors
from service.protocol.json_pieces import Pieces, json_array, json_object
from service.protocol.outputs import (
    EVERY_OUTPUT,
    meaning,
    offered_outputs,
    output_shapes,
    tensors_of,
)
from service.protocol.tensor_bytes import encode, encode_pieces

LEAF_STATISTICS = "leaf_statistics"
"""
A parameter of a request: false keeps its rows out of leaf counts, margins and drift, for what is
asked to draw a network and is no traffic. Everything else counts them: rows, durations, limits.
"""
SERVER = "fff-serve"
EXTENSIONS = ["binary_tensor_data", "model_configuration", "model_repository", "statistics"]


class RequestedOutputs(NamedTuple):
    """
    The outputs that a request names, and the id it gives.

    Attributes:
        outputs: Keys of `service.protocol.outputs.EVERY_OUTPUT`.
        binary: Of each output, whether it is requested as bytes.
        id: Echoed in the answer; None for none.
        top_k: How many ids of each place, of token logits; 0 where the request does not say.
    """

    outputs: tuple[str, ...] = ("logits",)
    binary: tuple[bool, ...] = (False,)
    id: str | None = None
    top_k: int = 0


class InferRequest(NamedTuple):
    """
    A parsed request.

    Attributes:
        rows: Numbers or token ids.
        requested: What it asks for beside them.
        deadline_s: In the clock of `time.monotonic`; infinite for none.
        observed: Whether leaf statistics count its rows.
    """

    rows: Rows
    requested: RequestedOutputs
    deadline_s: float
    observed: bool = True


class InputSpec(Protocol):
    """What the rows of a request must fit: a served model, or a stored one beside no service."""

    @property
    def manifest(self) -> Manifest: ...

    @property
    def most_numbers(self) -> int:
        """Most numbers of one request."""
        ...

    @property
    def tokenizer(self) -> Tokenizer | None:
        """Makes ids of text; None where there is none."""
        ...


class Rendered(NamedTuple):
    """
    An answer's body.

    Attributes:
        body: JSON, then bytes if `header_length` is not None; in pieces where it is long.
        header_length: Bytes of the JSON part; None where there is no other.
    """

    body: bytes | Pieces
    header_length: int | None = None


def infer_response(model: ServedModel, request: InferRequest, answer: Answer) -> Rendered:
    """Write the answer; an output's bytes follow the JSON part in the order of the outputs."""
    requested = request.requested
    tensors = _tensors(model, request, answer)
    facts, task = model.facts, model.manifest.task
    if requested.id is None and all(requested.binary):
        shapes = tuple(tensor.shape for tensor in tensors)
        head = _binary_head(facts.name, facts.version, task, requested.outputs, shapes)
        return Rendered(b"".join((head, *map(encode, tensors))), len(head))
    outputs, parts = [], []
    for name, tensor, binary in zip(requested.outputs, tensors, requested.binary, strict=True):
        described = _described(name, tensor.shape, binary)
        if binary:
            parts.append(encode(tensor))
        else:
            described["data"] = np.ascontiguousarray(tensor).reshape(-1)
        outputs.append(described)
    head = _head(facts.name, facts.version, task, outputs, requested.id)
    return Rendered(b"".join((head, *parts)), len(head)) if parts else Rendered(head)


def infer_pieces(model: ServedModel, request: InferRequest, answer: Answer) -> Rendered:
    """Write a long answer, to the same bytes, letting go of the interpreter after each piece."""
    requested = request.requested
    outputs: list[Pieces] = []
    parts: Pieces = []
    tensors = _tensors(model, request, answer)
    for name, tensor, binary in zip(requested.outputs, tensors, requested.binary, strict=True):
        described = _described(name, tensor.shape, binary)
        if binary:
            outputs.append(json_object(described))
            parts += encode_pieces(tensor)
        else:
            data = json_array(np.ascontiguousarray(tensor).reshape(-1))
            outputs.append(json_object(described, data=data))
    facts, task = model.facts, model.manifest.task
    described = _head_of(facts.name, facts.version, task, requested.id)
    head = json_object(described, outputs=_list(outputs))
    return Rendered(head + parts, sum(map(len, head))) if parts else Rendered(head)


def _tensors(model: ServedModel, request: InferRequest, answer: Answer) -> list[npt.NDArray[Any]]:
    requested = request.requested
    mask_token = model.manifest.masked_id if requested.top_k else None
    return tensors_of(requested.outputs, answer, request.rows, requested.top_k, mask_token)


def answer_bytes(request: InferRequest, answer: Answer) -> int:
    """Say roughly how long an answer is, written as it is requested."""
    numbers = answer.logits.size
    size = 0
    for name, binary in zip(request.requested.outputs, request.requested.binary, strict=True):
        if EVERY_OUTPUT[name].wide:
            size += numbers * (_BINARY_BYTES if binary else JSON_NUMBER_BYTES)
        else:  # a pass over the logits at most; its own numbers are few
            size += numbers
    return size


def _list(items: list[Pieces]) -> Pieces:
    return [b"[", *items[0], *(part for item in items[1:] for part in (b",", *item)), b"]"]


def _described(name: str, shape: tuple[int, ...], binary: bool) -> dict[str, Any]:
    datatype = EVERY_OUTPUT[name].datatype
    described: dict[str, Any] = {"name": name, "shape": shape, "datatype": datatype}
    if binary:
        size = int(np.prod(shape)) * _ITEM_BYTES[datatype]
        described["parameters"] = {"binary_data_size": size}
    return described


@lru_cache(maxsize=4096)
def _binary_head(
    name: str,
    version: int,
    task: Task,
    outputs: tuple[str, ...],
    shapes: tuple[tuple[int, ...], ...],
) -> bytes:
    pairs = zip(outputs, shapes, strict=True)
    described = [_described(output, shape, True) for output, shape in pairs]
    return _head(name, version, task, described, None)


_ITEM_BYTES = {"FP32": 4, "INT32": 4, "INT64": 8}
_BINARY_BYTES = 4
JSON_NUMBER_BYTES = 16
"""Of one number, with its comma, on average."""


def _head(
    name: str, version: int, task: Task, outputs: list[dict[str, Any]], request_id: str | None
) -> bytes:
    head = _head_of(name, version, task, request_id) | {"outputs": outputs}
    return orjson.dumps(head, option=orjson.OPT_SERIALIZE_NUMPY)


def _head_of(name: str, version: int, task: Task, request_id: str | None) -> dict[str, Any]:
    head: dict[str, Any] = {"model_name": name, "model_version": str(version)}
    if task == "regression":  # said, so that nobody takes the largest value for a class
        head["parameters"] = {"task": task}
    return head if request_id is None else head | {"id": request_id}


def model_metadata(model: ServedModel) -> dict[str, Any]:
    """What a client must know to ask: names, datatypes and shapes, -1 for rows."""
    manifest = model.manifest
    shapes = output_shapes(manifest)
    outputs: list[dict[str, Any]] = [
        {"name": name, "datatype": output.datatype, "shape": shapes[name]}
        for name, output in offered_outputs(manifest).items()
    ]
    outputs[0]["parameters"] = meaning(manifest)  # of the logits
    return {
        "name": model.facts.name,
        "versions": [str(model.facts.version)],
        "platform": f"fff-serve_{model.facts.kind}",
        "inputs": input_tensors(manifest),
        "outputs": outputs,
    }
