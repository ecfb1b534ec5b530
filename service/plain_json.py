"""Plain JSON predictions: `{"inputs": [[…]]}` in, outputs and leaves out."""

from math import inf
from typing import Any

import numpy as np
import numpy.typing as npt
import orjson

from service import json_rows
from service.errors import InvalidInput, shown
from service.inference_protocol import InferRequest, Rendered, Wanted
from service.job import Answer
from service.request_body import parse_object, to_rows
from service.served_model import ServedModel
from service.tensor_bytes import Rows

_WANTED = Wanted()


def parse_plain(body: bytes, header_length: int | None, model: ServedModel) -> InferRequest:
    """
    Read the body of `/v1/models/M/predict`.

    Args:
        body: JSON.
        header_length: Of the binary tensor extension, which this form does not have.
        model: Asked for.

    Raises:
        InvalidInput: Naming the field that is wrong.
    """
    if header_length is not None:
        raise InvalidInput("binary data is for /v2/models/M/infer; this path takes JSON")
    try:
        asked = json_rows.read(body, lambda top: (top, "inputs"))
    except json_rows.Irregular:
        asked = parse_object(body)
    return InferRequest(rows_of(asked, model), _WANTED, inf)


def rows_of(asked: dict[str, Any], model: ServedModel) -> Rows:
    """
    Take the rows of a plain body, `[r, i]`.

    Raises:
        InvalidInput: Naming the field that is wrong.
    """
    unknown = asked.keys() - {"inputs", "datatype"}
    if unknown:
        raise InvalidInput(f"fields must be inputs and datatype; got also {shown(sorted(unknown))}")
    width = model.manifest.input_width
    datatype = asked.get("datatype", "FP32")
    rows = to_rows(asked.get("inputs"), "inputs", datatype, width, model.manifest.uint8)
    if rows.ndim != 2 or rows.shape[1] != width:
        raise InvalidInput(f"inputs must be [rows, {width}], got {list(rows.shape)}")
    return rows


def labels_of(labels: object, rows: int, classes: int) -> npt.NDArray[np.int64] | None:
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
                f"labels must be whole numbers from 0 to {classes - 1}, got {shown(label)}"
            )
    return np.array(labels, np.int64)


def _counted(value: object) -> str:
    return f"{len(value)}" if isinstance(value, list) else shown(value)


def render_plain(model: ServedModel, asked: InferRequest, answer: Answer) -> Rendered:
    """Write the answer."""
    content = {
        "model": model.facts.name,
        "version": model.facts.version,
        "outputs": answer.logits,
        "leaves": answer.leaf,
    }
    return Rendered(orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY))
