"""
Token ids and their mask, or text, in a ModelInferRequest, for a model that takes them.

Covered:      raw contents; typed contents of INT64 and BYTES, and of a mask of INT32 and BOOL.
Not covered:  ids and masks themselves (`service.protocol.token_ids`), texts themselves
              (`service.protocol.texts`); every other model's input
              (`tensors`).
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from service.errors import InvalidInput
from service.grpc.wire import Received
from service.protocol.inputs import INPUT, MASK, TEXT
from service.protocol.open_inference import InputSpec
from service.protocol.tensor_bytes import WHOLE_BYTES, decode_whole
from service.protocol.texts import count_of, decoded, ids_of_texts, read_texts
from service.protocol.token_ids import Ids, masked_ids, require_ids
from service.protocol.token_request import check_mask, shape_of, tensors_of

_CONTENTS = {"INT64": "int64_contents", "INT32": "int_contents", "BOOL": "bool_contents"}


def read_ids(received: Received, model: InputSpec) -> Ids:
    """
    Read the ids of a request, or the text that they are made of.

    Raises:
        InvalidInput: Naming what is wrong.
        HoldsLoop: In the event loop, where it would take long.
    """
    tensors = [*received.message.inputs]
    tensors_of([{"name": tensor.name} for tensor in tensors])
    if len(tensors) == 1 and tensors[0].datatype == TEXT:
        return ids_of_texts(_texts(received, tensors[0]), INPUT, model)
    for tensor in tensors:
        if tensor.name == INPUT:
            require_ids(tensor.datatype, INPUT)
        check_mask(tensor.name, tensor.datatype)
    shapes = [shape_of([*tensor.shape], tensor.name) for tensor in tensors]
    if received.raw:
        numbers = _raw(received, tensors, shapes)
    else:
        pairs = zip(tensors, shapes, strict=True)
        numbers = {tensor.name: _typed(tensor, shape) for tensor, shape in pairs}
    return masked_ids(numbers[INPUT], numbers.get(MASK), INPUT, model.manifest)


def _texts(received: Received, tensor: Any) -> list[str]:
    count, raw = count_of([*tensor.shape], INPUT), received.raw
    if raw:
        if len(raw) != 1 or tensor.HasField("contents"):
            raise InvalidInput(f"{INPUT}: send one tensor, in contents or raw_input_contents")
        return read_texts(raw[0], count, INPUT)
    sent = tensor.contents.bytes_contents
    if len(sent) != count:
        raise InvalidInput(f"{INPUT}: shape [{count}] does not fit {len(sent)} bytes_contents")
    return [decoded(text, INPUT, row) for row, text in enumerate(sent)]


def _raw(
    received: Received, tensors: list[Any], shapes: list[tuple[int, int]]
) -> dict[str, npt.NDArray[Any]]:
    raw = received.raw
    if any(tensor.HasField("contents") for tensor in tensors):
        raise InvalidInput(f"{INPUT}: send contents or raw_input_contents, not both")
    if len(raw) != len(tensors):
        raise InvalidInput(f"raw_input_contents must hold {len(tensors)} tensors, got {len(raw)}")
    # By size: a large one was taken out of the message, and so is the last whatever it was.
    sizes = [t * n * WHOLE_BYTES[of.datatype] for of, (n, t) in zip(tensors, shapes, strict=True)]
    order = sorted(range(len(tensors)), key=sizes.__getitem__)
    found = {}
    for number, part in zip(order, sorted(raw, key=len), strict=True):
        tensor = tensors[number]
        found[tensor.name] = decode_whole(part, tensor.datatype, shapes[number], tensor.name)
    return found


def _typed(tensor: Any, shape: tuple[int, int]) -> npt.NDArray[Any]:
    field = _CONTENTS[tensor.datatype]
    filled = [of.name for of, _ in tensor.contents.ListFields()]
    if filled not in ([], [field]):
        got = ", ".join(filled)
        raise InvalidInput(f"{tensor.name}: {tensor.datatype} is sent in {field}; got {got}")
    numbers = np.array(getattr(tensor.contents, field), np.int64)
    if numbers.size != shape[0] * shape[1]:
        raise InvalidInput(
            f"{tensor.name}: {[*shape]} are {shape[0] * shape[1]} values of {field}, "
            f"got {numbers.size}"
        )
    return numbers.reshape(shape)
