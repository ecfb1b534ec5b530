"""
A raster: values on a regular grid, and between its sample points multilinear interpolation.

What a user of a field, such as elevation over a map, does without any network, and so the honest
rival of one.

Shape letters: see `fff.weights`; s_1, ..., s_i are the samples along each axis of the grid.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from torch import Tensor

from fff.names import Kind
from fff.shapes import ShapeError, take

MOST_INPUTS = 4


@dataclass(frozen=True, slots=True)
class RasterWeights:
    """
    Values at the points of a grid over `[-1, 1]` for each input.

    Along an axis of s samples these lie at `numpy.linspace(-1, 1, s)`: the first at -1, the last at
    1. Beyond them the value is that of the border; along an axis of one sample it is constant. A
    row with a NaN has NaN for every output.

    Inputs name the axes from the last to the first: of a map `values[row, column]` input 0 is x,
    which runs along the columns, and input 1 is y, which runs along the rows.

    Attributes:
        values: `[s_1, ..., s_i, o]`, for 1 to 4 inputs; input 0 runs along `s_i`, the last input
            along `s_1`.
    """

    kind: ClassVar[Kind] = "raster"

    values: Tensor

    def __post_init__(self) -> None:
        if not 1 <= self.input_width <= MOST_INPUTS or not self.values.numel():
            raise ShapeError(
                f"values must be [samples, ..., out], of 1 to {MOST_INPUTS} axes of samples, "
                f"none of them empty; got {list(self.values.shape)}"
            )

    @property
    def input_width(self) -> int:
        return self.values.ndim - 1

    @property
    def output_width(self) -> int:
        return self.values.shape[-1]

    @property
    def shape(self) -> list[int]:
        """Samples along each axis of the grid, in the order of `values`: the last is input 0's."""
        return list(self.values.shape[:-1])

    def tensors(self) -> dict[str, Tensor]:
        return {"values": self.values}

    @classmethod
    def from_tensors(cls, tensors: Mapping[str, Tensor]) -> Self:
        """
        Build from named tensors, the inverse of `tensors`.

        Raises:
            ShapeError: If the values are missing or no grid.
        """
        return cls(take(tensors, "values"))

    @property
    def flops_per_row(self) -> int:
        """
        Multiplications and additions of one row: `4 i + 3 (2**i - 1) o`.

        For each input four find its place between two samples; then values are halved i times,
        two of them being one, `(1 - t) a + t b`.
        """
        i = self.input_width
        return 4 * i + 3 * ((1 << i) - 1) * self.output_width

    @property
    def bytes_per_row(self) -> int:
        """Bytes of values that one row alone must read: of the `2**i` corners of its cell."""
        return (1 << self.input_width) * self.output_width * self.values.element_size()
