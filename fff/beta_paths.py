"""
The neurons on the paths that rows took, computed and differentiated in plain PyTorch.

Where a tree is shallow all of its neurons are computed, and those off the paths set to 0; where it
is deep, those of the paths are gathered: see `_DENSE_UP_TO`.

Covered:      any float dtype (narrower than float32 is computed in float32); every activation.
Not covered:  which paths these are (`fff.beta_reference`, kernels); second derivatives.

Shape letters: see `fff.beta_weights`; `N` are all neurons, `k` times those of a tree.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from fff.activations import activation_by_name
from fff.chunks import chunk_slices
from fff.number_types import wide
from fff.taken_leaves import BACK_THROUGH

_DENSE_UP_TO = 40
"""
Neurons of a tree for each on a path, up to which computing all of them is quicker. Gathered against
all, ms backward, one thread: 9 and 8 of 32 (1,024 rows of 128), 17 and 19 of 57 (256 rows of 768),
13 and 33 of 102 (1,024 rows of 128), 22 and 94 of 341 (128 rows of 768); 2-core AMD EPYC VM, busy,
2026-11-28.
"""


@dataclass(frozen=True, slots=True)
class Neurons:
    """
    The neurons of a layer, as its `state_dict` holds them.

    Attributes:
        w_in: `[N, i]`.
        b_in: `[N]`.
        w_out: `[o, N]`.
        trees: `k`.
        activation: A name of `fff.activations`.
    """

    w_in: Tensor
    b_in: Tensor
    w_out: Tensor
    trees: int
    activation: str

    @property
    def depth(self) -> int:
        return (len(self.w_in) // self.trees + 1).bit_length() - 2

    def forward(self, x: Tensor, leaf: Tensor) -> Tensor:
        """
        Compute the neurons on each row's paths.

        Args:
            x: `[n, i]`, float32 or float64.
            leaf: `[n, k]`, integers.

        Returns:
            `[n, o]`, in the dtype of `x`.
        """
        w_in, b_in, w_out = (tensor.to(x.dtype) for tensor in self._tensors())
        act, y = activation_by_name(self.activation), x.new_empty(len(x), len(w_out))
        for rows in self._chunks(len(x)):
            path = self._path(leaf[rows])
            if self._is_dense():
                hidden = act(torch.addmm(b_in, x[rows], w_in.T))  # [n, N]
                y[rows] = _only(hidden, path) @ w_out.T
            else:
                hidden = act(_dots(x[rows], w_in[path]) + b_in[path])  # [n, p]
                y[rows] = (hidden[:, None] @ w_out.T[path])[:, 0]
        return y

    def backward(self, grad: Tensor, x: Tensor, leaf: Tensor) -> tuple[Tensor, ...]:
        """
        Differentiate what the neurons put out.

        Args:
            grad: `[n, o]`, float32 or float64.
            x: `[n, i]`.
            leaf: `[n, k]`, integers.

        Returns:
            Gradients of `x`, `w_in`, `b_in` and `w_out`, each of its dtype; 0 of a neuron that no
            row met.
        """
        tensors = x, *self._tensors()
        x, w_in, b_in, w_out = (wide(tensor) for tensor in tensors)
        sums = [torch.zeros_like(tensor) for tensor in (x, w_in, b_in, w_out)]
        grad, one_chunk = grad.to(x.dtype), self._all_of if self._is_dense() else self._some_of
        w_out = w_out.T.contiguous()  # [N, o]
        of_w_out = torch.zeros_like(w_out)
        for rows in self._chunks(len(x)):
            of_x = sums[0][rows]
            parts = (of_x, sums[1], sums[2], of_w_out)
            one_chunk(grad[rows], x[rows], self._path(leaf[rows]), (w_in, b_in, w_out), parts)
        sums[3].copy_(of_w_out.T)
        return tuple(t.to(like.dtype) for t, like in zip(sums, tensors, strict=True))

    def _all_of(
        self,
        grad: Tensor,
        x: Tensor,
        path: Tensor,
        weights: tuple[Tensor, Tensor, Tensor],
        sums: tuple[Tensor, Tensor, Tensor, Tensor],
    ) -> None:
        """Add a chunk's gradients, by products with all neurons."""
        (w_in, b_in, w_out), (of_x, of_w_in, of_b_in, of_w_out) = weights, sums
        z = torch.addmm(b_in, x, w_in.T)  # [n, N]
        of_w_out.addmm_(_only(activation_by_name(self.activation)(z), path).T, grad)
        of_z = _only(BACK_THROUGH[self.activation](grad @ w_out.T, z), path)
        of_w_in.addmm_(of_z.T, x)
        of_b_in += of_z.sum(0)
        of_x.addmm_(of_z, w_in)

    def _some_of(
        self,
        grad: Tensor,
        x: Tensor,
        path: Tensor,
        weights: tuple[Tensor, Tensor, Tensor],
        sums: tuple[Tensor, Tensor, Tensor, Tensor],
    ) -> None:
        """Add a chunk's gradients, gathering the neurons of its paths."""
        (w_in, b_in, w_out), (of_x, of_w_in, of_b_in, of_w_out) = weights, sums
        own, every = w_in[path], path.flatten()  # [n, p, i], [n * p]
        z = _dots(x, own) + b_in[path]  # [n, p]
        hidden = activation_by_name(self.activation)(z)
        of_w_out.index_add_(0, every, (hidden[:, :, None] * grad[:, None]).flatten(0, 1))
        of_z = BACK_THROUGH[self.activation](_dots(grad, w_out[path]), z)  # [n, p]
        of_w_in.index_add_(0, every, (of_z[:, :, None] * x[:, None]).flatten(0, 1))
        of_b_in.index_add_(0, every, of_z.flatten())
        of_x += (of_z[:, None] @ own)[:, 0]

    def _tensors(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.w_in, self.b_in, self.w_out

    def _is_dense(self) -> bool:
        return len(self.w_in) <= _DENSE_UP_TO * self.trees * (self.depth + 1)

    def _chunks(self, n: int) -> Iterator[slice]:
        width = max(self.w_in.shape[1], len(self.w_out))
        on_paths = self.trees * (self.depth + 1) * width
        return chunk_slices(n, 4 * (len(self.w_in) if self._is_dense() else on_paths))

    def _path(self, leaf: Tensor) -> Tensor:
        """All neurons that rows met, tree by tree, `[n, p]`, `p = k (d + 1)`."""
        level = torch.arange(self.depth, -1, -1, device=leaf.device)
        # In heap order counted from 1, a node's ancestors are its number's upper bits.
        node = ((leaf.long() + (1 << self.depth))[:, :, None] >> level) - 1  # [n, k, d + 1]
        first = torch.arange(self.trees, device=leaf.device) * (len(self.w_in) // self.trees)
        return (node + first[:, None]).flatten(1)


def _only(values: Tensor, path: Tensor) -> Tensor:
    """Keep `[n, N]` where a path goes; 0 elsewhere, whatever was there."""
    only: Tensor = torch.zeros_like(values).scatter_(1, path, values.gather(1, path))
    return only


def _dots(x: Tensor, w: Tensor) -> Tensor:
    """Each row with its own neurons: `[n, i]` and `[n, p, i]` to `[n, p]`."""
    dots: Tensor = torch.bmm(w, x[:, :, None])[:, :, 0]
    return dots
