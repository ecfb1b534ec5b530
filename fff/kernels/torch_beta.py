"""
FFF-beta in portable PyTorch: all rows take each step together, in all trees.

Runs wherever torch runs. Each step gathers the weights of the neurons that rows are at, so that
what is computed is what the paths need, and rows are cut to bound that memory.

Covered:      the same leaves for a row in any batch (`fff.decision`); every activation, depth 0.
Not covered:  bitwise equal outputs across batch sizes: matrix products round by shape.
"""

from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.beta_reference import walk
from fff.beta_weights import FFFBetaWeights
from fff.chunks import chunk_slices
from fff.decision import NO_BOUNDARY, error_bound, goes_right
from fff.errors import device_error
from fff.inference_result import InferenceResult
from fff.nodes import Nodes


class TorchBeta:
    """FFF-beta in plain PyTorch; attributes as of `fff.kernels.cpu.beta.NumbaBeta`."""

    name, dtype = "torch", "float32"
    output_class: Literal["fast"] = "fast"

    def __init__(self, weights: FFFBetaWeights, device: torch.device):
        self.device = device
        self.rechecked_rows = 0
        self._w = w = FFFBetaWeights.from_tensors(
            {name: t.to(device) for name, t in weights.tensors().items()},
            weights.activation,
            weights.tie,
        )
        self._act = activation_by_name(w.activation)
        self._w_in, self._b_in, self._w_out = w.w_in.flatten(0, 1), w.b_in.flatten(), w.w_out
        self._norm = torch.linalg.vector_norm(self._w_in, dim=-1, dtype=torch.float64)
        self._roots = torch.arange(w.trees, device=device) * w.nodes  # [k]

    @cached_property
    def trees(self) -> tuple[Nodes, ...]:
        """Of each tree the nodes that decide, on the CPU."""
        return self._w.deciding()

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self._w.input_width)

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        try:
            return InferenceResult(*(part.cpu() for part in self.descend(x.to(self.device))))
        except torch.AcceleratorError as exc:
            raise device_error(self.device, exc) from exc

    def descend(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Compute rows on the device; see `fff.backend_protocol.BetaBackend`."""
        w, x = self._w, x.detach().float()
        if x.ndim != 2 or x.shape[1] != w.input_width:
            raise ValueError(f"x must be [n, {w.input_width}], got {list(x.shape)}")
        y = x.new_empty(len(x), w.output_width)
        leaf = torch.empty(len(x), w.trees, dtype=torch.int32, device=x.device)
        margin = x.new_empty(len(x), w.trees)
        for rows in chunk_slices(len(x), 4 * w.trees * max(w.input_width, w.output_width)):
            path, score, near = self._walk(x[rows])
            leaf[rows], margin[rows] = path[:, :, -1] - self._roots - (w.leaves - 1), near
            y[rows] = self._outputs(path, self._act(score))
        return y, leaf, margin

    def _walk(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Neurons met and their scores, `[n, k, d + 1]`, and margins, `[n, k]`, float32."""
        w, node = self._w, self._roots.expand(len(x), -1)  # [n, k]
        nodes, scores = [node], [self._score(x, node)]
        for _ in range(w.depth):
            node = 2 * node - self._roots + 1 + goes_right(scores[-1], w.tie)
            nodes.append(node)
            scores.append(self._score(x, node))
        path, score = torch.stack(nodes, 2), torch.stack(scores, 2)
        if w.depth == 0:
            return path, score, torch.full_like(score[:, :, 0], NO_BOUNDARY)
        size, norm = score[:, :, :-1].abs(), self._norm[path[:, :, :-1]]  # [n, k, d]
        x_norm = torch.linalg.vector_norm(x, dim=-1, dtype=torch.float64)[:, None, None]
        bound = error_bound(w.input_width, x_norm, norm, self._b_in[path[:, :, :-1]])
        margin = (size / norm).amin(2).clamp(max=NO_BOUNDARY).float()  # zero weights: no boundary
        doubtful = ~((size > bound) & size.isfinite()).all(2)  # [n, k]
        self.rechecked_rows += int(doubtful.any(1).sum())
        for tree in doubtful.any(0).nonzero().flatten().tolist():
            rows = doubtful[:, tree].nonzero().flatten()
            leaf, near = walk(x[rows], w, tree)
            margin[rows, tree] = near.float()
            for level in range(w.depth + 1):
                node = (leaf + w.leaves >> (w.depth - level)) - 1 + self._roots[tree]
                path[rows, tree, level] = node
                score[rows, tree, level] = self._score(x[rows], node[:, None])[:, 0]
        return path, score, margin

    def _score(self, x: Tensor, node: Tensor) -> Tensor:
        """Sums of the neurons that each row is at, `[n, k]`."""
        # Not a matrix product, which may sum a row's terms in one chain: less exact.
        return (self._w_in[node] * x[:, None]).sum(2) + self._b_in[node]

    def _outputs(self, path: Tensor, hidden: Tensor) -> Tensor:
        w_out = self._w_out.flatten(0, 1)
        y = hidden.new_zeros(len(path), self._w.output_width)
        for level in range(self._w.depth + 1):
            y += (hidden[:, None, :, level] @ w_out[path[:, :, level]])[:, 0]
        return y
