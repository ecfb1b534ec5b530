"""
Reading an inference request of the Open Inference Protocol v2.

A body is JSON; or JSON followed by bytes, where `Inference-Header-Content-Length` says how much
of it is JSON (the binary tensor extension); or, with length 0, nothing but the input's bytes.
JSON that is followed by bytes is the same in every request of most clients, and is remembered.

Source: open-inference-protocol d49cc23, and Triton's binary tensor extension.
"""

from functools import lru_cache
from math import inf
from typing import Any, NamedTuple

from service.engine.offload import IN_LOOP_SLOW_BYTES
from service.errors import InvalidInput, short_repr
from service.protocol.infer_options import InferOptions, parameters_of, read_options
from service.protocol.json_body import read_object
from service.protocol.json_numbers import opened
from service.protocol.open_inference import (
    INPUT,
    InferRequest,
    InputSpec,
    RequestedOutputs,
)
from service.protocol.outputs import check_offered
from service.protocol.rows import examples_of, parse_object, to_rows
from service.protocol.tensor_bytes import decode
from service.protocol.token_request import parse_tokens

REMEMBERED_BYTES = 1024
"""JSON parts up to this size are remembered, 1,024 of them."""
_MOST_DIGITS = 18  # of a length: what has more is beyond any body
_HEADER = "Inference-Header-Content-Length"
_BINARY_HINT = f"binary data needs the header {_HEADER}: bytes of its JSON part, 0 for data alone"


class _Header(NamedTuple):
    """The JSON part of a request whose numbers are bytes."""

    options: InferOptions
    datatype: str
    rows: int
    size: int  # of the input, in bytes


def parse_infer(body: bytes, header_length: bytes, model: InputSpec) -> InferRequest:
    """
    Read a request.

    Args:
        body: Whole, inflated.
        header_length: `Inference-Header-Content-Length`, as it came; empty without that header.
        model: Gives width, pixel scaling and bound.

    Raises:
        InvalidInput: Naming the field that is wrong.
        TooLarge: More numbers than a batch holds.
        HoldsLoop: In the event loop, where reading it would take long.
    """
    if not header_length:
        return _parse_text(body, model)
    length = _header_bytes(header_length, len(body))
    if model.manifest.vocabulary:
        return parse_tokens(body, length, model)
    return _parse_binary(body, length, model)


def _header_bytes(text: bytes, size: int) -> int:
    """How many bytes of a body are JSON; blanks around a header's value mean nothing."""
    digits = text if text.isdigit() else text.strip(b" \t")
    if not digits.isdigit():
        said = short_repr(digits.decode("latin-1"))
        raise InvalidInput(f"{_HEADER} must be bytes >= 0, got {said}")
    if len(digits) > _MOST_DIGITS or int(digits) > size:
        said = digits[:_MOST_DIGITS].decode() + "…" * (len(digits) > _MOST_DIGITS)
        raise InvalidInput(f"{_HEADER} is {said}, the body has {size} bytes")
    return int(digits)


def _parse_text(body: bytes, model: InputSpec) -> InferRequest:
    """Read a body that should be JSON alone; say what is missing where it holds bytes."""
    try:
        if model.manifest.vocabulary:
            return parse_tokens(body, None, model)
        return _parse_json(body, model)
    except InvalidInput as exc:
        beginning = body[:IN_LOOP_SLOW_BYTES]
        binary = b'"binary_data_size"' in beginning or beginning[:1] not in b"{[ \t\r\n"
        if not binary or _HEADER in str(exc):
            raise
        raise InvalidInput(f"{exc}; {_BINARY_HINT}") from None


def _parse_binary(body: bytes, header_length: int, model: InputSpec) -> InferRequest:
    manifest = model.manifest
    width = manifest.input_width
    if header_length == 0:
        rows = len(body) // (4 * width)
        if not rows:
            raise InvalidInput(
                f"input: a row of {width} FP32 is {4 * width} bytes, got {len(body)}"
            )
        numbers = decode(body, "FP32", rows, width, manifest.uint8)
        return InferRequest(numbers, RequestedOutputs((manifest.main_output,), (True,), None), inf)
    if IN_LOOP_SLOW_BYTES < header_length < len(body):
        raise InvalidInput(
            f"the JSON before binary data may be at most {IN_LOOP_SLOW_BYTES} bytes, "
            f"got {header_length}"
        )
    read = _remembered_header if header_length <= REMEMBERED_BYTES else _read_header
    whole = header_length > IN_LOOP_SLOW_BYTES
    example = tuple(manifest.example_shape)
    header = None if whole else read(body[:header_length], example, manifest.main_output)
    if header is None:  # its numbers are JSON all the same
        if header_length < len(body):
            raise InvalidInput(
                f"no tensor's binary_data_size covers the bytes after {header_length}"
            )
        return _parse_json(body, model)
    requested = header.options.requested
    check_offered(requested.outputs, manifest, requested.top_k)
    raw = memoryview(body)[header_length:]
    if len(raw) != header.size:
        raise InvalidInput(
            f"binary_data_size is {header.size}; {len(raw)} bytes follow the JSON part"
        )
    return header.options.of(decode(raw, header.datatype, header.rows, width, manifest.uint8))


def _read_header(text: bytes, example: tuple[int, ...], main: str) -> _Header | None:
    request = parse_object(text)
    tensor = _input_tensor(request)
    parameters = parameters_of(tensor, INPUT)
    if "binary_data_size" not in parameters:
        return None
    if "data" in tensor:
        raise InvalidInput(f"{INPUT}: send data or binary_data_size, not both")
    size = parameters["binary_data_size"]
    if type(size) is not int or size < 0:
        raise InvalidInput(f"{INPUT}: binary_data_size must be bytes >= 0, got {short_repr(size)}")
    datatype = tensor.get("datatype")
    if not isinstance(datatype, str):
        raise InvalidInput(f"{INPUT}: datatype must be text, got {short_repr(datatype)}")
    rows = examples_of(tensor.get("shape"), INPUT, example)
    return _Header(read_options(request, main), datatype, rows, size)


_remembered_header = lru_cache(maxsize=1024)(_read_header)


def _parse_json(body: bytes, model: InputSpec) -> InferRequest:
    request = read_object(body, _place, lambda _: model.most_numbers)
    options = read_options(request, model.manifest.main_output)
    check_offered(options.requested.outputs, model.manifest, options.requested.top_k)
    return options.of(_json_rows(request, model))


def _place(top: dict[str, Any]) -> tuple[dict[str, Any], str]:
    (tensor,) = top["inputs"]
    top["inputs"] = [opened(tensor)]
    return top["inputs"][0], "data"


def _json_rows(request: dict[str, Any], model: InputSpec) -> Any:
    tensor = _input_tensor(request)
    if "binary_data_size" in parameters_of(tensor, INPUT):
        raise InvalidInput(f"{INPUT}: binary_data_size needs the header {_HEADER}")
    width = model.manifest.input_width
    count = examples_of(tensor.get("shape"), INPUT, model.manifest.example_shape)
    datatype = tensor.get("datatype")
    if datatype in ("FP16", "BF16"):
        raise InvalidInput(f"{INPUT}: {datatype} has no JSON form; send it as binary data")
    rows = to_rows(tensor.get("data"), INPUT, datatype, width, model.manifest.uint8)
    shape = tensor["shape"]
    if rows.size != count * width or (rows.ndim > 1 and list(rows.shape) != shape):
        raise InvalidInput(f"{INPUT}: shape {shape} does not fit data of {list(rows.shape)}")
    return rows.reshape(count, width)


def _input_tensor(request: dict[str, Any]) -> dict[str, Any]:
    inputs = request.get("inputs")
    if not isinstance(inputs, list) or len(inputs) != 1 or not isinstance(inputs[0], dict):
        raise InvalidInput(f"inputs must be a list of exactly one tensor, {INPUT!r}")
    tensor: dict[str, Any] = inputs[0]
    if tensor.get("name") != INPUT:
        raise InvalidInput(
            f"the input tensor is named {INPUT!r}, got {short_repr(tensor.get('name'))}"
        )
    return tensor
