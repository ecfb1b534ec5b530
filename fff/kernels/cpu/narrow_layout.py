"""
Weights as the kernel of narrow rows reads them (`walk_ir`, `row_leaf_ir`), and whom it serves.

    node    w [i], b, 1 / |w|, float32, in whole vectors of four; infinity where `w` is 0
    leaf    panels of eight neurons: b1 [8], w1 [i, 8]; b2 [o]; w2 [l, o], with 28 bytes behind
            it that the last vector of outputs reads and drops. float32
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.kernels.cpu.row_leaf_ir import COLUMNS
from fff.kernels.cpu.walk_ir import MAX_INPUTS, record_bytes
from fff.weights import FFFWeights

MAX_LEAF_PRODUCTS = 3_000
"""
Most multiplications of a row's leaf, `l (i + o)`: beyond, tiles of rows that share the weights earn
their sorting back. Over the kernel for wide rows, at 4,096 rows: 3 to 19 times as fast up to 1,000,
1.0 to 5 at 2,900, 0.92 to 1.20 at 4,096, 0.5 to 0.7 at 18,000 (30 networks, one thread, 2-core AMD
EPYC VM, 2026-11-28).
"""

_LINE = 64


def serves(w: FFFWeights, storage: str, node_stats: npt.NDArray[np.float64]) -> bool:
    """
    Whether rows are narrow and leaves small enough; otherwise the kernel for wide rows takes over.

    Args:
        w: The layer.
        storage: Number type of the leaves.
        node_stats: `[2**d - 1, 4]`, float64: see `tables`. An inverse norm that float32 cannot
            hold to full precision, or a number that is not finite, is left to the other kernel.
    """
    inverse_norm, bias = node_stats[:, 2], node_stats[:, 3]
    smallest, largest = np.finfo(np.float32).tiny, np.finfo(np.float32).max
    exact = ((inverse_norm >= smallest) & (inverse_norm <= largest)) | np.isposinf(inverse_norm)
    products = w.leaf_width * (w.input_width + w.output_width)
    return (
        storage == "float32"
        and w.input_width <= MAX_INPUTS
        and products <= MAX_LEAF_PRODUCTS
        and bool((exact & np.isfinite(bias)).all())
    )


def leaf_bytes(w: FFFWeights) -> int:
    """Bytes of a leaf's record."""
    neurons = -(-w.leaf_width // COLUMNS) * COLUMNS  # a single output reads whole vectors of `w2`
    floats = neurons * (w.input_width + 1) + w.output_width * (neurons + 1) + COLUMNS - 1
    return -(-4 * floats // _LINE) * _LINE


def write_leaves(records: Tensor, w: FFFWeights, leaves: slice) -> None:
    """
    Write some of the leaves.

    Args:
        records: `[leaves, leaf_bytes]`, uint8, zeros, written.
        w: The layer.
        leaves: Which of its leaves.
    """
    table, start, height = records.view(torch.float32), 0, w.input_width + 1
    for first in range(0, w.leaf_width, COLUMNS):
        neurons = slice(first, min(first + COLUMNS, w.leaf_width))
        stop = start + COLUMNS * height
        panel = table[:, start:stop].view(-1, height, COLUMNS)
        panel[:, 0, : neurons.stop - first] = w.b1[leaves, neurons]
        panel[:, 1:, : neurons.stop - first] = w.w1[leaves, :, neurons]
        start = stop
    if w.leaf_output_bias:
        table[:, start : start + w.output_width] = w.b2[leaves]
    start += w.output_width
    table[:, start : start + w.leaf_width * w.output_width] = w.w2[leaves].flatten(1)


def node_records(
    nodes: npt.NDArray[np.float32], node_stats: npt.NDArray[np.float64]
) -> npt.NDArray[np.float32]:
    """
    Lay the nodes out.

    Args:
        nodes: Their weights, `[2**d - 1, i]`.
        node_stats: `[2**d - 1, 4]`, float64: see `tables`.

    Returns:
        `[2**d - 1, record_bytes / 4]`.
    """
    inputs = nodes.shape[1]
    records = np.zeros((len(nodes), record_bytes(inputs) // 4), np.float32)
    records[:, :inputs] = nodes
    records[:, inputs], records[:, inputs + 1] = node_stats[:, 3], node_stats[:, 2]
    return records
