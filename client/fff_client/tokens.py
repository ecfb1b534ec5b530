"""
Texts and token ids: what a caller has, the request that carries it, and answers of other lengths.

Covered:      rows of different lengths, padded with a mask; the likeliest ids.
Not covered:  rows of numbers (`rows`, `wire`); which ids there are, which the service checks.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from fff_client.messages import Request
from fff_client.results import Prediction
from fff_client.wire import HEADER_LENGTH, dumps, model_path

TokenRows = str | Sequence[str] | Sequence[int] | Sequence[Sequence[int]] | npt.NDArray[Any]
"""Texts, or rows of token ids; one of either is one row."""

_MISSING = {"leaf": -1, "margin": float(np.finfo(np.float32).max), "top_ids": -1}


def token_rows_of(inputs: Any) -> list[Any]:
    """
    Take what a caller has: a list of texts, or of arrays of whole numbers.

    Raises:
        TypeError: Neither.
        ValueError: None, or an empty row.
    """
    if isinstance(inputs, str):
        return [inputs]
    listed = list(inputs)
    if not listed:
        raise ValueError("inputs must have at least one text or row of token ids, got none")
    if all(isinstance(row, str) for row in listed):
        return listed
    if all(np.ndim(row) == 0 and not isinstance(row, str) for row in listed):
        listed = [listed]
    rows = [np.asarray(row) for row in listed]
    for row in rows:
        if row.ndim == 1 and not row.size:
            raise ValueError("every row must have at least one token id, got an empty row")
        if row.ndim != 1 or row.dtype.kind not in "iu":
            raise TypeError(
                "inputs must be texts, or rows of whole numbers, got a row of "
                f"{row.dtype}{list(row.shape)}"
            )
    return rows


def tokens_request(
    model: str,
    version: int | None,
    rows: list[Any],
    outputs: tuple[str, ...],
    top_k: int | None,
    binary: bool,
    timeout_us: int,
) -> Request:
    """Write the request for a prediction; arguments are those of `wire.infer_request`."""
    path = model_path("v2", model) + ("" if version is None else f"/versions/{version}") + "/infer"
    parameters: dict[str, Any] = {"timeout": timeout_us, "binary_data_output": binary}
    if top_k is not None:
        parameters["top_k"] = top_k
    body: dict[str, Any] = {"parameters": parameters}
    if outputs:
        body["outputs"] = [{"name": name} for name in outputs]
    if isinstance(rows[0], str):
        return _texts_request(path, rows, body)
    ids, mask = _padded(rows)
    arrays = {"input": ("INT64", ids), "mask": ("BOOL", mask)}
    if mask.all():
        del arrays["mask"]
    inputs = [
        {"name": name, "datatype": datatype, "shape": array.shape}
        | ({"parameters": {"binary_data_size": array.nbytes}} if binary else _listed(array))
        for name, (datatype, array) in arrays.items()
    ]
    head = dumps(body | {"inputs": inputs})
    if not binary:
        return Request("POST", path, head)
    content = b"".join([head, *(array.tobytes() for _, array in arrays.values())])
    return Request("POST", path, content, ((HEADER_LENGTH, str(len(head))),))


def _texts_request(path: str, texts: list[str], body: dict[str, Any]) -> Request:
    """As bytes whatever the client prefers for numbers: JSON of texts is bounded by the service."""
    parts = [text.encode() for text in texts]
    raw = b"".join(len(part).to_bytes(4, "little") + part for part in parts)
    size = {"binary_data_size": len(raw)}
    tensor = {"name": "input", "datatype": "BYTES", "shape": [len(texts)], "parameters": size}
    head = dumps(body | {"inputs": [tensor]})
    return Request("POST", path, head + raw, ((HEADER_LENGTH, str(len(head))),))


def _listed(array: npt.NDArray[Any]) -> dict[str, Any]:
    return {"data": array.tolist()}


def _padded(rows: list[npt.NDArray[Any]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.bool_]]:
    lengths = np.array([len(row) for row in rows])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.zeros(mask.shape, "<i8")
    ids[mask] = np.concatenate(rows)
    return ids, mask


def joined(parts: Sequence[Prediction]) -> Prediction:
    """Concatenate predictions of one model version, as long as the longest row of all."""
    longest: dict[str, tuple[int, ...]] = {}
    for part in parts:
        for name, tensor in part.tensors.items():
            own = tensor.shape[1:]
            longest[name] = tuple(map(max, longest.get(name, own), own))
    return Prediction.joined([_lengthened(part, longest) for part in parts])


def _lengthened(part: Prediction, shapes: dict[str, tuple[int, ...]]) -> Prediction:
    if all(tensor.shape[1:] == shapes[name] for name, tensor in part.tensors.items()):
        return part
    tensors = {}
    for name, tensor in part.tensors.items():
        whole = np.full((len(tensor), *shapes[name]), _MISSING.get(name, 0), tensor.dtype)
        whole[tuple(map(slice, tensor.shape))] = tensor
        tensors[name] = whole
    return Prediction(part.model, part.version, tensors, part.queue_s, part.compute_s, part.task)
