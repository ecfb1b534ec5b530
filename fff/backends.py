"""
Who computes: the one place that decides device and implementation.

An automatic choice says what it chose and why; something asked for by name is never replaced
by something else.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from fff.kernels.torch_grouped import TorchDense, TorchGrouped
from fff.prediction import Prediction
from fff.weights import FeedForwardWeights, FFFWeights, Weights

BACKENDS = ("auto", "numba", "torch", "triton")
LEAF_DTYPES = ("float32", "bfloat16")
OutputClass = Literal["strict", "fast"]
"""
What a row's logits depend on: `strict`, the row and the model alone, to the last bit; `fast`,
the batch too, within float32 rounding. The leaf never depends on the batch.
"""


class DeviceUnavailable(RuntimeError):
    """A device that was asked for and is not there."""


class BackendUnavailable(RuntimeError):
    """A backend that was asked for and cannot run here."""


class Backend(Protocol):
    """A network on a device, ready to compute."""

    @property
    def name(self) -> str:
        """Which implementation this is, for logs, metrics and `/v1/models`."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> str:
        """In which leaves, or a dense network, are kept: a name of `LEAF_DTYPES`."""
        ...

    @property
    def output_class(self) -> OutputClass: ...

    @property
    def rechecked_rows(self) -> int:
        """Rows so far whose leaf the float32 screen left in doubt (`fff.decision`)."""
        ...

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


def build_backend(
    weights: Weights,
    device: torch.device,
    wanted: str = "auto",
    threads: int = 1,
    leaf_dtype: str = "float32",
) -> Backend:
    """
    Put a network on a device.

    Kernels are imported here and not above: each costs something, and a machine may lack them.

    Args:
        weights: A dense network is computed by PyTorch whatever is wanted: it is the baseline.
        device: From `choose_device`.
        wanted: A name of `BACKENDS`. `auto` takes the compiled kernel on a CPU and the portable
            one on a GPU, where no kernel of ours has been measured yet.
        threads: Of one call, where the backend has threads of its own.
        leaf_dtype: A name of `LEAF_DTYPES`: how an FFF's leaves are kept. Routing is float32.

    Raises:
        BackendUnavailable: If what was asked for by name cannot run here.
    """
    if wanted not in BACKENDS:
        raise BackendUnavailable(f"backend must be one of {', '.join(BACKENDS)}; got {wanted!r}")
    if leaf_dtype not in LEAF_DTYPES:
        known = ", ".join(LEAF_DTYPES)
        raise BackendUnavailable(f"leaves must be kept in one of {known}; got {leaf_dtype!r}")
    if isinstance(weights, FeedForwardWeights):
        return TorchDense(weights, device)
    if wanted == "numba" and device.type != "cpu":
        raise BackendUnavailable(f"backend numba runs on a CPU, not on {device}")
    if wanted == "triton" and device.type != "cuda":
        raise BackendUnavailable(f"backend triton runs on CUDA devices, not on {device}")
    if wanted == "numba" or (wanted == "auto" and device.type == "cpu"):
        from fff.kernels.cpu.backend import NumbaGrouped

        return NumbaGrouped(weights, device, threads=threads, storage=leaf_dtype)
    if wanted == "triton":
        return _triton(weights, device, leaf_dtype)
    if leaf_dtype != "float32":
        raise BackendUnavailable(f"backend torch keeps leaves in float32; {leaf_dtype} asked for")
    return TorchGrouped(weights, device)


def _triton(weights: FFFWeights, device: torch.device, leaf_dtype: str) -> Backend:
    try:
        from fff.kernels.gpu.backend import TritonGrouped
    except ImportError as exc:
        raise BackendUnavailable(
            "backend triton needs the triton package: pip install 'fff-serve[gpu]'"
        ) from exc
    return TritonGrouped(weights, device, leaf_dtype)
