"""
A mixture of experts on the CPU, its experts computed by the kernel that computes an FFF's leaves.

So that a comparison of the two is of the networks and not of their kernels. It is not in the folder
of the kernel, where any change has all of it compiled anew.

Covered:      the same experts for a row in any batch (`fff.mixture`); experts kept in bfloat16.
Not covered:  the gate, which PyTorch multiplies; bitwise equal logits across batch sizes, since its
              products round by shape.
"""

from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.cpu.backend import NumbaGrouped
from fff.mixture import Gate, MixtureWeights
from fff.nodes import Nodes
from fff.weights import FFFWeights


class NumbaMixture:
    """
    A mixture of experts, the experts compiled.

    Args:
        weights: Copied into the kernel's layout; not kept.
        device: `cpu`; no other is taken.
        threads: Most threads of one call, at least 1.
        storage: Number type of the experts' weights, `float32` or `bfloat16`. The gate is float32.

    Raises:
        ValueError: As `NumbaGrouped`.
    """

    name = "numba"
    output_class: Literal["fast"] = "fast"
    trees: tuple[Nodes, ...] = ()

    def __init__(
        self,
        weights: MixtureWeights,
        device: torch.device,
        *,
        threads: int = 1,
        storage: str = "float32",
    ):
        self.device, self.dtype = device, storage
        self.rechecked_rows = 0
        self._gate = Gate(weights.gate_weight, weights.gate_bias, weights.top_k)
        self._top_k = weights.top_k
        self._experts = NumbaGrouped(_as_tree(weights), device, threads=threads, storage=storage)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return self._experts.staging(rows)

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        selected = self._gate.select(x)
        self.rechecked_rows += selected.rescored
        # By rank: rows are in place for each, where all at once would take a copy of them for each.
        visits = [
            self._experts.compute_leaves(x, selected.expert[:, j]) for j in range(self._top_k)
        ]
        logits = torch.bmm(selected.share[:, None], torch.stack(visits, 1))[:, 0]  # [n, o]
        no_layer = torch.empty(len(x), 0)
        return InferenceResult(logits, no_layer.int(), no_layer)


def _as_tree(w: MixtureWeights) -> FFFWeights:
    """See the experts as leaves, filled up to a power of two by ones that no row is given to."""
    leaves = 1 << (w.experts - 1).bit_length()

    def filled(tensor: Tensor) -> Tensor:
        return F.pad(tensor, (0, 0) * (tensor.ndim - 1) + (0, leaves - w.experts))

    return FFFWeights(
        node_weight=torch.zeros(leaves - 1, w.input_width),  # of no use: rows come with their leaf
        node_bias=torch.zeros(leaves - 1),
        w1=filled(w.w1),
        b1=filled(w.b1),
        w2=filled(w.w2),
        b2=filled(w.b2),
        activation=w.activation,
    )


def compiled(
    weights: FFFWeights | MixtureWeights, device: torch.device, threads: int, storage: str
) -> NumbaGrouped | NumbaMixture:
    """
    Make the backend that is compiled, of either kind that has one.

    Raises:
        ValueError: As `NumbaGrouped`.
    """
    if isinstance(weights, MixtureWeights):
        return NumbaMixture(weights, device, threads=threads, storage=storage)
    return NumbaGrouped(weights, device, threads=threads, storage=storage)
