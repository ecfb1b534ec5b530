# mypy: allow-untyped-calls
"""
FFF-beta on an NVIDIA GPU: two launches a batch.

Covered:      the leaves of `fff.beta_reference`, always; outputs whose bits do not depend on the
              batch; rows that are on the device already (`descend`), on the caller's own stream.
Not covered:  CUDA graphs; number types narrower than float32. No GPU has run it yet: it is
              tested in Triton's interpreter, and compiled for an H200.
"""

from functools import cached_property
from typing import Any, Literal

import torch
import triton
from torch import Tensor
from torch.cuda import device as on_device
from triton.runtime.interpreter import InterpretedFunction

from fff.beta_weights import FFFBetaWeights
from fff.decision import error_bound
from fff.errors import BackendUnavailable, device_error
from fff.inference_result import InferenceResult
from fff.kernels.gpu.beta_kernels import add_paths, walk_trees
from fff.kernels.gpu.route import halving_order
from fff.names import TieRule
from fff.nodes import Nodes

_MOST_ROWS = 65_535
"""Of one launch: the second kernel's rows are a grid's first dimension, and memory is bounded."""


class TritonBeta:
    """
    FFF-beta in Triton, for one device; attributes as of `fff.kernels.cpu.beta.NumbaBeta`.

    Args:
        weights: The layer's, on any device; copied.
        device: A CUDA device; or the CPU, in Triton's interpreter.

    Raises:
        BackendUnavailable: If the device is neither.
    """

    name, dtype = "triton", "float32"
    # By design, and so in the interpreter; on a device, whoever serves it looks first (decision 8).
    output_class: Literal["strict"] = "strict"

    def __init__(self, weights: FFFBetaWeights, device: torch.device):
        if device.type != "cuda" and not isinstance(walk_trees, InterpretedFunction):
            raise BackendUnavailable(
                f"Triton {triton.__version__} needs a CUDA device or TRITON_INTERPRET=1 in the "
                f"environment; got device {device}"
            )
        w, self.device = weights, device
        self.rechecked_rows = 0
        self._tie: TieRule = w.tie
        self._sizes = w.input_width, w.trees, w.depth, w.output_width
        w_in = w.w_in.flatten(0, 1)
        norm = torch.linalg.vector_norm(w_in, dim=-1, dtype=torch.float64)
        inverse = torch.where(norm > 0, 1 / norm, 0.0)
        tensors = w_in, w.b_in.flatten(), norm, inverse, halving_order(w.input_width)
        self._neurons = [tensor.to(device).contiguous() for tensor in tensors]
        self._w_out = w.w_out.flatten(0, 1).to(device).contiguous()
        zero, one = torch.zeros((), dtype=torch.float64), torch.ones((), dtype=torch.float64)
        self._bound = (
            float(error_bound(w.input_width, one, one, zero)),
            float(error_bound(w.input_width, zero, zero, zero)),
        )
        terms = triton.next_power_of_2(w.input_width)
        self._walk: dict[str, Any] = {
            "TREES": w.trees,
            "WIDTH": w.input_width,
            "DEPTH": w.depth,
            "TERMS": terms,
            "HALVINGS": terms.bit_length() - 1,
            "BLOCK": min(terms, 2048 if terms <= 2048 else 1024),  # as in `layer`
            "TIE_GOES_RIGHT": w.tie == "ge",
            "ACTIVATION": w.activation,
            # A program holds a row's canonical sum whole: 32 terms a thread.
            "num_warps": max(4, terms // 1024),
        }

    @cached_property
    def trees(self) -> tuple[Nodes, ...]:
        """Of each tree the nodes that decide, copied to the CPU."""
        inner = 2 ** self._sizes[2] - 1
        weight, bias = (t.unflatten(0, (self._sizes[1], -1)) for t in self._neurons[:2])
        parts = zip(weight[:, :inner].cpu(), bias[:, :inner].cpu(), strict=True)
        return tuple(Nodes(*part, self._tie) for part in parts)

    def staging(self, rows: int) -> Tensor:
        """Memory to write rows into, `[rows, i]`, pinned where a GPU copies from it."""
        return torch.empty(rows, self._sizes[0], pin_memory=self.device.type == "cuda")

    def infer(self, x: Tensor) -> InferenceResult:
        """
        Compute `[n, i]` float32 rows; the prediction is on the CPU.

        Raises:
            ValueError: If `x` is not `[n, i]`.
            DeviceLost: For good.
        """
        try:
            y, leaf, margin, doubt = self._compute(x.to(self.device))
            self.rechecked_rows += int(doubt.sum())
            return InferenceResult(y.cpu(), leaf.cpu(), margin.cpu())
        except torch.AcceleratorError as exc:
            raise device_error(self.device, exc) from exc

    def descend(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Enqueue rows on the device and never wait; see `fff.backend_protocol.BetaBackend`."""
        return self._compute(x)[:3]

    def _compute(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        width, trees, _, out = self._sizes
        if x.ndim != 2 or x.shape[1] != width:
            raise ValueError(f"x must be [n, {width}], got {list(x.shape)}")
        n, x = len(x), x.detach().float().contiguous()
        y, margin = x.new_empty(n, out), x.new_empty(n, trees)
        leaf = x.new_empty(n, trees, dtype=torch.int32)
        doubt = x.new_zeros(n, dtype=torch.int32)
        with on_device(self.device if self.device.type == "cuda" else -1):  # -1: as it is
            for start in range(0, n, _MOST_ROWS):
                part = slice(start, start + _MOST_ROWS)
                self._launch(x[part], y[part], leaf[part], margin[part], doubt[part])
        return y, leaf, margin, doubt

    def _launch(self, x: Tensor, y: Tensor, leaf: Tensor, margin: Tensor, doubt: Tensor) -> None:
        _, trees, depth, out = self._sizes
        block = min(1024, triton.next_power_of_2(out))
        hidden = x.new_empty(len(x), trees, depth + 1)
        walk_trees[(len(x), trees)](
            *(x, *self._neurons, *self._bound, hidden, leaf, margin, doubt), **self._walk
        )
        add_paths[(len(x), triton.cdiv(out, block))](
            *(hidden, leaf, self._w_out, y),
            **{"TREES": trees, "OUT": out, "DEPTH": depth, "BLOCK": block, "num_warps": 4},
        )
