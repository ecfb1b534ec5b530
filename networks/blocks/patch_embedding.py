"""From an image to tokens, one of each square patch (vision transformer, arXiv:2010.11929)."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator
from torch import Tensor, nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, Width


class PatchEmbedding(nn.Module):
    """
    A linear layer over the numbers of each patch, channel by channel, row by row.

    Args:
        image: Channels, height and width; the last two multiples of `patch`.
        patch: Pixels along a side.
        width: Of a token.

    Raises:
        ValueError: If patches do not fill the image.
    """

    def __init__(self, image: tuple[int, int, int], patch: int, width: int):
        super().__init__()
        channels, rows, columns = image
        if patch < 1 or rows % patch or columns % patch:
            raise ValueError(f"patches of {patch} must fill an image of {rows} x {columns}")
        self.image, self.patch = image, patch
        self.linear = nn.Linear(channels * patch * patch, width)

    def forward(self, x: Tensor) -> Tensor:
        """`[n, c, h, w]` to tokens, `[n, t, width]`, row by row."""
        n, side = len(x), self.patch
        channels, rows, columns = self.image
        cut = x.view(n, channels, rows // side, side, columns // side, side)
        patches = cut.permute(0, 2, 4, 1, 3, 5)  # [n, rows, columns, c, side, side]
        tokens: Tensor = self.linear(patches.reshape(n, -1, channels * side * side))
        return tokens


class PatchEmbeddingBlock(Block):
    """The first block of a vision transformer."""

    type: Literal["patch_embedding"] = "patch_embedding"
    image: Annotated[tuple[Width, Width, Width], Field(strict=False)]
    patch: Width
    width: Width

    @model_validator(mode="after")
    def _patches_fill_the_image(self) -> Self:
        if self.image[1] % self.patch or self.image[2] % self.patch:
            raise ValueError(f"patches of {self.patch} pixels must fill the image {self.image}")
        return self

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe ours."""
        if not isinstance(module, PatchEmbedding):
            return None
        width = module.linear.out_features
        return cls(name=name, image=module.image, patch=module.patch, width=width)

    def module(self) -> nn.Module:
        """Make ours."""
        return PatchEmbedding(self.image, self.patch, self.width)

    @property
    def tokens(self) -> int:
        """How many patches an image has."""
        return self.image[1] // self.patch * (self.image[2] // self.patch)

    def output(self, shape: Shape) -> Shape:
        """From an image to tokens."""
        if shape != self.image:
            raise ShapeError(f"must be given images {list(self.image)}, got shape {list(shape)}")
        return self.tokens, self.width

    def flops(self, shape: Shape) -> int:
        """`2 w` for each number of the image."""
        return 2 * self.image[0] * self.image[1] * self.image[2] * self.width
