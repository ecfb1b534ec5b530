"""The types of blocks, a file each. One that is imported here is known."""

from networks.blocks.activation import Activation as Activation
from networks.blocks.attention import AttentionBlock as AttentionBlock
from networks.blocks.dense import DenseBlock as DenseBlock
from networks.blocks.fff import FFFBlock as FFFBlock
from networks.blocks.fff_beta import FFFBetaBlock as FFFBetaBlock
from networks.blocks.layer_norm import LayerNorm as LayerNorm
from networks.blocks.linear import Linear as Linear
from networks.blocks.patch_embedding import PatchEmbeddingBlock as PatchEmbeddingBlock
from networks.blocks.pooling import PoolingBlock as PoolingBlock
from networks.blocks.position_embedding import PositionEmbeddingBlock as PositionEmbeddingBlock
from networks.blocks.residual import ResidualBlock as ResidualBlock
from networks.blocks.sinusoidal_position import (
    SinusoidalPositionBlock as SinusoidalPositionBlock,
)
from networks.blocks.token_embedding import TokenEmbedding as TokenEmbedding
