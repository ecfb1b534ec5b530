"""
The one place that decides device and implementation.

An automatic choice reports what it chose and why; a device or backend requested by name is never
replaced by another.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import torch
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.torch_grouped import TorchDense, TorchGrouped
from fff.weights import FeedForwardWeights, FFFWeights, Weights

BACKENDS = ("auto", "numba", "torch", "triton")
LEAF_DTYPES = ("float32", "bfloat16")
OutputClass = Literal["strict", "fast"]
"""
What a row's logits depend on: `strict`, the row and the model alone, to the last bit; `fast`,
the batch too, within float32 rounding. The leaf never depends on the batch.
"""


class DeviceUnavailable(RuntimeError):
    """A device that was requested by name and is not present."""


class BackendUnavailable(RuntimeError):
    """A backend that was requested by name and cannot run on this machine."""


class Backend(Protocol):
    """A network on a device, ready to compute."""

    @property
    def name(self) -> str:
        """The implementation, a name of `BACKENDS`, for logs, metrics and `/v1/models`."""
        ...

    @property
    def device(self) -> torch.device: ...

    @property
    def dtype(self) -> str:
        """Number type that leaves, or a dense network, are kept in: a name of `LEAF_DTYPES`."""
        ...

    @property
    def output_class(self) -> OutputClass: ...

    @property
    def rechecked_rows(self) -> int:
        """Rows so far whose leaf the float32 screen left in doubt (`fff.decision`)."""
        ...

    def infer(self, x: Tensor) -> InferenceResult:
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
    """
    Where to compute, and why there.

    Attributes:
        torch_device: The device itself.
        reason: Why this one, for the log and `/v1/models`.
    """

    torch_device: torch.device
    reason: str


def choose_device(name: str) -> Device:
    """
    Resolve `auto`, `cpu`, `cuda` or `cuda:N`.

    Raises:
        DeviceUnavailable: If a CUDA device was requested and is not present.
        ValueError: If the name is none of these.
    """
    if name == "auto":
        if torch.cuda.is_available():
            return Device(torch.device("cuda"), "auto: a CUDA device is present")
        return Device(torch.device("cpu"), "auto: no CUDA device is present")
    if name == "cpu":
        return Device(torch.device("cpu"), "asked for by name")
    if name != "cuda" and not (name.startswith("cuda:") and name[5:].isdigit()):
        raise ValueError(f"device must be auto, cpu, cuda or cuda:N; got {name!r}")
    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    device = torch.device(name)
    if (device.index or 0) >= count:
        raise DeviceUnavailable(f"device {name} was asked for; {count} CUDA devices are present")
    return Device(device, "asked for by name")


def build_backend(
    weights: Weights,
    device: torch.device,
    name: str = "auto",
    threads: int = 1,
    leaf_dtype: str = "float32",
) -> Backend:
    """
    Put a network on a device.

    Args:
        weights: A dense network is computed by PyTorch whatever the name: it is the baseline.
        device: Where to compute, as `choose_device` returns it.
        name: A name of `BACKENDS`. `auto` takes the compiled kernel on a CPU and the portable
            one on a GPU, where no kernel of ours has been measured yet.
        threads: Threads of one call, where the backend has threads of its own.
        leaf_dtype: A name of `LEAF_DTYPES`: how an FFF's leaves are kept. Routing is float32.

    Raises:
        BackendUnavailable: If what was requested by name cannot run here.
    """
    _check_names(name, leaf_dtype)
    if isinstance(weights, FeedForwardWeights):
        return TorchDense(weights, device)
    _check_device(name, device)
    # Kernels are imported where they are chosen: each costs something, and a machine may lack them.
    if name == "numba" or (name == "auto" and device.type == "cpu"):
        from fff.kernels.cpu.backend import NumbaGrouped

        return NumbaGrouped(weights, device, threads=threads, storage=leaf_dtype)
    if name == "triton":
        return _triton(weights, device, leaf_dtype)
    if leaf_dtype != "float32":
        raise BackendUnavailable(f"backend torch keeps leaves in float32; {leaf_dtype} asked for")
    return TorchGrouped(weights, device)


def _check_names(name: str, leaf_dtype: str) -> None:
    if name not in BACKENDS:
        raise BackendUnavailable(f"backend must be one of {', '.join(BACKENDS)}; got {name!r}")
    if leaf_dtype not in LEAF_DTYPES:
        known = ", ".join(LEAF_DTYPES)
        raise BackendUnavailable(f"leaves must be kept in one of {known}; got {leaf_dtype!r}")


def _check_device(name: str, device: torch.device) -> None:
    if name == "numba" and device.type != "cpu":
        raise BackendUnavailable(f"backend numba runs on a CPU, not on {device}")
    if name == "triton" and device.type != "cuda":
        raise BackendUnavailable(f"backend triton runs on CUDA devices, not on {device}")


def _triton(weights: FFFWeights, device: torch.device, leaf_dtype: str) -> Backend:
    try:
        from fff.kernels.gpu.backend import TritonGrouped
    except ImportError as exc:
        raise BackendUnavailable(
            "backend triton needs the triton package: pip install 'fff-serve[gpu]'"
        ) from exc
    return TritonGrouped(weights, device, leaf_dtype)
