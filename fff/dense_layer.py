"""The trainable dense network: the baseline of every FFF, and its master leaf."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from fff.activations import activation_by_name
from fff.initial import uniform
from fff.names import known_activation
from fff.weights import FeedForwardWeights


class Dense(nn.Module):
    """
    The dense network, `act(x @ w1 + b1) @ w2 + b2`: the baseline, and a master leaf.

    Args:
        input_width: `i`, at least 1.
        output_width: `o`, at least 1.
        hidden_width: `w`; a twin has its FFF's training width, `2**d * l + m`.
        activation: A name of `fff.activations`.
        dropout: Probability that an activation is dropped in training.
        device: Of the parameters, as torch's own layers take it.
        dtype: Likewise.
    """

    def __init__(
        self,
        input_width: int,
        output_width: int,
        hidden_width: int,
        activation: str = "relu",
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ):
        super().__init__()
        self.activation = known_activation(activation)
        self.dropout = dropout
        by_input, by_hidden = 1 / math.sqrt(input_width), 1 / math.sqrt(hidden_width)
        self.w1 = uniform(by_input, input_width, hidden_width, device=device, dtype=dtype)
        self.b1 = uniform(by_input, hidden_width, device=device, dtype=dtype)
        self.w2 = uniform(by_hidden, hidden_width, output_width, device=device, dtype=dtype)
        self.b2 = uniform(by_hidden, output_width, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        """`[..., i]` to `[..., o]`."""
        hidden = activation_by_name(self.activation)(x @ self.w1 + self.b1)
        return F.dropout(hidden, self.dropout, self.training) @ self.w2 + self.b2

    def extra_repr(self) -> str:
        """Say widths and activation, for `print(model)`."""
        (i, w), o = self.w1.shape, self.w2.shape[1]
        return f"input_width={i}, output_width={o}, hidden_width={w}, activation={self.activation}"

    def weights(self) -> FeedForwardWeights:
        """The parameters, detached, as float32; they share the module's memory if it is float32."""
        w1, b1, w2, b2 = (t.detach().float() for t in (self.w1, self.b1, self.w2, self.b2))
        return FeedForwardWeights(w1, b1, w2, b2, self.activation)
