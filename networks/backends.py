"""
The one place that decides how a network of any kind is computed: of blocks, or of one layer.

What is automatic and what is asked for by name: `fff.backends`, which decides for each layer.
"""

from functools import partial

import torch

from fff.backends import Backend, Choice
from fff.backends import build_backend as build_layer
from fff.backends import choose_backend as choose_for_layer
from networks.backend import NetworkBackend
from networks.weights import AnyWeights, NetworkWeights


def choose_backend(weights: AnyWeights, device: torch.device, name: str = "auto") -> Choice:
    """
    Resolve `auto` for a network on a device; of blocks, for its layers that route.

    Raises:
        BackendUnavailable: If what was requested by name does not run on such a device.
    """
    if not isinstance(weights, NetworkWeights):
        return choose_for_layer(weights, device, name)
    if not weights.layers:
        return Choice("torch", "a network without layers that route: PyTorch's own kernels")
    return choose_for_layer(weights.layer(weights.layers[0].name), device, name)


def build_backend(
    weights: AnyWeights,
    device: torch.device,
    name: str = "auto",
    threads: int = 1,
    leaf_dtype: str = "float32",
    max_rows: int = 4096,
    strict: bool = False,
) -> Backend:
    """
    Put a network on a device.

    Args:
        weights: Of any kind.
        device: Where to compute, as `fff.backends.choose_device` returns it.
        name: A name of `fff.backends.BACKENDS`, for the layers that route.
        threads: Threads of one call, where the backend has threads of its own.
        leaf_dtype: A name of `fff.backends.LEAF_DTYPES`: how leaves are kept.
        max_rows: Most rows that will be computed together, for memory that is set aside.
        strict: Whether the dense parts of blocks are computed example by example.

    Raises:
        BackendUnavailable: If what was requested cannot run here.
        OutOfMemoryError: Torch's, if the device has not memory enough.
    """
    build = partial(
        build_layer,
        device=device,
        name=name,
        threads=threads,
        leaf_dtype=leaf_dtype,
        max_rows=max_rows,
    )
    if not isinstance(weights, NetworkWeights):
        return build(weights)
    # There the rows of a layer are on the device already, and a backend of its own takes them off.
    on_device = device.type == "cuda" and choose_backend(weights, device, name).name == "triton"
    return NetworkBackend(weights, device, None if on_device else build, strict)
