"""
From arrays to requests and from responses to arrays: Open Inference Protocol v2, and where plain
JSON is all there is, `/v1`.

Covered:      the binary tensor extension and JSON, both ways.
Not covered:  what a caller calls rows (`rows`), connections, retries. Nothing here sends or waits.

Source: open-inference-protocol d49cc23, and Triton's binary tensor extension.
"""

import json
from functools import lru_cache
from math import nan, prod
from typing import Any
from urllib.parse import quote

import numpy as np

from fff_client.errors import ServiceFailed
from fff_client.messages import Request, Response
from fff_client.results import Comparison, Prediction, Side
from fff_client.rows import Rows

DATATYPES = {"u1": "UINT8", "f2": "FP16", "f4": "FP32"}  # by kind and bytes of an item
_STORED = {"FP32": "<f4", "INT32": "<i4", "INT64": "<i8"}
HEADER_LENGTH = "inference-header-content-length"


def model_path(api: str, name: str) -> str:
    return f"/{api}/models/{quote(named(name), safe='')}"


def named(name: str) -> str:
    """
    Take a model's name.

    Raises:
        TypeError: If it is none: mostly the arguments are in the wrong order.
    """
    if not isinstance(name, str):
        raise TypeError(f"model must be a name, got {type(name).__name__}")
    return name


def infer_request(
    model: str,
    version: int | None,
    rows: Rows,
    outputs: tuple[str, ...],
    binary: bool,
    timeout_us: int,
) -> Request:
    """
    Write the request for a prediction.

    Args:
        model: Its name.
        version: Of the model, or None for the one that is served.
        rows: `[r, i]` or `[r, c, h, w]`, from `rows_of`.
        outputs: Names in the protocol.
        binary: Whether numbers travel as bytes, both ways.
        timeout_us: Microseconds after which the service may give up.
    """
    path = model_path("v2", model) + ("" if version is None else f"/versions/{version}") + "/infer"
    if not binary:
        return Request("POST", path, _json_body(rows, outputs, timeout_us))
    datatype = DATATYPES[rows.dtype.str[1:]]
    head = _binary_head(rows.shape, datatype, rows.nbytes, outputs, timeout_us)
    return Request("POST", path, b"".join((head, rows.data)), ((HEADER_LENGTH, str(len(head))),))


@lru_cache(maxsize=1024)
def _binary_head(
    shape: tuple[int, ...], datatype: str, size: int, outputs: tuple[str, ...], timeout_us: int
) -> bytes:
    parameters = {"binary_data_size": size}
    tensor = {"name": "input", "shape": shape, "datatype": datatype, "parameters": parameters}
    return _infer_json(tensor, outputs, {"timeout": timeout_us, "binary_data_output": True})


def _json_body(rows: Rows, outputs: tuple[str, ...], timeout_us: int) -> bytes:
    if rows.dtype == np.float16:  # has no JSON form, and fits float32 exactly
        rows = rows.astype(np.float32)
    datatype = DATATYPES[rows.dtype.str[1:]]
    data = (rows if rows.ndim == 2 else rows.ravel()).tolist()
    tensor = {"name": "input", "shape": rows.shape, "datatype": datatype, "data": data}
    return _infer_json(tensor, outputs, {"timeout": timeout_us})


def _infer_json(
    tensor: dict[str, Any], outputs: tuple[str, ...], parameters: dict[str, Any]
) -> bytes:
    wanted = [{"name": name} for name in outputs]
    return dumps({"inputs": [tensor], "outputs": wanted, "parameters": parameters})


def compare_request(model: str, rows: Rows, labels: list[Any] | None) -> Request:
    """Write the request for a comparison; this path takes JSON alone."""
    fields = {"model": model} | _json_rows(rows)
    if labels is not None:
        fields["labels"] = labels
    return Request("POST", "/v1/compare", dumps(fields))


def explain_request(model: str, choice: dict[str, Any], rows: Rows) -> Request:
    """
    Write the request for the path of each row; JSON alone, too.

    Args:
        model: Its name.
        choice: Fields beside the rows: `layer`, `tokens`.
        rows: From `rows_of`.
    """
    fields = _json_rows(rows) | choice
    return Request("POST", model_path("v1", model) + "/explain", dumps(fields))


def rows_request(model: str, rows: list[dict[str, Any]]) -> Request:
    """Write the request for a prediction of rows by name; JSON alone, too."""
    return Request("POST", model_path("v1", model) + "/predict", dumps({"rows": rows}))


def _json_rows(rows: Rows) -> dict[str, Any]:
    datatype = "UINT8" if rows.dtype == np.uint8 else "FP32"
    return {"inputs": rows.tolist(), "datatype": datatype}


def dumps(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def read_prediction(response: Response) -> Prediction:
    """
    Read the response to `infer_request` into arrays of its own.

    Raises:
        ServiceFailed: If it is not one.
    """
    try:
        size = int(response.headers.get(HEADER_LENGTH, len(response.body)))
        head = json.loads(response.body[:size])
        tensors, offset = {}, size
        for output in head["outputs"]:
            datatype, shape = np.dtype(_STORED[output["datatype"]]), output["shape"]
            if "data" in output:
                numbers = np.array(output["data"], datatype)
            else:
                numbers = np.frombuffer(response.body, datatype, prod(shape), offset).copy()
                offset += numbers.nbytes
            tensors[output["name"]] = numbers.reshape(shape)
        version = int(head["model_version"])
        task = head.get("parameters", {}).get("task", "classification")
        return Prediction(head["model_name"], version, tensors, *_durations_s(response), task)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise _unexpected("a prediction", response, exc) from exc


def read_plain_prediction(response: Response) -> Prediction:
    """
    Read the response to `rows_request`.

    Raises:
        ServiceFailed: If it is not one.
    """
    try:
        fields = json.loads(response.body)
        logits = np.array(fields["outputs"], np.float32)
        tensors = {"logits": logits, "leaf": np.array(fields["leaves"], np.int32)}
        return Prediction(fields["model"], fields["version"], tensors, *_durations_s(response))
    except (ValueError, KeyError, TypeError) as exc:
        raise _unexpected("a prediction", response, exc) from exc


def read_pixel_scale(metadata: dict[str, Any]) -> float | None:
    """Read what a model multiplies pixels by from its description; None if it takes no pixels."""
    inputs = metadata.get("inputs") or [{}]
    scale: float | None = inputs[0].get("parameters", {}).get("uint8_scale")
    return scale


def read_comparison(response: Response) -> Comparison:
    """
    Read the response to `compare_request`.

    Raises:
        ServiceFailed: If it is not one.
    """
    try:
        fields = json.loads(response.body)
        return Comparison(
            _side(fields["fff"]),
            _side(fields["dense"]),
            fields["rows"],
            fields["rounds"],
            fields["agreement"],
            fields["largest_difference"],
            fields["mean_difference"],
            fields["speedup"],
            fields.get("task", "classification"),
            fields.get("targets"),
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise _unexpected("a comparison", response, exc) from exc


def read_object(response: Response) -> dict[str, Any]:
    """
    Read a response that is a JSON object.

    Raises:
        ServiceFailed: If it is not one.
    """
    try:
        return dict(json.loads(response.body))
    except (ValueError, TypeError) as exc:
        raise _unexpected("a JSON object", response, exc) from exc


def _side(fields: dict[str, Any]) -> Side:
    logits = np.array(fields["outputs"], np.float32)
    return Side(
        fields["model"],
        fields["version"],
        logits,
        fields["compute_ms"] * 1e-3,
        fields["flops_per_row"],
        fields["bytes_per_row"],
        fields["accuracy"],
    )


def _durations_s(response: Response) -> tuple[float, float]:
    """Read `queue;dur=0.012, compute;dur=0.480`, in milliseconds."""
    durations_s = {}
    for metric in response.headers.get("server-timing", "").split(","):
        name, _, ms = metric.strip().partition(";dur=")
        durations_s[name] = float(ms) * 1e-3 if ms else nan
    return durations_s.get("queue", nan), durations_s.get("compute", nan)


def _unexpected(expected: str, response: Response, exc: Exception) -> ServiceFailed:
    shown = response.body[:100]
    return ServiceFailed(f"the answer must be {expected}, got {shown!r} ({exc})", response.status)
