"""
The Open Inference Protocol v2 over REST: JSON requests to tensors, answers to JSON.

Covered:      metadata, inference with JSON data, requested outputs, `id`, `timeout`.
Not covered:  binary tensor data, repository control, gRPC.

Source: open-inference-protocol d49cc23; what the real client sends is in the tests.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from model_store.manifest import FFFManifest
from service.errors import InvalidInput
from service.request_body import Rows, parse_object, to_rows
from service.served_model import ServedModel
from service.worker import Answer

INPUT = "input"


@dataclass(frozen=True, slots=True)
class Output:
    """A tensor that an answer can hold."""

    datatype: str
    of: Callable[[Answer], npt.NDArray[Any]]


def softmax(logits: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Class probabilities, `[r, o]`, shifted by the largest logit so that none overflows."""
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    shares: npt.NDArray[np.float32] = powers / powers.sum(axis=1, keepdims=True)
    return shares


OUTPUTS = {
    "logits": Output("FP32", lambda answer: answer.logits),
    "probabilities": Output("FP32", lambda answer: softmax(answer.logits)),
    "class": Output("INT64", lambda answer: answer.logits.argmax(axis=1)),
    "leaf": Output("INT32", lambda answer: answer.leaf),
    "margin": Output("FP32", lambda answer: answer.margin),
}


@dataclass(frozen=True, slots=True)
class InferRequest:
    """A parsed request: rows, the outputs wanted, and what to echo."""

    rows: Rows
    outputs: list[str]
    id: str | None
    deadline_s: float


def parse_infer(body: bytes, model: ServedModel) -> InferRequest:
    """
    Read an inference request with JSON data.

    Raises:
        InvalidInput: Naming the field that is wrong.
    """
    asked = parse_object(body)
    request_id = asked.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidInput(f"id must be text, got {request_id!r}")
    return InferRequest(
        _input_rows(asked.get("inputs"), model),
        _output_names(asked.get("outputs")),
        request_id,
        _deadline_s(asked.get("parameters")),
    )


def infer_response(model: ServedModel, asked: InferRequest, answer: Answer) -> dict[str, Any]:
    """The response object; arrays are left for orjson to write."""
    outputs = []
    for name in asked.outputs:
        tensor = OUTPUTS[name].of(answer)
        outputs.append(
            {
                "name": name,
                "shape": tensor.shape,
                "datatype": OUTPUTS[name].datatype,
                "data": np.ascontiguousarray(tensor).reshape(-1),
            }
        )
    response: dict[str, Any] = {
        "model_name": model.facts.name,
        "model_version": str(model.facts.version),
        "outputs": outputs,
    }
    return response if asked.id is None else response | {"id": asked.id}


def model_metadata(model: ServedModel) -> dict[str, Any]:
    """What a client must know to ask: names, datatypes and shapes, -1 for rows."""
    manifest = model.manifest
    layers = 1 if isinstance(manifest, FFFManifest) else 0
    shapes = {
        "logits": [-1, manifest.output_width],
        "probabilities": [-1, manifest.output_width],
        "class": [-1],
        "leaf": [-1, layers],
        "margin": [-1, layers],
    }
    return {
        "name": model.facts.name,
        "versions": [str(model.facts.version)],
        "platform": f"fff-serve_{model.facts.kind}",
        "inputs": [{"name": INPUT, "datatype": "FP32", "shape": [-1, manifest.input_width]}],
        "outputs": [
            {"name": name, "datatype": output.datatype, "shape": shapes[name]}
            for name, output in OUTPUTS.items()
        ],
    }


def _input_rows(inputs: object, model: ServedModel) -> Rows:
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidInput(f"inputs must be a list of exactly one tensor, {INPUT!r}")
    tensor: dict[str, Any] = inputs[0]
    if tensor.get("name") != INPUT:
        raise InvalidInput(f"the input tensor is named {INPUT!r}, got {tensor.get('name')!r}")
    parameters = tensor.get("parameters") or {}
    if "binary_data_size" in parameters or "shared_memory_region" in parameters:
        raise InvalidInput(f"{INPUT}: binary and shared-memory data are not supported; send data")
    width = model.manifest.input_width
    shape = _shape(tensor.get("shape"), width)
    rows = to_rows(tensor.get("data"), INPUT, tensor.get("datatype"), width, model.manifest.uint8)
    if rows.size != shape[0] * shape[1] or (rows.ndim > 1 and list(rows.shape) != shape):
        raise InvalidInput(f"{INPUT}: shape {shape} does not fit data of {list(rows.shape)}")
    return rows.reshape(shape)


def _shape(shape: object, width: int) -> list[int]:
    whole = isinstance(shape, list) and all(type(n) is int and n >= 0 for n in shape)
    if not whole or len(shape) != 2 or shape[1] != width or shape[0] == 0:  # type: ignore[arg-type, index]
        raise InvalidInput(f"{INPUT}: shape must be [rows, {width}] with rows >= 1, got {shape!r}")
    return list(shape)  # type: ignore[call-overload, no-any-return]


def _output_names(outputs: object) -> list[str]:
    if outputs is None:
        return ["logits"]
    if not isinstance(outputs, list) or not all(isinstance(o, dict) for o in outputs):
        raise InvalidInput("outputs must be a list of objects with a name")
    names = [output.get("name") for output in outputs]
    unknown = [name for name in names if name not in OUTPUTS]
    if unknown or len(set(names)) != len(names):
        raise InvalidInput(f"outputs must be among {', '.join(OUTPUTS)}, each once; got {names}")
    return names or ["logits"]


def _deadline_s(parameters: object) -> float:
    timeout = parameters.get("timeout", 0) if isinstance(parameters, dict) else 0
    if type(timeout) is not int or timeout < 0:
        raise InvalidInput(f"parameters.timeout must be microseconds >= 0, got {timeout!r}")
    return time.monotonic() + timeout * 1e-6 if timeout else float("inf")
