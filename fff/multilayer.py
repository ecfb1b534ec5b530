"""
The weights of a multilayer perceptron: hidden layers one after the other, if wanted behind Fourier
features.

What an expert would set against an FFF on a field, a function of few inputs: the plain perceptron;
one behind Fourier features (Tancik et al., arXiv:2006.10739), which lets it follow fine detail; a
SIREN (Sitzmann et al., arXiv:2006.09661), whose activation is the sine.

Shape letters: see `fff.weights`; f is the number of frequencies, h_k the width of hidden layer k.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, Self

import torch
from torch import Tensor

from fff.activations import multilayer_activation
from fff.names import Kind
from fff.shapes import ShapeError, expect, take

MOST_HIDDEN_LAYERS = 16


@dataclass(frozen=True, slots=True)
class MultilayerWeights:
    """
    One or more hidden layers, `x = act(x @ w_k + b_k)`, and an output layer without activation.

    Attributes:
        matrices: From the first hidden layer to the output layer: `[c, h_1]`, `[h_1, h_2]`, ...,
            `[h_k, o]`, of which c is i, or `2 f` with Fourier features.
        biases: Of the same layers, `[h_1]`, ..., `[o]`.
        activation: A name of `fff.activations`, or `sine`. A factor of its argument, such as a
            SIREN's frequency, is in matrices and biases.
        fourier: Frequencies in turns for each unit of an input, `[i, f]`; the first layer has
            `fourier_features` of them in place of the inputs. Or None.
    """

    kind: ClassVar[Kind] = "multilayer"

    matrices: tuple[Tensor, ...]
    biases: tuple[Tensor, ...]
    activation: str
    fourier: Tensor | None = None

    def __post_init__(self) -> None:
        layers = len(self.matrices) - 1
        if not 1 <= layers <= MOST_HIDDEN_LAYERS or len(self.biases) != len(self.matrices):
            raise ShapeError(
                f"1 to {MOST_HIDDEN_LAYERS} hidden layers and an output layer were expected, got "
                f"{len(self.matrices)} matrices and {len(self.biases)} biases"
            )
        for k, matrix in enumerate(self.matrices, 1):
            if matrix.ndim != 2:
                raise ShapeError(f"w{k} must be [in, width], got {list(matrix.shape)}")
        if self.fourier is not None:
            if self.fourier.ndim != 2:
                raise ShapeError(f"fourier must be [in, features], got {list(self.fourier.shape)}")
            expect("w1", self.matrices[0], (2 * self.fourier.shape[1], self.matrices[0].shape[1]))
        for k, (before, matrix) in enumerate(pairwise(self.matrices), 2):
            expect(f"w{k}", matrix, (before.shape[1], matrix.shape[1]))
        for k, (matrix, bias) in enumerate(self.layers, 1):
            expect(f"b{k}", bias, (matrix.shape[1],))
        multilayer_activation(self.activation)

    @property
    def layers(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Matrix and bias of each layer, the output layer's last."""
        return zip(self.matrices, self.biases, strict=True)

    @property
    def input_width(self) -> int:
        return (self.matrices[0] if self.fourier is None else self.fourier).shape[0]

    @property
    def hidden_widths(self) -> list[int]:
        """From the first hidden layer on."""
        return [matrix.shape[1] for matrix in self.matrices[:-1]]

    @property
    def output_width(self) -> int:
        return self.matrices[-1].shape[1]

    @property
    def fourier_features(self) -> int:
        """How many frequencies there are, `f`: each is a cosine and a sine. 0 without any."""
        return 0 if self.fourier is None else self.fourier.shape[1]

    def tensors(self) -> dict[str, Tensor]:
        """`w1`, `b1`, `w2`, ..., the output layer's last, and `fourier` if there are features."""
        tensors = {} if self.fourier is None else {"fourier": self.fourier}
        for k, (matrix, bias) in enumerate(self.layers, 1):
            tensors |= {f"w{k}": matrix, f"b{k}": bias}
        return tensors

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor], activation: str) -> Self:
        """
        Build from named tensors, the inverse of `tensors`.

        Raises:
            ShapeError: If a tensor is missing or does not fit.
        """
        layers = sum(bool(re.fullmatch(r"w\d+", name)) for name in tensors)
        numbers = range(1, max(2, layers) + 1)  # of less than two the one that is missing is named
        return cls(
            matrices=tuple(take(tensors, f"w{k}") for k in numbers),
            biases=tuple(take(tensors, f"b{k}") for k in numbers),
            activation=activation,
            fourier=tensors.get("fourier"),
        )

    @property
    def flops_per_row(self) -> int:
        """
        Multiplications and additions of one row: `2 (i f + c h_1 + h_1 h_2 + ... + h_k o)`.

        Sines and cosines of Fourier features count as little as activations do: not at all.
        """
        products = sum(matrix.numel() for matrix in self.matrices)
        return 2 * (self.input_width * self.fourier_features + products)

    @property
    def bytes_per_row(self) -> int:
        """Weight bytes that one row alone must read: all of them."""
        return sum(tensor.nbytes for tensor in self.tensors().values())


def fourier_features(x: Tensor, frequencies: Tensor) -> Tensor:
    """
    Map `[n, i]` to `[n, 2 f]`: the cosines of `2 pi x @ frequencies`, then the sines.

    Args:
        x: Rows of any float dtype.
        frequencies: `[i, f]`, in turns for each unit of an input, of the same dtype.

    Source: arXiv:2006.10739, section 5 (Gaussian mapping), without amplitudes.
    """
    angle = 2 * math.pi * (x @ frequencies)  # [n, f]
    return torch.cat((angle.cos(), angle.sin()), 1)
