"""
What a batch cannot be faster than: its FLOPs at sgemm's rate, its bytes at the reader's.

The bytes are of the leaves and nodes that this batch meets, each once, and of its rows and
outputs. They are read in the run itself, at the places and in the order in which the batches
meet them, so that a hot leaf counts as hot and a model larger than the cache as larger.

Shape letters: see `fff.weights`.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from bench.memory_read import STEP, Pieces
from fff.kernels.cpu.layout import round_up
from fff.weights import FFFWeights

_FLOAT_BYTES = 4
_LEAST_READ_BYTES = 64 << 20  # 0.5 ms from L2 at 130 GB/s, long beside the start of a thread


@dataclass(frozen=True, slots=True)
class Traffic:
    """
    What batches of one size read.

    Attributes:
        leaves: Distinct ones a batch, mean.
        bytes: Of weights, rows and outputs a batch, mean.
        pieces: `[k, 2]`, where the weights lie in a model of `model_bytes` and their bytes,
            batch after batch, repeated until they are long enough to time.
    """

    leaves: float
    bytes: float
    pieces: Pieces


def model_bytes(w: FFFWeights) -> int:
    """Bytes of a buffer with a piece for every node and leaf."""
    return w.leaves * (_node_piece(w) + _leaf_piece(w))


def traffic(leaf: Tensor, size: int, w: FFFWeights) -> Traffic:
    """
    Count what batches touch.

    Args:
        leaf: Of each row, `[n]`, int64.
        size: Rows of a batch; divides `n`.
        w: The tree that routed them.
    """
    path = _path(leaf, w.depth).numpy()  # [n, d]
    first_leaf = w.leaves * _node_piece(w)
    pieces, leaves, nodes = [], 0, 0
    for start in range(0, len(leaf), size):
        met_nodes = np.unique(path[start : start + size])
        met_leaves = np.unique(leaf[start : start + size].numpy())
        nodes, leaves = nodes + len(met_nodes), leaves + len(met_leaves)
        pieces.append(_pieces(met_nodes, 0, _node_piece(w)))
        pieces.append(_pieces(met_leaves, first_leaf, _leaf_piece(w)))
    count = len(leaf) // size
    outer = size * (w.input_width + w.output_width)
    touched = (leaves * _leaf_bytes(w) + nodes * w.input_width * _FLOAT_BYTES) / count
    lap = np.concatenate(pieces)
    repeats = -(-_LEAST_READ_BYTES // int(lap[:, 1].sum()))
    return Traffic(leaves / count, touched + outer * _FLOAT_BYTES, np.tile(lap, (repeats, 1)))


def floor_s(flops: float, flops_s: float, touched_bytes: float, bytes_s: float) -> float:
    """Seconds of a batch on a machine that does nothing else and both at once."""
    return max(flops / flops_s, touched_bytes / bytes_s)


def _path(leaf: Tensor, depth: int) -> Tensor:
    """Nodes above each leaf, `[n, d]`."""
    level = torch.arange(depth)
    return (1 << level) - 1 + (leaf[:, None] >> (depth - level))


def _pieces(number: Pieces, first: int, step: int) -> Pieces:
    offset = first + step * number
    return np.stack((offset, np.full_like(offset, step)), 1)


def _leaf_bytes(w: FFFWeights) -> int:
    return sum(part.nbytes for part in (w.w1, w.b1, w.w2, w.b2)) // w.leaves


def _leaf_piece(w: FFFWeights) -> int:
    return round_up(_leaf_bytes(w), STEP)


def _node_piece(w: FFFWeights) -> int:
    return round_up(w.input_width * _FLOAT_BYTES, STEP)
