"""
A layer packed for the kernel of the device that its rows are on: rows in, results there too.

`fff.backends` is for a service, whose rows come from the network and whose answers leave by it.
Here both are tensors of somebody's own model: no copy to the host, no wait for the device.

Covered:      Numba on a CPU, Triton on a CUDA device, and plain PyTorch elsewhere or where those
              are missing, with a warning; float64, which no kernel computes, as the reference.
Not covered:  the master leaf, which a module computes itself, with gradients.
"""

import warnings
from collections.abc import Callable

import torch
from torch import Tensor

from fff.backends import Backend, build_backend
from fff.extras import needs_extra
from fff.reference import route
from fff.taken_leaves import Leaves
from fff.weights import FFFWeights

Descent = tuple[Tensor, Tensor, Tensor]
"""
Logits, `[n, o]`, float32 or float64; leaf, `[n]`, int32; margin, `[n]`, float32. Memory of its own.
"""

Descend = Callable[[Tensor], Descent]
"""A packed layer: rows on its device, `[n, i]`, of any float dtype, to results there."""


def resident(weights: FFFWeights, device: torch.device, threads: int, leaf_dtype: str) -> Descend:
    """
    Pack a layer for a device.

    Args:
        weights: Without a master leaf, on the device; float64 stays float64.
        device: Where rows come from and answers go.
        threads: Most threads of one call, on a CPU.
        leaf_dtype: How leaves are kept by a kernel, a name of `fff.backends.LEAF_DTYPES`.

    Raises:
        BackendUnavailable: If the device's kernel cannot take the layer.
    """
    if weights.w1.dtype == torch.float64:
        return _by_reference(weights)
    if device.type == "cuda":
        try:
            from fff.kernels.gpu.resident import TritonResident
        except ImportError:
            return _portable(weights, device, needs_extra("the kernel for CUDA devices", "gpu"))
        return TritonResident(weights, device, leaf_dtype)
    if device.type == "cpu":
        try:
            backend = build_backend(weights, device, "numba", threads, leaf_dtype)
        except ImportError as exc:
            return _portable(weights, device, f"the kernel for processors needs numba: {exc}")
        return _brought_back(backend, device)
    return _portable(weights, device, f"there is no kernel for devices of type {device.type}")


def _portable(weights: FFFWeights, device: torch.device, reason: str) -> Descend:
    warnings.warn(f"an FFF layer is computed by plain PyTorch, slower: {reason}", stacklevel=2)
    return _brought_back(build_backend(weights, device, "torch"), device)


def _brought_back(backend: Backend, device: torch.device) -> Descend:
    def descend(x: Tensor) -> Descent:
        result = backend.infer(x.float())
        parts = (result.logits, result.leaf[:, 0], result.margin[:, 0])
        # Backends are made for inference mode, whose tensors autograd does not take.
        if result.logits.is_inference() and not torch.is_inference_mode_enabled():
            parts = (parts[0].clone(), parts[1].clone(), parts[2].clone())
        if device.type != "cpu":
            parts = (parts[0].to(device), parts[1].to(device), parts[2].to(device))
        return parts

    return descend


def _by_reference(weights: FFFWeights) -> Descend:
    w = weights
    leaves = Leaves(w.w1, w.b1, w.w2, w.output_bias, w.activation)

    def descend(x: Tensor) -> Descent:
        leaf, margin = route(x, w)
        return leaves.forward(x.to(w.w1.dtype), leaf), leaf.int(), margin.float()

    return descend
