"""
A mixture of experts in portable PyTorch: rows are given to experts, then meet at each of them.

Runs wherever torch runs. Visits are sorted by expert, so each expert that is used reads its weights
once and multiplies all of its rows in one go; experts that nobody was given to cost nothing.

Covered:      the same experts for a row in any batch (`fff.mixture`).
Not covered:  bitwise equal logits across batch sizes: matrix products round by shape.
"""

from typing import Literal

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.errors import device_error
from fff.inference_result import InferenceResult
from fff.mixture import Gate, MixtureWeights
from fff.nodes import Nodes


class TorchMixture:
    """A mixture of experts in plain PyTorch, grouped by expert."""

    name, dtype = "torch", "float32"
    output_class: Literal["fast"] = "fast"
    trees: tuple[Nodes, ...] = ()

    def __init__(self, weights: MixtureWeights, device: torch.device):
        self.device = device
        self.rechecked_rows = 0
        self._widths = weights.input_width, weights.output_width
        tensors = {name: t.to(device) for name, t in weights.tensors().items()}
        self._gate = Gate(tensors["gate_weight"], tensors["gate_bias"], weights.top_k)
        # Taken apart once: a view for each use would cost a row more than its arithmetic.
        parts = (tensors[name].unbind() for name in ("w1", "b1", "w2", "b2"))
        self._experts = [*zip(*parts, strict=True)]
        self._act = activation_by_name(weights.activation)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`."""
        return torch.empty(rows, self._widths[0])

    @torch.inference_mode()
    def infer(self, x: Tensor) -> InferenceResult:
        """Compute `[n, i]` float32 rows; the prediction is on the CPU."""
        try:
            logits = self._logits(x.to(self.device)).cpu()
        except torch.AcceleratorError as exc:
            raise device_error(self.device, exc) from exc
        no_layer = torch.empty(len(x), 0)
        return InferenceResult(logits, no_layer.int(), no_layer)

    def _logits(self, x: Tensor) -> Tensor:
        selected = self._gate.select(x)
        self.rechecked_rows += selected.rescored
        outputs = self._visits(x, selected.expert)  # [n, k, o]
        return torch.bmm(selected.share[:, None], outputs)[:, 0]  # [n, o]

    def _visits(self, x: Tensor, expert: Tensor) -> Tensor:
        """What each expert of a row, `[n, k]`, makes of it, `[n, k, o]`."""
        n, k = expert.shape
        if n == 1:  # nothing to sort
            return torch.stack([self._expert(x, e) for e in expert[0].tolist()], 1)
        visited = expert.flatten()
        counts = torch.bincount(visited, minlength=len(self._experts)).tolist()
        order = visited.argsort(stable=True)  # [n * k]
        by_expert = x.index_select(0, order // k)  # [n * k, i]
        outputs = x.new_empty(n * k, self._widths[1])
        start = 0
        for e, count in enumerate(counts):
            if count:
                rows = slice(start, start + count)
                self._expert(by_expert[rows], e, out=outputs[rows])
                start += count
        visits = torch.empty_like(outputs).index_copy_(0, order, outputs)
        return visits.view(n, k, self._widths[1])

    def _expert(self, x: Tensor, e: int, out: Tensor | None = None) -> Tensor:
        w1, b1, w2, b2 = self._experts[e]
        hidden: Tensor = self._act(torch.addmm(b1, x, w1))  # [n, l]
        return torch.addmm(b2, hidden, w2, out=out)  # [n, o]
