"""
BentoML: a service process under a supervisor, batching by what it learnt of the latency.

It answers the rows themselves, `[[…]]`: a batchable method returns one array. No binary form: an
array travels as JSON, and pickle is refused from outside.

The window is its own to learn; the defaults of its latency goal were kept, nothing else was tried.
"""

from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType, Shape

from bench.peers.computing import load_compute
from bench.peers.settings import asked

MAX_ROWS = 4096  # in a batch: the bench's heaviest load
Rows = Annotated[np.ndarray, DType("float32"), Shape((-1, 784))]
Logits = Annotated[np.ndarray, DType("float32"), Shape((-1, 10))]

_SETTINGS = asked("bentoml")
_BATCHING = {
    "batch_dim": 0,
    "max_batch_size": MAX_ROWS,
    "max_latency_ms": _SETTINGS["max_latency_ms"],
}


@bentoml.service(workers=_SETTINGS["workers"], traffic={"timeout": 60}, metrics={"enabled": False})
class Network:
    """`{"inputs": [[…]]}` to `[[…]]`."""

    def __init__(self) -> None:
        self._compute = load_compute()

    @bentoml.api(batchable=_SETTINGS["batchable"], **_BATCHING)
    def predict(self, inputs: Rows) -> Logits:
        return self._compute(np.ascontiguousarray(inputs))
