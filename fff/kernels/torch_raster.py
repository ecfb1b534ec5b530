"""
Multilinear interpolation in portable PyTorch, of a whole batch at a time.

Every operation is elementwise, so that a row has the same bits in any batch, on any device. They
are in float64, rounded once at the end: in float32 a row's place among 10,000 samples would be off
by up to a thousandth of a cell. Nothing waits for the device, so that a graph can hold it.
"""

from itertools import product
from math import prod

import torch
from torch import Tensor

from fff.raster import RasterWeights


class Interpolation:
    """
    A raster, ready to compute on the device of its values.

    Args:
        raster: Its values are kept, and not copied.
    """

    def __init__(self, raster: RasterWeights):
        device, axes = raster.values.device, raster.shape[::-1]  # [i], in the order of inputs
        self._values = raster.values.reshape(-1, raster.output_width)  # [s_1 * ... * s_i, o]
        strides = [prod(axes[:k]) for k in range(len(axes))]
        steps = [stride * (s > 1) for stride, s in zip(strides, axes, strict=True)]
        corners = [sum(corner) for corner in product(*((0, step) for step in steps))]
        self._cells = torch.tensor([s - 1 for s in axes], dtype=torch.float64, device=device)
        self._last_cell = (self._cells - 1).clamp(min=0)
        self._strides = torch.tensor(strides, device=device)
        self._corners = torch.tensor(corners, device=device)
        """From a cell's first sample to each of its `2**i` corners; input 0 varies slowest."""

    def __call__(self, x: Tensor, out: Tensor | None = None) -> Tensor:
        """Compute `[n, i]` float32 rows to `[n, o]`."""
        place = (x.clamp(-1, 1).double() + 1) * (self._cells / 2)  # [n, i]; NaN stays NaN
        cell = place.nan_to_num().floor().minimum(self._last_cell)
        share = (place - cell)[:, :, None, None]  # [n, i, 1, 1], of the upper sample
        first = (cell.long() * self._strides).sum(1)  # [n]
        y = self._values[first[:, None] + self._corners]  # [n, 2**i, o]
        for k in range(x.shape[1]):
            low, high = y.double().chunk(2, dim=1)  # [n, 2**(i - k - 1), o]
            y = (1 - share[:, k]) * low + share[:, k] * high
        y = y[:, 0].float()
        return y if out is None else out.copy_(y)
