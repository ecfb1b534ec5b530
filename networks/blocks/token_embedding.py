"""From token ids to tokens: a row of a table for each."""

from typing import Literal, Self

from torch import nn

from fff.shapes import ShapeError
from networks.block import Block, Shape, Width


class TokenEmbedding(Block):
    """The first block of a network for text, as `torch.nn.Embedding`."""

    type: Literal["token_embedding"] = "token_embedding"
    vocabulary: Width
    width: Width

    @classmethod
    def of(cls, name: str, module: nn.Module) -> Self | None:
        """Describe a `torch.nn.Embedding` that neither pads nor scales."""
        if type(module) is not nn.Embedding or module.max_norm is not None:
            return None
        return cls(name=name, vocabulary=module.num_embeddings, width=module.embedding_dim)

    def module(self) -> nn.Module:
        """Make a `torch.nn.Embedding`."""
        return nn.Embedding(self.vocabulary, self.width)

    def output(self, shape: Shape) -> Shape:
        """From ids to tokens."""
        if len(shape) != 1:
            raise ShapeError(f"must be given token ids, [t], got shape {list(shape)}")
        return shape[0], self.width
