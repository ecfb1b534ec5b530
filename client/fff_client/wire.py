"""
From arrays to requests and from answers to arrays: Open Inference Protocol v2, and where plain
JSON is all there is, `/v1`.

Covered:      the binary tensor extension and JSON, both ways.
Not covered:  connections, retries. Nothing here waits.

Source: open-inference-protocol d49cc23, and Triton's binary tensor extension.
"""

import json
from functools import lru_cache
from math import nan, prod
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import numpy.typing as npt

from fff_client.errors import Reply, ServiceFailed
from fff_client.results import Comparison, Prediction, Side

Rows = npt.NDArray[Any]
DATATYPES = {"u1": "UINT8", "f2": "FP16", "f4": "FP32"}  # by kind and bytes of an item
_STORED = {"FP32": "<f4", "INT32": "<i4", "INT64": "<i8"}
_HEADER_LENGTH = "inference-header-content-length"


class Question(NamedTuple):
    """An HTTP request; the path begins behind the service's URL."""

    method: str
    path: str
    content: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


def rows_of(x: npt.ArrayLike) -> Rows:
    """
    Take what a caller calls rows.

    Args:
        x: `[r, i]`, or one row, `[i]`: float32 and float16 are sent as they are, float64 as
            float32, and uint8 as pixels, which the model scales.

    Returns:
        `[r, i]`, contiguous and little-endian.

    Raises:
        TypeError: Another type of number. Whole numbers might be pixels or not; say which.
        ValueError: Another number of axes.
    """
    rows = np.asarray(x)
    if rows.dtype == np.float64:
        with np.errstate(over="ignore"):  # becomes infinite, which the service refuses
            rows = rows.astype(np.float32)
    if rows.dtype.str[1:] not in DATATYPES:
        raise TypeError(f"x must be uint8, float16, float32 or float64, got {rows.dtype}")
    if rows.ndim == 1:
        rows = rows[None]  # [1, i]
    if rows.ndim != 2:
        raise ValueError(f"x must be [rows, width] or [width], got {list(rows.shape)}")
    return np.ascontiguousarray(rows, rows.dtype.newbyteorder("<"))


def model_path(api: str, name: str) -> str:
    return f"/{api}/models/{quote(name, safe='')}"


def infer_question(
    model: str, version: int | None, rows: Rows, outputs: tuple[str, ...], us: int, binary: bool
) -> Question:
    """
    Ask for a prediction.

    Args:
        model: Its name.
        version: Of the model, or None for what is served.
        rows: From `rows_of`.
        outputs: Names in the protocol.
        us: When the service may give up, in microseconds.
        binary: Whether numbers travel as bytes, both ways.
    """
    path = model_path("v2", model) + ("" if version is None else f"/versions/{version}") + "/infer"
    if not binary:
        return Question("POST", path, _json_body(rows, outputs, us))
    head = _binary_head(rows.shape, DATATYPES[rows.dtype.str[1:]], rows.nbytes, outputs, us)
    return Question("POST", path, b"".join((head, rows.data)), ((_HEADER_LENGTH, str(len(head))),))


@lru_cache(maxsize=1024)
def _binary_head(
    shape: tuple[int, ...], datatype: str, size: int, outputs: tuple[str, ...], us: int
) -> bytes:
    parameters = {"binary_data_size": size}
    tensor = {"name": "input", "shape": shape, "datatype": datatype, "parameters": parameters}
    return _asked(tensor, outputs, {"timeout": us, "binary_data_output": True})


def _json_body(rows: Rows, outputs: tuple[str, ...], us: int) -> bytes:
    if rows.dtype == np.float16:  # has no JSON form, and fits float32 exactly
        rows = rows.astype(np.float32)
    datatype = DATATYPES[rows.dtype.str[1:]]
    tensor = {"name": "input", "shape": rows.shape, "datatype": datatype, "data": rows.tolist()}
    return _asked(tensor, outputs, {"timeout": us})


def _asked(tensor: dict[str, Any], outputs: tuple[str, ...], parameters: dict[str, Any]) -> bytes:
    wanted = [{"name": name} for name in outputs]
    return _dumps({"inputs": [tensor], "outputs": wanted, "parameters": parameters})


def compare_question(model: str, rows: Rows, labels: npt.ArrayLike | None) -> Question:
    """Ask for a comparison; this path takes JSON alone."""
    asked = {"model": model} | _plain(rows)
    if labels is not None:
        asked["labels"] = np.asarray(labels).tolist()
    return Question("POST", "/v1/compare", _dumps(asked))


def explain_question(model: str, rows: Rows) -> Question:
    """Ask for rows' paths; JSON alone, too."""
    return Question("POST", model_path("v1", model) + "/explain", _dumps(_plain(rows)))


def _plain(rows: Rows) -> dict[str, Any]:
    datatype = "UINT8" if rows.dtype == np.uint8 else "FP32"
    return {"inputs": rows.tolist(), "datatype": datatype}


def _dumps(content: dict[str, Any]) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def read_prediction(reply: Reply) -> Prediction:
    """
    Read the answer to `infer_question`, its arrays the caller's own.

    Raises:
        ServiceFailed: If it is none.
    """
    try:
        size = int(reply.headers.get(_HEADER_LENGTH, len(reply.body)))
        head = json.loads(reply.body[:size])
        tensors, at = {}, size
        for output in head["outputs"]:
            datatype, shape = np.dtype(_STORED[output["datatype"]]), output["shape"]
            if "data" in output:
                numbers = np.array(output["data"], datatype)
            else:
                numbers = np.frombuffer(reply.body, datatype, prod(shape), at).copy()
                at += numbers.nbytes
            tensors[output["name"]] = numbers.reshape(shape)
        version = int(head["model_version"])
        return Prediction(head["model_name"], version, tensors, *_durations_s(reply))
    except (ValueError, KeyError, TypeError) as exc:
        raise _not_an_answer("a prediction", reply, exc) from exc


def read_comparison(reply: Reply) -> Comparison:
    """
    Read the answer to `compare_question`.

    Raises:
        ServiceFailed: If it is none.
    """
    try:
        said = json.loads(reply.body)
        return Comparison(
            _side(said["fff"]),
            _side(said["dense"]),
            said["rows"],
            said["rounds"],
            said["agreement"],
            said["largest_difference"],
            said["mean_difference"],
            said["speedup"],
        )
    except (ValueError, KeyError, TypeError) as exc:
        raise _not_an_answer("a comparison", reply, exc) from exc


def read_object(reply: Reply) -> dict[str, Any]:
    """
    Read a description.

    Raises:
        ServiceFailed: If it is none.
    """
    try:
        return dict(json.loads(reply.body))
    except (ValueError, TypeError) as exc:
        raise _not_an_answer("a JSON object", reply, exc) from exc


def _side(said: dict[str, Any]) -> Side:
    logits = np.array(said["outputs"], np.float32)
    return Side(
        said["model"],
        said["version"],
        logits,
        said["compute_ms"] * 1e-3,
        said["flops_per_row"],
        said["bytes_per_row"],
        said["accuracy"],
    )


def _durations_s(reply: Reply) -> tuple[float, float]:
    """Read `queue;dur=0.012, compute;dur=0.480`, in milliseconds."""
    said = {}
    for metric in reply.headers.get("server-timing", "").split(","):
        name, _, ms = metric.strip().partition(";dur=")
        said[name] = float(ms) * 1e-3 if ms else nan
    return said.get("queue", nan), said.get("compute", nan)


def _not_an_answer(expected: str, reply: Reply, exc: Exception) -> ServiceFailed:
    shown = reply.body[:100]
    return ServiceFailed(f"the answer must be {expected}, got {shown!r} ({exc})", reply.status)
