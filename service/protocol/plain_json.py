"""
Plain JSON: `{"inputs": [[…]]}` or `{"rows": [{…}]}` in, for predictions, comparisons and, with more
beside it (`explain_request`), explanations.
"""

from collections.abc import Callable
from math import inf
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import orjson

from service.engine.served_model import ServedModel
from service.errors import InvalidInput, short_repr
from service.job import Answer, Rows
from service.protocol.infer_options import checked_top_k
from service.protocol.inputs import IDS, TEXT
from service.protocol.json_body import read_object
from service.protocol.json_pieces import json_array, json_object
from service.protocol.named_rows import encoded
from service.protocol.open_inference import (
    JSON_NUMBER_BYTES,
    InferRequest,
    InputSpec,
    Rendered,
    RequestedOutputs,
)
from service.protocol.outputs import TOP, check_offered
from service.protocol.rows import shapes_taken, to_rows
from service.protocol.texts import ids_of_texts
from service.protocol.token_ids import ids_of_lists, require_ids
from service.protocol.top_tokens import top_tokens

_DEFAULT_OUTPUTS = RequestedOutputs()
Labels = npt.NDArray[np.int64]


class ComparisonRequest(NamedTuple):
    """What is to be compared: a model, rows `[r, i]`, and their classes `[r]` where known."""

    model: ServedModel
    rows: Rows
    labels: Labels | None


def parse_plain(body: bytes, header_length: bytes, model: InputSpec) -> InferRequest:
    """
    Read the body of `/v1/models/M/predict`.

    Args:
        body: Whole, inflated.
        header_length: Of the binary tensor extension, which this form does not have: empty.
        model: Gives width, pixel scaling and bound.

    Raises:
        InvalidInput: Naming the field that is wrong.
        TooLarge: More numbers than a batch holds.
        HoldsLoop: In the event loop, where reading it would take long.
    """
    if header_length:
        raise InvalidInput("binary data is for /v2/models/M/infer; this path takes JSON")
    ids = model.manifest.vocabulary > 0
    request = read_object(body, place_of_inputs, lambda _: model.most_numbers, ids)
    requested = _top(request, model) if "top_k" in request else _DEFAULT_OUTPUTS
    return InferRequest(rows_of(request, model), requested, inf)


def _top(request: dict[str, Any], model: InputSpec) -> RequestedOutputs:
    """Take `top_k` out of a request."""
    top_k = checked_top_k(request.pop("top_k"), "top_k")
    check_offered(TOP, model.manifest, top_k)
    return RequestedOutputs(TOP, (False, False), None, top_k)


def parse_comparison(body: bytes, find: Callable[[str], ServedModel]) -> ComparisonRequest:
    """
    Read the body of `/v1/compare`.

    Args:
        body: Whole, inflated.
        find: Gives the model of the name in the body.

    Raises:
        InvalidInput: Naming the field that is wrong.
        TooLarge: More numbers than a batch holds.
        HoldsLoop: In the event loop, where reading it would take long.
        ServiceError: As `find` does.
    """
    request = read_object(
        body, place_of_inputs, lambda top: _named(top.get("model"), find).most_numbers
    )
    labels, name = request.pop("labels", None), request.pop("model", None)
    model = _named(name, find)
    rows = rows_of(request, model)
    if labels is not None and model.manifest.task == "regression":
        raise InvalidInput(
            f"labels are classes; model {name!r} predicts {model.manifest.predicts}: compare it "
            "without"
        )
    return ComparisonRequest(model, rows, labels_of(labels, len(rows), model.manifest.output_width))


def _named(name: object, find: Callable[[str], ServedModel]) -> ServedModel:
    if not isinstance(name, str):
        raise InvalidInput(f"model must name a served model, got {short_repr(name)}")
    return find(name)


def place_of_inputs(top: dict[str, Any]) -> tuple[dict[str, Any], str]:
    """Where a plain body has its numbers."""
    return top, "inputs"


def rows_of(request: dict[str, Any], model: InputSpec) -> Rows:
    """
    Take the rows of a plain body, `[r, i]`.

    Raises:
        InvalidInput: Naming the field that is wrong, or row and column.
        TooLarge: More rows by name than a batch holds.
    """
    if "rows" in request:
        return encoded(request, model)
    unknown = request.keys() - {"inputs", "datatype"}
    if unknown:
        raise InvalidInput(
            f"fields must be inputs and datatype, or rows; got also {short_repr(sorted(unknown))}"
        )
    if model.manifest.vocabulary:
        given = request.get("inputs")
        text = isinstance(given, list) and given and isinstance(given[0], str)
        if request.get("datatype", TEXT if text else IDS) == TEXT:
            return ids_of_texts(given, "inputs", model)
        require_ids(request.get("datatype", IDS), "inputs")
        return ids_of_lists(request.get("inputs"), "inputs", model.manifest)
    width = model.manifest.input_width
    datatype = request.get("datatype", "FP32")
    rows = to_rows(request.get("inputs"), "inputs", datatype, width, model.manifest.uint8)
    example = model.manifest.example_shape
    if [*rows.shape[1:]] not in ([width], example):
        raise InvalidInput(f"inputs must be {shapes_taken(example)}, got {list(rows.shape)}")
    return rows.reshape(len(rows), width)


def labels_of(labels: object, rows: int, classes: int) -> Labels | None:
    """
    Take the labels of a comparison, `[r]`, or None where none were sent.

    Raises:
        InvalidInput: If they are not one class a row.
    """
    if labels is None:
        return None
    if not isinstance(labels, list) or len(labels) != rows:
        raise InvalidInput(f"labels must be a list of {rows}, one a row, got {_counted(labels)}")
    for label in labels:
        if type(label) is not int or not 0 <= label < classes:
            raise InvalidInput(
                f"labels must be whole numbers from 0 to {classes - 1}, got {short_repr(label)}"
            )
    return np.array(labels, np.int64)


def _counted(value: object) -> str:
    return f"{len(value)}" if isinstance(value, list) else short_repr(value)


def render_plain(model: ServedModel, request: InferRequest, answer: Answer) -> Rendered:
    """Write the answer."""
    if request.requested.top_k:
        return plain_pieces(model, request, answer)
    return Rendered(orjson.dumps(plain_answer(model, answer), option=orjson.OPT_SERIALIZE_NUMPY))


def plain_answer(model: ServedModel, answer: Answer) -> dict[str, Any]:
    """Name the parts of an answer, arrays among them."""
    return _head(model) | {"outputs": answer.logits, "leaves": answer.leaf}


def plain_pieces(model: ServedModel, request: InferRequest, answer: Answer) -> Rendered:
    """Write a long answer, to the same bytes, letting go of the interpreter after each piece."""
    if top_k := request.requested.top_k:
        ids, shares = top_tokens(answer.logits, request.rows, top_k, model.manifest.masked_id)
        named = {TOP[0]: json_array(ids), TOP[1]: json_array(shares)}
        return Rendered(json_object(_head(model), **named, leaves=json_array(answer.leaf)))
    outputs, leaves = json_array(answer.logits), json_array(answer.leaf)
    return Rendered(json_object(_head(model), outputs=outputs, leaves=leaves))


def plain_bytes(_: InferRequest, answer: Answer) -> int:
    """Say roughly how long an answer is."""
    return JSON_NUMBER_BYTES * (answer.logits.size + answer.leaf.size)


def _head(model: ServedModel) -> dict[str, Any]:
    return {"model": model.facts.name, "version": model.facts.version}
