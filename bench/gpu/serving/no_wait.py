"""Whether anything in a batch waits for the device before its results are asked for."""

from typing import Any

import torch

from bench.gpu.serving.models import WIDE, rows_for, weights_of
from networks.backends import build_backend

SIZES = (1, 17, 64, 1000)


def enqueue_without_waiting(device: str) -> dict[str, Any]:
    """
    Enqueue batches while torch makes an error of every wait.

    Raises:
        RuntimeError: Torch's, where something waits.
    """
    if device != "cuda":
        return {"skipped": "torch watches waits for CUDA devices alone"}
    from fff.kernels.gpu.backend import TritonGrouped

    backend = build_backend(weights_of(WIDE, 1), torch.device(device), max_rows=max(SIZES))
    assert isinstance(backend, TritonGrouped)
    graphs, rows = backend.graphs, torch.cat(rows_for(WIDE))
    for size in SIZES:
        bucket = graphs.load(rows[:size])
        torch.cuda.set_sync_debug_mode("error")
        try:
            graphs.start(bucket)
        finally:
            torch.cuda.set_sync_debug_mode("default")
        graphs.finish(size, bucket)
    return {"sizes": SIZES}
