"""
FFF-beta's weights as the CPU kernel reads them.

A neuron is one record, from a cache line on: its input weights, then its output weights, float32,
each filled up with zeros to whole cache lines. So a row alone, which reads a dozen of them, streams
each as fast as the memory can; a batch reads the two halves at different times.

    w_in    [i'], i' = input width rounded up to 16
    w_out   [o'], o' = output width rounded up to 16

Records follow each other node by node, tree by tree.
"""

from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
import torch

from fff.beta_weights import FFFBetaWeights
from fff.chunks import chunk_slices
from fff.kernels.cpu import tables as t
from fff.kernels.cpu.activations import KINDS
from fff.kernels.cpu.layout import huge_pages, node_stats, round_up
from fff.kernels.cpu.simd_ir import LANES
from fff.names import TieRule
from fff.nodes import Nodes

MAX_DEPTH = 30
"""Most decisions of a tree: leaves are int32, and a path's addresses lie on the stack."""


@dataclass(frozen=True)
class PackedBeta:
    """
    A layer in the kernel's layout.

    Attributes:
        records: `[k, 2**(d + 1) - 1, i' + o']`, float32.
        stats: Numbers of each neuron that the screen reads (`tables`), of the same order,
            `[k * (2**(d + 1) - 1), 4]`, float64.
        fields: The model's table by byte offset, without the addresses of arrays and of code.
    """

    records: npt.NDArray[np.float32]
    stats: npt.NDArray[np.float64]
    fields: dict[int, int] = field(repr=False)

    def table(self, code: dict[int, int]) -> npt.NDArray[np.int64]:
        """
        Write the model's table. It holds addresses of this object's arrays: keep both.

        Args:
            code: Addresses of compiled functions, by byte offset.

        Returns:
            `[MODEL_FIELDS]`, int64.
        """
        table = np.zeros(t.MODEL_FIELDS, np.int64)
        arrays = {t.RECORDS: self.records.ctypes.data, t.NODE_STATS: self.stats.ctypes.data}
        for offset, value in (self.fields | arrays | code).items():
            table[offset // 8] = value
        return table

    def deciding(self, input_width: int, tie: TieRule) -> tuple[Nodes, ...]:
        """`FFFBetaWeights.deciding`, as views of the records."""
        trees, nodes, _ = self.records.shape
        bias = torch.from_numpy(self.stats[:, 3]).float().view(trees, nodes)
        weight = torch.from_numpy(self.records)[:, : nodes // 2, :input_width]
        return tuple(Nodes(weight[k], bias[k, : nodes // 2], tie) for k in range(trees))


def pack(w: FFFBetaWeights) -> PackedBeta:
    """
    Lay a layer out.

    Args:
        w: Weights on the CPU, read in chunks, each once.

    Raises:
        ValueError: If the trees are too deep or the activation has no kernel.
    """
    if w.activation not in KINDS or w.depth > MAX_DEPTH:
        raise ValueError(
            f"the CPU kernel takes activations {', '.join(KINDS)} and depths to {MAX_DEPTH}; "
            f"got {w.activation} and {w.depth}"
        )
    i, o = w.input_width, w.output_width
    out_at = round_up(i, LANES)
    size = out_at + round_up(o, LANES)
    count = w.trees * w.nodes
    records = huge_pages(4 * count * size).view(np.float32).reshape(count, size)
    stats = np.empty((count, 4))
    w_in, b_in, w_out = w.w_in.flatten(0, 1), w.b_in.flatten(), w.w_out.flatten(0, 1)
    for chunk in chunk_slices(count, 8 * (i + o)):
        records[chunk, :i] = w_in[chunk].numpy()
        records[chunk, out_at : out_at + o] = w_out[chunk].contiguous().numpy()  # may be a view
        stats[chunk] = node_stats(w_in[chunk], b_in[chunk])
    fields = {
        t.IN: i,
        t.OUT: o,
        t.DEPTH: w.depth,
        t.TREES: w.trees,
        t.NEURONS: w.nodes,
        t.RECORD_BYTES: 4 * size,
        t.W2: 4 * out_at,
        t.H_COLUMNS: round_up(w.depth + 1, 8),
        t.ACTIVATION: KINDS[w.activation],
        t.TIE_GE: int(w.tie == "ge"),
    }
    return PackedBeta(records.reshape(w.trees, w.nodes, size), stats, fields)
