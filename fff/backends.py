"""
Who computes: the one place that decides device and implementation.

An automatic choice says what it chose and why; something asked for by name is never replaced
by something else.
"""

from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from fff.kernels.torch_grouped import TorchDense, TorchGrouped
from fff.prediction import Prediction
from fff.weights import FeedForwardWeights, Weights


class DeviceUnavailable(RuntimeError):
    """A device that was asked for and is not there."""


class Backend(Protocol):
    """A network on a device, ready to compute."""

    @property
    def name(self) -> str:
        """Which implementation this is, for logs, metrics and `/v1/models`."""
        ...

    @property
    def device(self) -> torch.device: ...

    def infer(self, x: Tensor) -> Prediction:
        """
        Compute a batch.

        Args:
            x: `[n, i]`, float32, on the CPU; any `n`, 0 included.

        Returns:
            The prediction for the same rows in the same order, on the CPU.
        """
        ...


@dataclass(frozen=True, slots=True)
class Device:
    """Where to compute, and why there."""

    torch_device: torch.device
    reason: str


def choose_device(wanted: str) -> Device:
    """
    Resolve `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        DeviceUnavailable: If a CUDA device was asked for and is not there.
        ValueError: If `wanted` is none of these.
    """
    if wanted == "auto":
        if torch.cuda.is_available():
            return Device(torch.device("cuda"), "auto: a CUDA device is present")
        return Device(torch.device("cpu"), "auto: no CUDA device is present")
    if wanted == "cpu":
        return Device(torch.device("cpu"), "asked for by name")
    if wanted != "cuda" and not (wanted.startswith("cuda:") and wanted[5:].isdigit()):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N; got {wanted!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(wanted)
    if (device.index or 0) >= count:
        raise DeviceUnavailable(f"device {wanted} was asked for; {count} CUDA devices are present")
    return Device(device, "asked for by name")


def build_backend(weights: Weights, device: torch.device) -> Backend:
    """Put a network on a device."""
    if isinstance(weights, FeedForwardWeights):
        return TorchDense(weights, device)
    return TorchGrouped(weights, device)
