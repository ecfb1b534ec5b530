"""
Inference messages of gRPC: requests to rows, answers to tensors.

Covered:      raw contents, as the Triton client sends them; typed contents of FP32 and UINT8; an
              answer comes in the form that was sent.
Not covered:  token ids (`tokens`); shared memory, classification: refused by name.
"""

import time
from collections.abc import Iterator, Mapping
from math import inf
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from service.engine.offload import PIECE_NUMBERS
from service.engine.served_model import ServedModel
from service.errors import InvalidInput, short_repr
from service.grpc.tokens import read_ids
from service.grpc.wire import Contents, Received, read_floats, read_pixels
from service.job import Answer
from service.job import Rows as AnyRows
from service.metrics.pacing import let_go
from service.protocol.infer_options import checked_top_k
from service.protocol.inputs import INPUT
from service.protocol.open_inference import LEAF_STATISTICS
from service.protocol.outputs import EVERY_OUTPUT, TOP, check_offered, named_outputs, tensors_of
from service.protocol.rows import examples_of
from service.protocol.tensor_bytes import ITEM_BYTES, Rows, decode, encode, scaled

TYPED_CONTENTS = {"FP32": "fp32_contents", "UINT8": "uint_contents"}
TYPED_ANSWERS = {"FP32": "fp32_contents", "INT32": "int_contents", "INT64": "int64_contents"}
UNSUPPORTED = {
    "shared_memory_region": "shared memory is not supported; send the data",
    "classification": "classification is not supported; ask for the output class",
}


class InferCall(NamedTuple):
    """
    A parsed request.

    Attributes:
        rows: Numbers or token ids.
        outputs: Keys of `service.protocol.outputs.EVERY_OUTPUT`.
        top_k: How many ids of each place, of token logits; 0 where the request does not say.
        raw: Whether tensors travel as bytes.
        deadline_s: In the clock of `time.monotonic`; infinite for none.
        observed: Whether leaf statistics count its rows.
    """

    rows: AnyRows
    outputs: tuple[str, ...]
    top_k: int
    raw: bool
    deadline_s: float
    observed: bool


def read_request(received: Received, call_left_s: float | None, model: ServedModel) -> InferCall:
    """
    Read a ModelInferRequest.

    Args:
        received: The message; in a thread where it holds many typed contents.
        call_left_s: What is left of the call's own deadline, or None without one.
        model: The one it names; gives width and pixel scaling.

    Raises:
        InvalidInput: Naming the field that is wrong; another shape, datatype or amount of data than
            the model takes.
    """
    request, manifest = received.message, model.manifest
    ids = manifest.vocabulary > 0
    if not ids and [tensor.name for tensor in request.inputs] != [INPUT]:
        got = [tensor.name for tensor in request.inputs]
        raise InvalidInput(f"inputs must be exactly one tensor, {INPUT!r}; got {short_repr(got)}")
    for tensor in request.inputs:
        _refuse_unsupported(tensor.parameters, tensor.name)
    top_k = _top_k(request.parameters) if "top_k" in request.parameters else 0
    names = named_outputs([output.name for output in request.outputs])
    names = names or (TOP if top_k else (manifest.main_output,))
    check_offered(names, manifest, top_k)
    for output in request.outputs:
        _refuse_unsupported(output.parameters, output.name)
    left_s = inf if call_left_s is None else call_left_s
    timeout_us = _timeout_us(request.parameters) if request.parameters else 0
    if timeout_us:
        left_s = min(left_s, timeout_us * 1e-6)
    deadline_s = time.monotonic() + left_s if left_s < inf else inf
    rows = read_ids(received, model) if ids else _read_rows(received, model)
    observed = _observed(request.parameters)
    return InferCall(rows, names, top_k, bool(received.raw), deadline_s, observed)


def write_answer(
    response: Any, request_id: str, model: ServedModel, request: InferCall, answer: Answer
) -> None:
    """Fill a ModelInferResponse."""
    response.model_name = model.facts.name
    response.model_version = str(model.facts.version)
    response.id = request_id
    if model.manifest.task == "regression":  # as over HTTP
        response.parameters["task"].string_param = model.manifest.task
    mask_token = model.manifest.masked_id
    tensors = tensors_of(request.outputs, answer, request.rows, request.top_k, mask_token)
    for name, tensor in zip(request.outputs, tensors, strict=True):
        datatype = EVERY_OUTPUT[name].datatype
        output = response.outputs.add(name=name, datatype=datatype, shape=tensor.shape)
        if request.raw:
            response.raw_output_contents.append(encode(tensor))
        else:
            contents, flat = getattr(output.contents, TYPED_ANSWERS[datatype]), tensor.reshape(-1)
            for piece in _pieces(len(flat)):
                contents.extend(flat[piece].tolist())


def _top_k(parameters: Mapping[str, Any]) -> int:
    given = parameters["top_k"]
    kind = given.WhichOneof("parameter_choice")
    whole = kind in ("int64_param", "uint64_param")
    return checked_top_k(getattr(given, kind) if whole else None, "parameters.top_k")


def _read_rows(received: Received, model: ServedModel) -> Rows:
    tensor, raw = received.message.inputs[0], received.raw
    width = model.manifest.input_width
    rows = examples_of(list(tensor.shape), INPUT, model.manifest.example_shape)
    if not raw:
        return _typed_rows(tensor, received.contents, model, rows).reshape(rows, width)
    if tensor.HasField("contents"):
        raise InvalidInput(f"{INPUT}: send contents or raw_input_contents, not both")
    if len(raw) != 1:
        raise InvalidInput(f"raw_input_contents must hold one tensor, got {len(raw)}")
    return decode(raw[0], tensor.datatype, rows, width, model.manifest.uint8)


def _typed_rows(tensor: Any, contents: Contents, model: ServedModel, rows: int) -> Rows:
    width = model.manifest.input_width
    datatype = tensor.datatype
    field = TYPED_CONTENTS.get(datatype)
    if field is None:
        hint = "; send it in raw_input_contents" if datatype in ITEM_BYTES else ""
        known = " or ".join(TYPED_CONTENTS)
        raise InvalidInput(
            f"{INPUT}: contents must have datatype {known}, got {short_repr(datatype)}{hint}"
        )
    filled = [*contents, *(of.name for of, _ in tensor.contents.ListFields())]
    if filled not in ([], [field]):
        raise InvalidInput(f"{INPUT}: {datatype} is sent in {field}; got {', '.join(filled)}")
    numbers = _numbers(tensor, field, contents)
    if len(numbers) != rows * width:
        raise InvalidInput(
            f"{INPUT}: {rows} rows of {width} are {rows * width} values of {field}, "
            f"got {len(numbers)}"
        )
    return numbers if datatype == "FP32" else scaled(numbers, model.manifest.uint8)


def _numbers(tensor: Any, field: str, contents: Contents) -> npt.NDArray[Any]:
    """Typed contents, as float32 or uint8."""
    packed, floats = contents.get(field), field == TYPED_CONTENTS["FP32"]
    if packed is not None:
        return read_floats(packed) if floats else read_pixels(packed)
    numbers = getattr(tensor.contents, field)
    if floats:
        return _array(numbers, np.float32)
    pixels = _array(numbers, np.uint32)
    if pixels.max(initial=0) > 255:
        raise InvalidInput(f"{INPUT}: UINT8 must be whole numbers from 0 to 255")
    return pixels.astype(np.uint8)


def _array(numbers: Any, dtype: type[np.generic]) -> npt.NDArray[Any]:
    array = np.empty(len(numbers), dtype)
    for piece in _pieces(len(array)):
        array[piece] = numbers[piece]
    return array


def _pieces(size: int) -> Iterator[slice]:
    """Cut numbers into pieces, letting go of the interpreter between them."""
    for start in range(0, size, PIECE_NUMBERS):
        if start:
            let_go()
        yield slice(start, start + PIECE_NUMBERS)


def _timeout_us(parameters: Mapping[str, Any]) -> int:
    if "timeout" not in parameters:
        return 0
    given = parameters["timeout"]
    kind = given.WhichOneof("parameter_choice") or "int64_param"
    timeout = getattr(given, kind)
    if kind not in ("int64_param", "uint64_param") or timeout < 0:
        raise InvalidInput(
            f"parameters.timeout must be microseconds >= 0, got {short_repr(timeout)}"
        )
    return int(timeout)


def _observed(parameters: Mapping[str, Any]) -> bool:
    if LEAF_STATISTICS not in parameters:
        return True
    given = parameters[LEAF_STATISTICS]
    if given.WhichOneof("parameter_choice") != "bool_param":
        raise InvalidInput(f"parameters.{LEAF_STATISTICS} must be true or false (bool_param)")
    return bool(given.bool_param)


def _refuse_unsupported(parameters: Mapping[str, Any], what: str) -> None:
    for name, why in UNSUPPORTED.items():
        if name in parameters:
            raise InvalidInput(f"{what}: {why}")
