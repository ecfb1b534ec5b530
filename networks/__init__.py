"""
Networks with FFF layers inside: blocks that a manifest names, and what runs them.

Modules to put a model of one's own together with, beside torch's and `fff.FFF`:
"""

from networks.blocks.activation import ActivationFunction as ActivationFunction
from networks.blocks.attention import Attention as Attention
from networks.blocks.patch_embedding import PatchEmbedding as PatchEmbedding
from networks.blocks.pooling import Pooling as Pooling
from networks.blocks.position_embedding import PositionEmbedding as PositionEmbedding
from networks.blocks.residual import Residual as Residual
from networks.blocks.sinusoidal_position import SinusoidalPosition as SinusoidalPosition
