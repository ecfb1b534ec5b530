"""
What every adapter computes: the bench's model on the service's own kernel, requests together.

Runs inside a framework's environment, which has torch, numba and safetensors and none of ours but
this source: nothing here may import more of the bench than `bench.peers.settings`.

Covered:      finding the model; batches of requests that differ in their number of rows.
Not covered:  checks of the input, as in every other server of the bench.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch

from bench.peers.settings import MODEL, PORT, STORE
from model_store.store import Store
from networks.backends import build_backend

Array = npt.NDArray[np.float32]
Compute = Callable[[Array], Array]  # `[n, i]` to `[n, o]`


def load_compute() -> Compute:
    """Load the model that the environment names, on one thread as in the other servers."""
    torch.set_num_threads(1)
    weights = Store(Path(os.environ[STORE])).load(os.environ[MODEL]).weights
    backend = build_backend(weights, torch.device("cpu"))

    def compute(x: Array) -> Array:
        y: Array = backend.infer(torch.from_numpy(x)).logits.numpy()
        return y

    compute(np.zeros((1, weights.input_width), np.float32))  # compiles, or reads what was compiled
    return compute


def port() -> int:
    """Where the environment says to listen, on loopback."""
    return int(os.environ[PORT])


def compute_together(parts: Sequence[Array], compute: Compute) -> list[Array]:
    """
    Compute requests, `[r, i]` each with an `r` of its own, in one call.

    Returns:
        `[r, o]` for each, in their order.
    """
    if len(parts) == 1:
        return [compute(parts[0])]
    ends = np.cumsum([len(part) for part in parts])[:-1]
    return np.split(compute(np.concatenate(parts)), ends)


def rows_of(raw: bytes, width: int) -> Array:
    """Read float32 rows, `[r, width]`; writable, as torch wants them."""
    return np.frombuffer(bytearray(raw), "<f4").reshape(-1, width)
