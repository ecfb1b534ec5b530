"""Builds the backend of an FFF-beta: `fff.backends` chooses which."""

import torch

from fff.backend_protocol import BetaBackend
from fff.beta_weights import FFFBetaWeights
from fff.errors import BackendUnavailable
from fff.extras import needs_extra
from fff.kernels.torch_beta import TorchBeta


def build_beta(
    weights: FFFBetaWeights, device: torch.device, name: str, threads: int, dtype: str
) -> BetaBackend:
    """
    Put an FFF-beta on a device.

    Args:
        weights: The layer's.
        device: Where to compute.
        name: `numba`, `torch` or `triton`, which runs on this device.
        threads: Threads of one call, where the backend has threads of its own.
        dtype: Number type of the weights: `float32`.

    Raises:
        BackendUnavailable: If the type is another, the kernel's package is not installed, or the
            kernel does not take the layer.
    """
    if dtype != "float32":
        raise BackendUnavailable(f"an FFF-beta is kept in float32; {dtype} asked for")
    try:
        # Kernels are imported where they are chosen: each costs something.
        if name == "numba":
            from fff.kernels.cpu.beta import NumbaBeta

            return NumbaBeta(weights, device, threads=threads)
        if name == "triton":
            from fff.kernels.gpu.beta import TritonBeta

            return TritonBeta(weights, device)
    except ImportError as exc:
        needs = f"the kernel for processors needs numba: {exc}"
        if name == "triton":
            needs = needs_extra("backend triton", "gpu")
        raise BackendUnavailable(needs) from exc
    except ValueError as exc:
        raise BackendUnavailable(str(exc)) from exc
    return TorchBeta(weights, device)
