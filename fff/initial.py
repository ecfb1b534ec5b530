"""What a layer may be made of, and how its parameters are drawn."""

import torch
from torch import nn


def uniform(
    bound: float,
    *shape: int,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Parameter:
    """Draw a parameter between `-bound` and `bound`."""
    return nn.Parameter(torch.empty(shape, device=device, dtype=dtype).uniform_(-bound, bound))


def check_sizes(
    depth: int, input_width: int, output_width: int, leaf_width: int, master_width: int
) -> None:
    """
    Refuse sizes that no layer can have.

    Raises:
        ValueError: With the sizes.
    """
    if depth < 0 or min(input_width, output_width, leaf_width) < 1 or master_width < 0:
        raise ValueError(
            "depth and master_width must be >= 0, the other widths >= 1; got "
            f"{depth=}, {input_width=}, {output_width=}, {leaf_width=}, {master_width=}"
        )
