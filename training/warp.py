"""
Images as other hands would have made them: turned, sheared, stretched, fainter or stronger.

Covered:      grey images and images with channels; dark grounds, as digits have them.
Not covered:  what changes a label, such as mirror images.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def warp(images: Tensor, strength: Tensor, white: float) -> Tensor:
    """
    Warp each image by numbers of its own, drawn by torch's generator.

    Args:
        images: `[n, h, w, c]`, uint8, 0 where nothing is drawn.
        strength: Of each, `[n]`, at least 0: it is turned by up to this many radians, sheared by up
            to this share, and stretched in each direction and made fainter or stronger by a factor
            of up to `exp(strength)` either way.
        white: The brightest pixel there is; what would be brighter is that.

    Returns:
        `[n, h, w, c]`, uint8.
    """
    n = len(images)
    turn, shear, wide, high, ink = strength * (2 * torch.rand(5, n) - 1)
    turned = torch.stack((turn.cos(), -turn.sin(), turn.sin(), turn.cos()), 1).view(n, 2, 2)
    sheared = torch.eye(2).repeat(n, 1, 1)
    sheared[:, 0, 1] = shear
    stretched = torch.diag_embed(torch.stack((wide.exp(), high.exp()), 1))
    drawn = images.permute(0, 3, 1, 2).float()
    in_pixels = turned @ sheared @ stretched
    matrix = torch.cat((in_pixels * _of_grid(*drawn.shape[2:]), torch.zeros(n, 2, 1)), 2)
    grid = F.affine_grid(matrix, list(drawn.shape), align_corners=False)
    seen = F.grid_sample(drawn, grid, align_corners=False) * ink.exp()[:, None, None, None]
    warped: Tensor = seen.clamp(max=white).round().byte().permute(0, 2, 3, 1)
    return warped


def _of_grid(height: int, width: int) -> Tensor:
    """Factors from a map of pixels to one of the grid, `[2, 2]`, whose sides are both 2 long."""
    return torch.tensor([[1.0, height / width], [width / height, 1.0]])
