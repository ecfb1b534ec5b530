"""
Hard descent in portable PyTorch: rows walk the tree together, then meet at their leaves.

Runs wherever torch runs. Rows are sorted by leaf, so each leaf that is used reads its weights
once and multiplies all of its rows in one go; leaves that nobody reached cost nothing.

Covered:      the same leaf for a row in any batch (`fff.decision`); every activation, the
              master leaf, depth 0.
Not covered:  bitwise equal logits across batch sizes: matrix products round by shape.
"""

from typing import Literal

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.decision import NO_BOUNDARY, error_bound, goes_right
from fff.errors import device_error
from fff.inference_result import InferenceResult
from fff.kernels.torch_dense import feed_forward
from fff.nodes import Nodes
from fff.reference import route
from fff.weights import FFFWeights


class TorchGrouped:
    """The FFF layer in plain PyTorch, grouped by leaf."""

    name, dtype = "torch", "float32"
    output_class: Literal["fast"] = "fast"

    def __init__(self, weights: FFFWeights, device: torch.device):
        self.device = device
        self.rechecked_rows = 0
        self._w = FFFWeights.from_tensors(
            {name: t.to(device) for name, t in weights.tensors().items()},
            weights.activation,
            weights.tie,
            weights.leaf_output_bias,
        )
        self.trees = (Nodes.of(self._w),)
        self._act = activation_by_name(weights.activation)
        self._node_norm = _norm(self._w.node_weight)
        self._output_bias = self._w.output_bias
        self._mix = weights.mix

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self._w.input_width)

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        try:
            return self._infer(x.to(self.device))
        except torch.AcceleratorError as exc:
            raise device_error(self.device, exc) from exc

    def _infer(self, x: Tensor) -> InferenceResult:
        leaf, margin = self._route(x)
        logits = self._leaves(x, leaf)
        if self._w.master is not None:
            master = feed_forward(x, self._w.master)
            logits = self._mix * logits + (1 - self._mix) * master
        return InferenceResult(
            logits.cpu(), leaf[:, None].int().cpu(), margin[:, None].float().cpu()
        )

    def _route(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Walk in float32; rows whose path holds a doubtful score are walked canonically."""
        w = self._w
        if w.depth == 0:
            return route(x, w)
        node = torch.zeros(len(x), dtype=torch.long, device=x.device)
        nodes, scores = [], []
        for _ in range(w.depth):
            score = (x * w.node_weight[node]).sum(-1) + w.node_bias[node]  # [n]
            nodes.append(node)
            scores.append(score)
            node = 2 * node + 1 + goes_right(score, w.tie)
        leaf = node - (w.leaves - 1)

        path = torch.stack(nodes, 1)  # [n, d]
        size = torch.stack(scores, 1).abs()  # [n, d]
        norm = self._node_norm[path]
        bound = error_bound(w.input_width, _norm(x)[:, None], norm, w.node_bias[path])
        margin = (size / norm).amin(1).clamp(max=NO_BOUNDARY)  # [n]; zero weights: no boundary
        doubtful = (~((size > bound) & size.isfinite()).all(1)).nonzero().flatten()
        if len(doubtful):
            self.rechecked_rows += len(doubtful)
            leaf[doubtful], margin[doubtful] = route(x[doubtful], w)
        return leaf, margin

    def _leaves(self, x: Tensor, leaf: Tensor) -> Tensor:
        if len(x) == 1:  # nothing to sort
            return self._one_leaf(x, int(leaf))
        counts = torch.bincount(leaf, minlength=self._w.leaves).tolist()
        order = leaf.argsort(stable=True)
        by_leaf = x[order]  # [n, i]
        outputs = torch.empty(len(x), self._w.output_width, device=x.device)
        start = 0
        for j, count in enumerate(counts):
            if count:
                rows = slice(start, start + count)
                self._one_leaf(by_leaf[rows], j, out=outputs[rows])
                start += count
        logits = torch.empty_like(outputs)
        logits[order] = outputs
        return logits

    def _one_leaf(self, x: Tensor, j: int, out: Tensor | None = None) -> Tensor:
        hidden: Tensor = self._act(torch.addmm(self._w.b1[j], x, self._w.w1[j]))  # [n, l]
        return torch.addmm(self._output_bias[j], hidden, self._w.w2[j], out=out)  # [n, o]


def _norm(rows: Tensor) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(rows, dim=-1, dtype=torch.float64)
    return norm
