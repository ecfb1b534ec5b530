"""
What a client must know of the service: which models there are, how to ask, what an answer is.

Standard library alone: the load generator's container holds locust and nothing of ours.
"""

import json
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

from loadtest.harness.errors import LoadTestError

# No proxies: what is loaded is on this machine or in this compose network.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TIMEOUT_S = 10
BODIES = 256  # different requests; enough that no cache on the way sees one twice soon
BODY_PIXELS = 4_000_000  # in all bodies together: tens of MB of JSON at most


@dataclass(frozen=True, slots=True)
class Pair:
    """An FFF and the dense network it is compared with, by their served names."""

    fff: str
    dense: str


def get(url: str) -> bytes:
    """
    Fetch a page.

    Raises:
        LoadTestError: If the service is not there or answers with an error.
    """
    try:
        with _opener.open(url, timeout=TIMEOUT_S) as response:
            page: bytes = response.read()
            return page
    except urllib.error.HTTPError as exc:
        raise LoadTestError(f"{url} answered {exc.code}: {exc.read(200)!r}") from None
    except (OSError, ValueError) as exc:
        raise LoadTestError(f"{url} could not be reached: {exc}") from None


def served_pair(url: str, fff_name: str) -> Pair:
    """
    Ask the service which FFF and which dense network to load.

    Args:
        url: Of the service, scheme, host and port.
        fff_name: The FFF's name, or empty for the first one whose baseline is served too.

    Raises:
        LoadTestError: Naming what is served.
    """
    return choose_pair(json.loads(get(f"{url}/v1/models"))["models"], fff_name)


def choose_pair(models: list[dict[str, Any]], fff_name: str) -> Pair:
    """Choose from the list of `/v1/models`; arguments and errors as `served_pair`."""
    names = [model["name"] for model in models]
    for model in models:
        baseline = model["manifest"].get("baseline")
        if model["kind"] == "fff" and baseline in names and fff_name in ("", model["name"]):
            return Pair(model["name"], baseline)
    model_text = f"model {fff_name!r}" if fff_name else "a model"
    raise LoadTestError(
        f"{model_text} with its baseline must be served to compare them; "
        f"served: {', '.join(names) or 'nothing'}"
    )


def infer_path(model: str) -> str:
    """Path of a model's inferences, Open Inference Protocol v2."""
    return f"/v2/models/{model}/infer"


def infer_bodies(images: list[bytes], rows: int) -> list[str]:
    """
    Write requests of raw pixels, each of `rows` images in turn, all different if they can be.

    Done before any load, so that the generator's own work is little more than sending.
    """
    count = max(1, min(BODIES, BODY_PIXELS // (rows * len(images[0]))))
    starts = range(0, count * rows, rows)
    return [_body([images[(start + k) % len(images)] for k in range(rows)]) for start in starts]


def _body(images: list[bytes]) -> str:
    tensor = {
        "name": "input",
        "shape": [len(images), len(images[0])],
        "datatype": "UINT8",
        "data": list(b"".join(images)),
    }
    return json.dumps({"inputs": [tensor]}, separators=(",", ":"))


def fault(status: int, body: bytes | None, rows: int) -> str | None:
    """Say what is wrong with an answer to `rows` rows, or None if nothing is."""
    if status != 200:
        return f"status {status}: {_error_text(body)}"
    try:
        answered = json.loads(body or b"")["outputs"][0]["shape"][0]
    except (ValueError, LookupError, TypeError):
        return "the answer is not an inference response"
    return None if answered == rows else f"asked for {rows} rows, got {answered}"


def _error_text(body: bytes | None) -> str:
    try:
        return str(json.loads(body or b"")["error"])
    except (ValueError, LookupError, TypeError):
        return "an answer without an error text" if body else "no answer"
