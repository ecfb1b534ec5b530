"""
The one place that decides device and implementation.

An automatic choice reports what it chose and why; a device or backend requested by name is never
replaced by another.
"""

from dataclasses import dataclass
from threading import Lock

import torch

from fff.backend_protocol import Backend as Backend
from fff.backend_protocol import BetaBackend as BetaBackend
from fff.backend_protocol import OutputClass as OutputClass
from fff.beta_weights import FFFBetaWeights
from fff.errors import BackendUnavailable, DeviceUnavailable
from fff.extras import needs_extra
from fff.kernels.choose_beta import build_beta as build_beta
from fff.kernels.torch_dense import TorchDense
from fff.kernels.torch_grouped import TorchGrouped
from fff.kernels.torch_mixture import TorchMixture
from fff.mixture import MixtureWeights
from fff.names import KIND_NAMES
from fff.weights import FFFWeights, Weights

BACKENDS = ("auto", "numba", "torch", "triton")
LEAF_DTYPES = ("float32", "bfloat16")
Layer = Weights | FFFBetaWeights
"""What a backend computes: a network that a store may hold, or an FFF-beta inside of one."""


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


@dataclass(frozen=True, slots=True)
class Choice:
    """
    Who computes.

    Attributes:
        name: A name of `BACKENDS`, `auto` resolved.
        reason: Why this one, for the log and `/v1/models`.
    """

    name: str
    reason: str


def choose_backend(weights: Layer, device: torch.device, name: str = "auto") -> Choice:
    """
    Resolve `auto` for a network on a device.

    Raises:
        BackendUnavailable: If what was requested by name does not run on such a device.
    """
    if name not in BACKENDS:
        raise BackendUnavailable(f"backend must be one of {', '.join(BACKENDS)}; got {name!r}")
    # Of a mixture, processors alone have a kernel of ours: that of the leaves.
    ours = isinstance(weights, MixtureWeights) and device.type == "cpu"
    if not ours and not isinstance(weights, FFFWeights | FFFBetaWeights):
        what = KIND_NAMES[weights.kind]
        return Choice("torch", f"{what} is the baseline: PyTorch's own kernels")
    if name == "auto" and device.type == "cuda":
        return Choice("triton", "auto: the kernels for CUDA devices")
    if name == "auto":
        return Choice("numba", "auto: the compiled kernel for processors")
    if name == "numba" and device.type != "cpu":
        raise BackendUnavailable(f"backend numba runs on a CPU, not on {device}")
    if name == "triton" and device.type != "cuda":
        raise BackendUnavailable(f"backend triton runs on CUDA devices, not on {device}")
    return Choice(name, "asked for by name")


def build_backend(
    weights: Layer,
    device: torch.device,
    name: str = "auto",
    threads: int = 1,
    leaf_dtype: str = "float32",
    max_rows: int = 4096,
) -> Backend:
    """
    Put a network on a device.

    Args:
        weights: Of any kind. Where we have no kernel for it, PyTorch computes it whatever the name.
        device: Where to compute, as `choose_device` returns it.
        name: A name of `BACKENDS`; `auto` as `choose_backend` resolves it.
        threads: Threads of one call, where the backend has threads of its own.
        leaf_dtype: A name of `LEAF_DTYPES`: how leaves, or experts by `numba`, are kept. Routing is
            float32.
        max_rows: Most rows that will be computed together, for memory that is set aside.

    Raises:
        BackendUnavailable: If what was requested cannot run here.
        OutOfMemoryError: Torch's, if the device has not memory enough.
    """
    if leaf_dtype not in LEAF_DTYPES:
        known = ", ".join(LEAF_DTYPES)
        raise BackendUnavailable(f"leaves must be kept in one of {known}; got {leaf_dtype!r}")
    choice = choose_backend(weights, device, name)
    if device.type == "cuda":
        return _on_gpu(weights, device, choice.name, leaf_dtype, max_rows)
    if isinstance(weights, FFFBetaWeights):
        return build_beta(weights, device, choice.name, threads, leaf_dtype)
    # Kernels are imported where they are chosen: each costs something, and a machine may lack them.
    if choice.name == "numba" and isinstance(weights, FFFWeights | MixtureWeights):
        from fff.kernels.compiled_mixture import compiled

        return compiled(weights, device, threads, leaf_dtype)
    return _portable(weights, device, leaf_dtype)


_GPU_LOADS = Lock()
"""Loads on GPUs take turns: of all captures of CUDA graphs in a process one may go on at a time."""


def _on_gpu(
    weights: Layer, device: torch.device, name: str, leaf_dtype: str, max_rows: int
) -> Backend:
    try:
        with _GPU_LOADS:
            if isinstance(weights, FFFBetaWeights):
                return build_beta(weights, device, name, 1, leaf_dtype)
            if isinstance(weights, FFFWeights) and name == "triton":
                return _triton(weights, device, leaf_dtype, max_rows)
            if isinstance(weights, FFFWeights | MixtureWeights):
                return _portable(weights, device, leaf_dtype)
            from fff.kernels.gpu.dense import GraphedDense

            return GraphedDense(weights, device, max_rows)
    except (BackendUnavailable, torch.OutOfMemoryError, MemoryError):
        raise
    except Exception as exc:  # of a compiler, a linker, a driver: all kinds
        raise BackendUnavailable(
            f"backend {name} cannot be made ready on {device}: {type(exc).__name__}"
        ) from exc


def _portable(weights: Weights, device: torch.device, leaf_dtype: str) -> Backend:
    if isinstance(weights, MixtureWeights):
        return TorchMixture(weights, device)
    if not isinstance(weights, FFFWeights):
        return TorchDense(weights, device)
    if leaf_dtype != "float32":
        raise BackendUnavailable(f"backend torch keeps leaves in float32; {leaf_dtype} asked for")
    return TorchGrouped(weights, device)


def _triton(weights: FFFWeights, device: torch.device, leaf_dtype: str, max_rows: int) -> Backend:
    try:
        from fff.kernels.gpu.backend import TritonGrouped
    except ImportError as exc:
        raise BackendUnavailable(needs_extra("backend triton", "gpu")) from exc
    return TritonGrouped(weights, device, leaf_dtype, max_rows)
