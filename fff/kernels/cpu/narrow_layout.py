"""
Narrow rows' weights as `walk_ir` and `row_leaf_ir` read them.

    node    w [i], b, 1 / |w|, float32, in whole vectors of four; infinity where `w` is 0
    leaf    panels of eight neurons: b1 [8], w1 [i, 8]; then b2 [o], w2 [l, o], and 28 bytes more,
            which the last vector of outputs reads and drops; float32
"""

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from fff.kernels.cpu.row_leaf_ir import COLUMNS
from fff.kernels.cpu.walk_ir import MAX_INPUTS, record_bytes
from fff.weights import FFFWeights

_ALIGNED = 16


def serves(w: FFFWeights, storage: str) -> bool:
    return storage == "float32" and w.input_width <= MAX_INPUTS


def leaf_bytes(w: FFFWeights) -> int:
    padded = -(-w.leaf_width // COLUMNS) * COLUMNS
    floats = padded * (w.input_width + 1) + w.output_width
    floats += padded if w.output_width == 1 else w.leaf_width * w.output_width
    return -(-4 * (floats + COLUMNS - 1) // _ALIGNED) * _ALIGNED if w.output_width > 1 else -(-4 * floats // _ALIGNED) * _ALIGNED


def write_leaves(records: Tensor, w: FFFWeights, leaves: slice) -> None:
    i, l, o = w.input_width, w.leaf_width, w.output_width  # noqa: E741
    table = records.view(torch.float32)  # [leaves, floats]
    start = 0
    for first in range(0, l, COLUMNS):
        last = min(first + COLUMNS, l)
        panel = table[:, start : start + COLUMNS * (i + 1)].view(-1, i + 1, COLUMNS)
        panel[:, 0, : last - first] = w.b1[leaves, first:last]
        panel[:, 1:, : last - first] = w.w1[leaves, :, first:last]
        start += COLUMNS * (i + 1)
    if w.leaf_output_bias:
        table[:, start : start + o] = w.b2[leaves]
    start += o
    table[:, start : start + l * o] = w.w2[leaves].flatten(1)


def node_records(w: FFFWeights, inverse_norm: npt.NDArray[np.float64]) -> npt.NDArray[np.float32]:
    i = w.input_width
    out = np.zeros((w.leaves - 1, record_bytes(i) // 4), np.float32)
    out[:, :i] = w.node_weight.numpy()
    out[:, i] = w.node_bias.numpy()
    out[:, i + 1] = inverse_norm
    return out
