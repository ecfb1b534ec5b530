"""A GPU where there is none: the query for devices is answered, and the CPU computes."""

from typing import Any

import pytest
import torch

from fff.backends import Backend
from fff.errors import DeviceLost
from fff.inference_result import InferenceResult
from fff.weights import Weights
from networks.backends import build_backend
from service.engine import loading

DEADLY = 13.5
"""A row that begins with it: the device is lost."""
LOSS = "cuda failed: CUDA error: an illegal memory access was encountered"


class StandIn:
    """A backend that says it is on a GPU."""

    device = torch.device("cuda")

    def __init__(self, real: Backend):
        self._real = real
        self.batches: list[int] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._real, name)

    def infer(self, x: torch.Tensor) -> InferenceResult:
        self.batches.append(len(x))
        if (x[:, 0] == DEADLY).any():
            raise DeviceLost(LOSS)
        return self._real.infer(x)


def build(weights: Weights, device: torch.device, name: str, *more: Any) -> Backend:
    """As `build_backend`, for a GPU."""
    assert device.type == "cuda"
    return StandIn(build_backend(weights, torch.device("cpu"), "auto", *more))


def pretend(patch: pytest.MonkeyPatch) -> None:
    """Answer that there is one GPU; nothing can be put on it."""
    patch.setattr(torch.cuda, "is_available", lambda: True)
    patch.setattr(torch.cuda, "device_count", lambda: 1)


def install(patch: pytest.MonkeyPatch) -> None:
    """Answer that there is one GPU, and let a stand-in compute what is put on it."""
    pretend(patch)
    patch.setattr(loading, "build_backend", build)
