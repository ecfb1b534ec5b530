"""
BentoML: a service process under a supervisor, batching by what it learnt of the latency.

It answers the rows themselves, `[[…]]`: a batchable method returns one array. No binary form: an
array travels as JSON, and pickle is refused from outside.

Without batches it answers most: its window is learnt from the load before, and holds a lone client
back long after. Tried, in requests a second at one connection / at 64 over those of the third line
(medians of 3 rounds of 1 s, AMD EPYC, 2 cores kept busy by others, 2026-11-25; at one connection
the least and the greatest are up to twenty times apart, for the window is sometimes unlearnt):

    batches, latency goal, workers   1 row, JSON    64 rows, JSON   geometric mean
    no, -, 2                         18.05 / 1.27   12.05 / 1.32    4.37: chosen
    no, -, 1                         28.70 / 0.85   10.17 / 0.99    3.96
    yes, 60 s (its default), 1       1              1               1
    yes, 100 ms, 1                    6.07 / 1.71    6.77 / 1.01    2.90
    yes, 60 s, 2                      1.51 / 2.37    1.46 / 1.40    1.64

All with uvloop and httptools, which it takes where they are installed.
"""

from typing import Annotated

import bentoml
import numpy as np
from bentoml.validators import DType, Shape

from bench.peers.computing import load_compute
from bench.peers.settings import own_settings

MAX_ROWS = 4096  # in a batch: the bench's heaviest load
Rows = Annotated[np.ndarray, DType("float32"), Shape((-1, 784))]
Logits = Annotated[np.ndarray, DType("float32"), Shape((-1, 10))]

_SETTINGS = own_settings()
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
