"""
What an inference request of the Open Inference Protocol v2 asks for beside its rows.

Covered:      outputs and their form, a timeout, leaf statistics; shared memory and classification
              are refused by name.
Not covered:  the rows (`infer_request`), which outputs a model has (`outputs`).
"""

import time
from math import inf
from typing import Any, NamedTuple

from service.errors import InvalidInput, short_repr
from service.job import Rows
from service.protocol.open_inference import LEAF_STATISTICS, InferRequest, RequestedOutputs
from service.protocol.outputs import TOP, named_outputs
from service.protocol.top_tokens import MOST_TOP


class InferOptions(NamedTuple):
    """
    What is asked for beside the rows.

    Attributes:
        requested: Outputs, their form, and the id.
        timeout_us: 0 for none.
        observed: Whether leaf statistics count the rows.
    """

    requested: RequestedOutputs
    timeout_us: int
    observed: bool

    def of(self, rows: Rows) -> InferRequest:
        """The request for these rows; its time begins to run."""
        deadline_s = time.monotonic() + self.timeout_us * 1e-6 if self.timeout_us else inf
        return InferRequest(rows, self.requested, deadline_s, self.observed)


def read_options(request: dict[str, Any], main: str = "logits") -> InferOptions:
    """
    Read what a request asks for.

    Args:
        request: As parsed from JSON.
        main: The output of a request that names none.

    Raises:
        InvalidInput: Naming the field that is wrong.
    """
    observed = _flag(parameters_of(request, "the request"), LEAF_STATISTICS, True)
    return InferOptions(_requested_outputs(request, main), _timeout_us(request), observed)


def parameters_of(of: dict[str, Any], what: str) -> dict[str, Any]:
    """
    The parameters of a request, a tensor or an output.

    Args:
        of: As parsed from JSON.
        what: What it is called, for errors.

    Raises:
        InvalidInput: They are none, or ask for what is not supported.
    """
    parameters = of.get("parameters")
    if parameters is None:
        return {}
    if not isinstance(parameters, dict):
        raise InvalidInput(f"{what}: parameters must be an object, got {short_repr(parameters)}")
    if "shared_memory_region" in parameters:
        raise InvalidInput(f"{what}: shared memory is not supported; send data")
    if "classification" in parameters:
        raise InvalidInput(f"{what}: classification is not supported; ask for the output class")
    return parameters


def checked_top_k(top_k: object, what: str) -> int:
    """
    Take how many ids a request wants of each place.

    Raises:
        InvalidInput: Another number than 1 to `MOST_TOP`.
    """
    if type(top_k) is not int or not 1 <= top_k <= MOST_TOP:
        raise InvalidInput(
            f"{what} must be a whole number from 1 to {MOST_TOP}, got {short_repr(top_k)}"
        )
    return top_k


def _requested_outputs(request: dict[str, Any], main: str) -> RequestedOutputs:
    request_id = request.get("id")
    if request_id is not None and not isinstance(request_id, str):
        raise InvalidInput(f"id must be text, got {short_repr(request_id)}")
    parameters = parameters_of(request, "the request")
    by_default, top_k = _flag(parameters, "binary_data_output", False), 0
    if "top_k" in parameters:
        top_k = checked_top_k(parameters["top_k"], "parameters.top_k")
    unnamed = TOP if top_k else (main,)
    outputs = request.get("outputs")
    if outputs is None:
        return RequestedOutputs(unnamed, (by_default,) * len(unnamed), request_id, top_k)
    if not isinstance(outputs, list) or not all(isinstance(o, dict) for o in outputs):
        raise InvalidInput("outputs must be a list of objects with a name")
    names = named_outputs([output.get("name") for output in outputs])
    binary = tuple(
        _flag(parameters_of(output, output["name"]), "binary_data", by_default)
        for output in outputs
    )
    if not names:
        names, binary = unnamed, (by_default,) * len(unnamed)
    return RequestedOutputs(names, binary, request_id, top_k)


def _flag(parameters: dict[str, Any], name: str, otherwise: bool) -> bool:
    value = parameters.get(name, otherwise)
    if type(value) is not bool:
        raise InvalidInput(f"parameters.{name} must be true or false, got {short_repr(value)}")
    return value


def _timeout_us(request: dict[str, Any]) -> int:
    timeout = parameters_of(request, "the request").get("timeout", 0)
    if type(timeout) is not int or timeout < 0:
        raise InvalidInput(
            f"parameters.timeout must be microseconds >= 0, got {short_repr(timeout)}"
        )
    return timeout
