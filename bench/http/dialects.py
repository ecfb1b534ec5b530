"""How each framework is asked: the bench's own bodies, written again, and its answers read."""

import json
from collections.abc import Callable, Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from bench.http.bodies import JSON, OCTETS, Body, Form

Write = Callable[[Form, Body], Body]

OUTPUTS = 10  # of the bench's model
_BOUNDARY = "rows-of-the-bench"
_BEFORE = (
    f"--{_BOUNDARY}\r\n"
    'Content-Disposition: form-data; name="rows"; filename="rows"\r\n'
    f"Content-Type: {OCTETS}\r\n\r\n"
).encode()
_AFTER = f"\r\n--{_BOUNDARY}--\r\n".encode()


def bytes_body(form: Form, body: Body) -> Body:
    """Write JSON as it is, and binary rows as nothing but their bytes."""
    if form == "json":
        return body
    rows = body.content[body.header_length :]
    return replace(body, content=rows, header_length=0, content_type=OCTETS)


def form_body(form: Form, body: Body) -> Body:
    """Write JSON as it is, and binary rows as the file `rows` of a multipart form."""
    if form == "json":
        return body
    content = _BEFORE + bytes_body(form, body).content + _AFTER
    content_type = f"multipart/form-data;boundary={_BOUNDARY}"
    return replace(body, content=content, header_length=0, content_type=content_type)


def v2_body(form: Form, body: Body) -> Body:
    """Write JSON as a tensor of the Open Inference Protocol; numbers flat, for MLServer."""
    rows = json.loads(body.content)["inputs"]
    flat = [number for row in rows for number in row]
    shape = [len(rows), len(rows[0])]
    tensor = {"name": "input", "shape": shape, "datatype": "FP32", "data": flat}
    return replace(body, content=json.dumps({"inputs": [tensor]}).encode(), content_type=JSON)


def read_plain(form: Form, content: bytes, headers: Mapping[str, str]) -> Tensor:
    """Read `{"outputs": [[…]]}`, `[[…]]` or bytes as logits, `[r, o]`; errors as `read_answer`."""
    if form == "binary":
        return torch.from_numpy(np.frombuffer(content, "<f4").copy().reshape(-1, OUTPUTS))
    answer = json.loads(content)
    return torch.tensor(answer["outputs"] if isinstance(answer, dict) else answer)


def read_v2(form: Form, content: bytes, headers: Mapping[str, str]) -> Tensor:
    """Read a tensor of the Open Inference Protocol in JSON as logits, `[r, o]`."""
    (output,) = json.loads(content)["outputs"]
    return torch.tensor(output["data"]).reshape(output["shape"])
