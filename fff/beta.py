"""
The trainable FFF-beta: neurons that also route, hard in training as in evaluation.

Covered:      any leading dimensions; float32, bfloat16, float64, autocast; several trees, summed;
              the `state_dict` of UltraFastBERT's training code:

                  linear_in.weight [N, i]    linear_in.bias [N]    linear_out.weight [o, N]

              `N = k (2**(d + 1) - 1)` neurons, tree by tree in heap order; without a bias it is 0.
Not covered:  a gradient through the decisions. A neuron learns by what it puts out alone, for the
              rows that meet it; where it sends them follows from that.

Source: as `fff.beta_weights`.
"""

from typing import Any, Self

import torch
from torch import Tensor, nn

from fff.beta_operators import as_weights, beta_descent
from fff.beta_weights import FFFBetaWeights
from fff.mixing import HardOutput
from fff.names import TieRule, known_activation
from fff.number_types import autocast_dtype
from fff.operators import PACKED

_INITIAL_DEVIATION = 0.02  # crammedBERT's, whose `_init_module` writes over the layer's own


class FFFBeta(nn.Module):
    """
    Trees of neurons, each of which a row meets one path of; their outputs are summed.

    Args:
        input_width: `i >= 1`.
        output_width: `o >= 1`.
        depth: `d >= 0` decisions; a path has `d + 1` neurons. Depth 0 is a dense layer of `k`.
        trees: `k >= 1`.
        activation: A name of `fff.activations`.
        tie: Where a sum of exactly 0 goes: `gt` left, as in the published code, `ge` right.
        device: Of the parameters, as torch's own layers take it.
        dtype: Likewise. Sums are float32 even where it is narrower.

    Raises:
        ValueError: If a size is too small, or the activation is unknown.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        depth: int,
        trees: int = 1,
        activation: str = "gelu",
        tie: TieRule = "gt",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        if depth < 0 or min(input_width, output_width, trees) < 1:
            raise ValueError(
                "depth must be >= 0, widths and trees >= 1; got "
                f"{depth=}, {input_width=}, {output_width=}, {trees=}"
            )
        self.input_width, self.output_width = input_width, output_width
        self.depth, self.trees = depth, trees
        self.activation = known_activation(activation)
        self.tie: TieRule = tie
        neurons = trees * (2 ** (depth + 1) - 1)
        kind: dict[str, Any] = {"device": device, "dtype": dtype}
        self.linear_in = nn.Linear(input_width, neurons, **kind)
        self.linear_out = nn.Linear(neurons, output_width, bias=False, **kind)
        nn.init.normal_(self.linear_in.weight, std=_INITIAL_DEVIATION)
        nn.init.normal_(self.linear_out.weight, std=_INITIAL_DEVIATION)
        nn.init.zeros_(self.linear_in.bias)

    def forward(self, x: Tensor) -> Tensor:
        """
        Compute `[..., i]` to `[..., o]`, in training as in evaluation.

        Raises:
            ValueError: If the last dimension is not `i`, or, without autocast, the dtype not the
                parameters'.
        """
        return self.hard(x).logits

    def hard(self, x: Tensor) -> HardOutput:
        """
        Compute `[..., i]`, and tell each tree's leaf and margin, `[..., k]`.

        Raises:
            ValueError: As `forward`.
        """
        rows, dtype = self._rows(x)
        logits, leaf, margin = beta_descent(
            rows, *self._tensors(), self.trees, self.activation, self.tie
        )
        logits = logits.to(dtype)
        if x.ndim == 2:
            return HardOutput(logits, leaf, margin)
        before = x.shape[:-1]
        shaped = (part.view(*before, part.shape[1]) for part in (logits, leaf, margin))
        return HardOutput(*shaped)

    def repack(self) -> None:
        """
        Have kernels read the parameters anew when they next compute.

        For writes that torch does not count, as through `.data` or NumPy; all others, optimisers
        and `load_state_dict` among them, are noticed.
        """
        PACKED.forget(self.linear_in.weight)

    def train(self, mode: bool = True) -> Self:
        """Set the mode, as every module; whoever changes it may have written to the parameters."""
        if mode != self.training:
            self.repack()
        return super().train(mode)

    def extra_repr(self) -> str:
        """Say what it was made with, for `print(model)`."""
        names = ("depth", "trees", "activation", "tie")
        return ", ".join(f"{name}={getattr(self, name)}" for name in names)

    def weights(self) -> FFFBetaWeights:
        """The parameters, detached, as float32; they share the module's memory if it is float32."""
        tensors = (tensor.detach().float() for tensor in self._tensors())
        w_in, b_in, w_out = tensors
        return as_weights(w_in, b_in, w_out, self.trees, self.activation, self.tie)

    @classmethod
    def from_weights(cls, weights: FFFBetaWeights) -> Self:
        """Rebuild the module from weights, to train on."""
        sizes = weights.input_width, weights.output_width, weights.depth, weights.trees
        module = cls(*sizes, weights.activation, weights.tie)
        w_in, b_in, w_out = (t.flatten(0, 1) for t in weights.tensors().values())
        names = ("linear_in.weight", "linear_in.bias", "linear_out.weight")
        module.load_state_dict(dict(zip(names, (w_in, b_in, w_out.T), strict=True)))
        return module

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, *others: Any, **more: Any
    ) -> None:
        # Before the two layers read theirs.
        bias = f"{prefix}linear_in.bias"
        if bias not in state_dict and f"{prefix}linear_in.weight" in state_dict:
            state_dict[bias] = torch.zeros_like(self.linear_in.bias)
        super()._load_from_state_dict(state_dict, prefix, *others, **more)

    def _rows(self, x: Tensor) -> tuple[Tensor, torch.dtype]:
        """Refuse what does not fit; else all rows, `[n, i]`, and the dtype of their answers."""
        own, autocast = self.linear_in.weight.dtype, autocast_dtype(x)
        if x.ndim == 0 or x.shape[-1] != self.input_width:
            raise ValueError(f"x must be [..., {self.input_width}], got {list(x.shape)}")
        if x.dtype != own and autocast is None:
            raise ValueError(f"x must be {own}, as the layer is; got {x.dtype}")
        rows = x if x.ndim == 2 else x.reshape(-1, self.input_width)
        return rows, own if autocast is None else autocast

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.linear_in.weight, self.linear_in.bias, self.linear_out.weight
