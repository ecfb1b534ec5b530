"""
Principal coordinates: training sees centred rows along the main directions of its data.

Pixels have a large common part and are alike their neighbours, so that every first-layer weight
pulls at the same few directions and an optimiser with one step a weight makes little way. In
the coordinates `z = (x - mean) @ basis`, the basis being the first eigenvectors of the covariance
and one factor that gives `z` unit variance, they are apart. The map is affine, like every first
layer: a trained network is folded back to take `x` itself, and costs and routes the same.

Covered:      every kind whose first layer is affine.
Not covered:  Fourier features, whose frequencies have no bias, and rasters.
"""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from evaluation.errors import DatasetError
from fff.low_rank import LowRankWeights
from fff.mixture import MixtureWeights
from fff.multilayer import MultilayerWeights
from fff.names import KIND_NAMES
from fff.raster import RasterWeights
from fff.weights import FeedForwardWeights, FFFWeights, Weights

MOST_INPUTS = 8192
"""Of a row: their covariance takes 512 MiB, and as much again for each step to its directions."""


@dataclass(frozen=True, slots=True)
class Coordinates:
    """
    An affine map of rows, `z = (x - mean) @ basis`.

    Attributes:
        mean: `[i]`.
        basis: `[i, k]`.
    """

    mean: Tensor
    basis: Tensor

    @property
    def width(self) -> int:
        """`k`."""
        return self.basis.shape[1]

    def of(self, x: Tensor) -> Tensor:
        """`[n, i]` to `[n, k]`."""
        return (x - self.mean) @ self.basis

    def fold(self, weights: Weights) -> Weights:
        """
        Return the network that gives for `x` what the given one gives for `z`.

        Raises:
            ValueError: If its first layer is not affine.
        """
        match weights:
            case FFFWeights():
                return self._fold_fff(weights)
            case FeedForwardWeights():
                return self._fold_dense(weights)
            case LowRankWeights():
                return self._fold_low_rank(weights)
            case MixtureWeights():
                return self._fold_mixture(weights)
            case MultilayerWeights(fourier=None):
                return self._fold_multilayer(weights)
            case MultilayerWeights() | RasterWeights():
                raise ValueError(
                    f"{KIND_NAMES[weights.kind]} must begin with an affine layer to be folded"
                )

    def _fold_fff(self, weights: FFFWeights) -> FFFWeights:
        up = self.basis @ weights.w1  # [2**d, i, l]
        nodes = weights.node_weight @ self.basis.T  # [2**d - 1, i]
        return replace(
            weights,
            node_weight=nodes,
            node_bias=weights.node_bias - nodes @ self.mean,
            w1=up,
            b1=weights.b1 - self.mean @ up,
            master=None if weights.master is None else self._fold_dense(weights.master),
        )

    def _fold_low_rank(self, weights: LowRankWeights) -> LowRankWeights:
        thin = self.basis @ weights.u  # [i, r]
        return replace(weights, u=thin, b1=weights.b1 - self.mean @ thin @ weights.v)

    def _fold_mixture(self, weights: MixtureWeights) -> MixtureWeights:
        gate, up = self.basis @ weights.gate_weight, self.basis @ weights.w1  # [i, E], [E, i, l]
        return replace(
            weights,
            gate_weight=gate,
            gate_bias=weights.gate_bias - self.mean @ gate,
            w1=up,
            b1=weights.b1 - self.mean @ up,
        )

    def _fold_multilayer(self, weights: MultilayerWeights) -> MultilayerWeights:
        up = self.basis @ weights.matrices[0]  # [i, h_1]
        return replace(
            weights,
            matrices=(up, *weights.matrices[1:]),
            biases=(weights.biases[0] - self.mean @ up, *weights.biases[1:]),
        )

    def _fold_dense(self, weights: FeedForwardWeights) -> FeedForwardWeights:
        up = self.basis @ weights.w1  # [i, w]
        return replace(weights, w1=up, b1=weights.b1 - self.mean @ up)


def check_width(name: str, inputs: int) -> None:
    """
    Refuse rows that are too wide for principal coordinates, before any of them is scaled.

    Args:
        name: Of the data.
        inputs: `i`.

    Raises:
        DatasetError: If there are more than `MOST_INPUTS`.
    """
    if inputs > MOST_INPUTS:
        raise DatasetError(
            f"{name}: principal coordinates are for images of at most {MOST_INPUTS} numbers, "
            f"got {inputs}; make images smaller with --image-size, or train on pixels as they are "
            "with --set components=0"
        )


def principal_coordinates(x: Tensor, components: int) -> Coordinates:
    """
    Find the first principal directions of rows, `[n, i]`: at most `components` of them.

    The same rows give the same coordinates: an eigenvector's sign, which is arbitrary, is set so
    that its largest element is positive.
    """
    mean = x.mean(0)
    centred = (x - mean).double()
    values, vectors = torch.linalg.eigh(centred.T @ centred / len(x))
    basis = vectors.flip(1)[:, :components]
    largest = basis.gather(0, basis.abs().argmax(0, keepdim=True))
    variance = values.flip(0)[:components].mean()
    scale = torch.where(variance > 0, variance.sqrt(), 1)
    return Coordinates(mean, (basis * largest.sign() / scale).float())
