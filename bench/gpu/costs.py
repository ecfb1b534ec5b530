"""
How long each side should take: what a rehearsal lets pass in its place.

Meant to be on the slow side: limits are an H100's, and our kernels take half as long again as
`bench.gpu.kernel_times` says.
"""

from dataclasses import replace

from bench.gpu.design import AFTER
from bench.gpu.kernel_times import Kernel, call_s, kernel_s
from bench.gpu.target import Case, Limits, dense_s

H100 = Limits(hbm_bytes_s=2.8e12, flops_16=600e12, flops_tf32=300e12, flops_32=45e12)
_OURS = 1.5  # times the closed form
_NODE_S = 2e-6  # of one small kernel of torch in a graph
_NODES = {"gather_routed": 8, "grouped_mm": 14, "transformers": 40, "moe": 8, "moe2": 14}
_NODES_A_LEVEL = 6  # of a walk in plain torch


def ours_s(case: Case) -> float:
    """One batch by our kernels."""
    return _OURS * call_s(case, H100, AFTER)


def our_kernel_s(kernel: Kernel, case: Case) -> float:
    """One of them."""
    return _OURS * kernel_s(kernel, case, H100, AFTER)


def wide_s(case: Case, tf32: bool = False) -> float:
    """One batch by the dense network of training width."""
    limits = replace(H100, flops_32=H100.flops_tf32) if tf32 else H100
    return 1.3 * dense_s(case, limits) + 2 * _NODE_S


def side_s(name: str, case: Case) -> float:
    """One batch by any side of `bench.gpu.sides`."""
    if name == "ours":
        return ours_s(case)
    if name == "dense_narrow":
        return 3 * _NODE_S + 2 * case.batch * case.outer * 4 / H100.hbm_bytes_s
    if name.startswith("gather"):
        return _gather_s(name, case)
    if name.startswith("moe"):
        router = 2 * case.batch * case.shape.i * (1 << case.shape.d) / H100.flops_32
        return _NODES[name] * _NODE_S + router + (2 if name == "moe2" else 1) * ours_s(case)
    if name in _NODES:
        return _NODES[name] * _NODE_S + 2 * ours_s(case)
    return wide_s(case, tf32=name == "dense_tf32")


def _gather_s(name: str, case: Case) -> float:
    leaves = case.batch * case.element_bytes * case.shape.l * case.outer
    copied = 3 * leaves / H100.hbm_bytes_s
    if name == "gather_routed":
        return _NODES[name] * _NODE_S + copied + ours_s(case)
    nodes = 3 * 4 * case.batch * case.shape.i * case.shape.d / H100.hbm_bytes_s
    return (8 + _NODES_A_LEVEL * case.shape.d) * _NODE_S + nodes + copied
