"""
Reading an inference request of the Open Inference Protocol v2 for a model of token ids.

Its input is a tensor `input`, `INT64 [rows, t]`, and if it likes a second one, `mask`, of the same
shape; or text, `BYTES [rows]`, where the model has a tokenizer. Each tensor is JSON, or bytes after
the JSON part, in the order of the tensors.

Covered:      the tensors, both forms; what is wrong with them.
Not covered:  ids, masks and texts themselves (`token_ids`, `texts`), every other model's input
              (`infer_request`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.engine.offload import IN_LOOP_SLOW_BYTES
from service.errors import InvalidInput, short_repr
from service.protocol.infer_options import parameters_of, read_options
from service.protocol.inputs import INPUT, MASK, MASK_DATATYPES, TEXT
from service.protocol.json_body import read_object
from service.protocol.json_numbers import opened
from service.protocol.open_inference import InferRequest, InputSpec
from service.protocol.outputs import check_offered
from service.protocol.rows import checked_numbers
from service.protocol.tensor_bytes import decode_whole
from service.protocol.texts import count_of, ids_of_texts, read_texts
from service.protocol.token_ids import Ids, masked_ids, require_ids

Numbers = npt.NDArray[Any]


def parse_tokens(body: bytes, header_length: int | None, model: InputSpec) -> InferRequest:
    """
    Read a request.

    Args:
        body: Whole, inflated.
        header_length: How many bytes of it are JSON; None if all are.
        model: Gives vocabulary, length and bound.

    Raises:
        InvalidInput: Naming the field that is wrong.
        TooLarge: More numbers than a batch holds.
        HoldsLoop: In the event loop, where reading it would take long.
    """
    if header_length == 0:
        raise InvalidInput(f"{INPUT}: token ids need a JSON part that gives their shape")
    if header_length is not None and IN_LOOP_SLOW_BYTES < header_length < len(body):
        raise InvalidInput(
            f"the JSON before binary data may be at most {IN_LOOP_SLOW_BYTES} bytes, "
            f"got {header_length}"
        )
    text, raw = body[:header_length], memoryview(body)[len(body[:header_length]) :]
    request = read_object(text, _place, lambda _: model.most_numbers, ids=True)
    options = read_options(request, model.manifest.main_output)
    check_offered(options.requested.outputs, model.manifest, options.requested.top_k)
    return options.of(_ids(request, raw, model))


def _place(top: dict[str, Any]) -> tuple[dict[str, Any], str]:
    (tensor,) = top["inputs"]
    top["inputs"] = [opened(tensor)]
    return top["inputs"][0], "data"


def _ids(request: dict[str, Any], raw: memoryview, model: InputSpec) -> Ids:
    found: dict[str, Numbers] = {}
    tensors = tensors_of(request.get("inputs"))
    if len(tensors) == 1 and tensors[0].get("datatype") == TEXT:
        return ids_of_texts(_texts(tensors[0], raw), INPUT, model)
    for tensor in tensors:
        name, datatype = tensor["name"], tensor.get("datatype")
        if name == INPUT:
            require_ids(datatype, INPUT)
        check_mask(name, datatype)
        shape, size = shape_of(tensor.get("shape"), name), _binary_size(tensor)
        if size is None:
            found[name] = _numbers(tensor.get("data"), name, shape)
            continue
        if size > len(raw):
            raise InvalidInput(f"{name}: binary_data_size is {size}; {len(raw)} bytes are left")
        found[name] = decode_whole(raw[:size], str(datatype), shape, name)
        raw = raw[size:]
    if len(raw):
        raise InvalidInput(f"no tensor's binary_data_size covers the last {len(raw)} bytes")
    return masked_ids(found[INPUT], found.get(MASK), INPUT, model.manifest)


def _texts(tensor: dict[str, Any], raw: memoryview) -> object:
    count, size = count_of(tensor.get("shape"), INPUT), _binary_size(tensor)
    if size is not None:
        if size != len(raw):
            raise InvalidInput(f"{INPUT}: binary_data_size is {size}; {len(raw)} bytes follow")
        return read_texts(raw, count, INPUT)
    texts = tensor.get("data")
    if isinstance(texts, list) and len(texts) != count:
        raise InvalidInput(f"{INPUT}: shape [{count}] does not fit {len(texts)} texts")
    return texts


def tensors_of(inputs: object) -> list[dict[str, Any]]:
    """
    Take the tensors of a request: `input`, and perhaps `mask`, in any order.

    Raises:
        InvalidInput: Other tensors.
    """
    tensors = inputs if isinstance(inputs, list) else []
    names = [tensor.get("name") if isinstance(tensor, dict) else None for tensor in tensors]
    if names not in ([INPUT], [INPUT, MASK], [MASK, INPUT]):
        raise InvalidInput(
            f"inputs must be a list of the tensor {INPUT!r}, and if need be {MASK!r}; "
            f"got {short_repr(names)}"
        )
    return tensors


def check_mask(name: str, datatype: object) -> None:
    """
    Refuse a mask's datatype, where it is none.

    Raises:
        InvalidInput: Naming it.
    """
    if name == MASK and datatype not in MASK_DATATYPES:
        known = ", ".join(MASK_DATATYPES)
        raise InvalidInput(f"{MASK} must have datatype {known}; got {short_repr(datatype)}")


def shape_of(shape: object, name: str) -> tuple[int, int]:
    """
    Take the shape of a tensor of rows of tokens.

    Raises:
        InvalidInput: It is none.
    """
    if isinstance(shape, list) and len(shape) == 2 and all(type(n) is int for n in shape):
        rows, t = shape
        if rows >= 1 and t >= 1:
            return rows, t
    raise InvalidInput(f"{name}: shape must be [rows, tokens], both >= 1, got {short_repr(shape)}")


def _binary_size(tensor: dict[str, Any]) -> int | None:
    name = tensor["name"]
    size = parameters_of(tensor, name).get("binary_data_size")
    if size is None:
        return None
    if "data" in tensor:
        raise InvalidInput(f"{name}: send data or binary_data_size, not both")
    if type(size) is not int or size < 0:
        raise InvalidInput(f"{name}: binary_data_size must be bytes >= 0, got {short_repr(size)}")
    return size


def _numbers(data: object, name: str, shape: tuple[int, int]) -> Numbers:
    """Numbers that are JSON, nested or flat; of a mask true and false as well."""
    if isinstance(data, list) and data and isinstance(data[0], np.ndarray):
        raise InvalidInput(f"{name} must be rows of equal length, got ragged rows; send a mask")
    if name == MASK and isinstance(data, list):
        data = _as_numbers(data)
    numbers = data if isinstance(data, np.ndarray) else checked_numbers(data, name)
    if numbers.size != shape[0] * shape[1] or (numbers.ndim > 1 and numbers.shape != shape):
        raise InvalidInput(f"{name}: shape {[*shape]} does not fit data of {list(numbers.shape)}")
    return numbers.reshape(shape)


def _as_numbers(flags: list[Any]) -> list[Any]:
    """Make 1 and 0 of true and false, in lists of any depth."""
    return [_as_numbers(flag) if isinstance(flag, list) else _as_number(flag) for flag in flags]


def _as_number(flag: object) -> object:
    return int(flag) if isinstance(flag, bool) else flag
