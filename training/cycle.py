"""One cycle of a learning rate: a tenth of the steps up, then a cosine down to 0."""

import math

# The share of the steps that warm up, and what the highest rate is of the first step's.
_WARM_SHARE, _FIRST_RATE = 0.1, 25


def rate_of_cycle(highest: float, share: float) -> float:
    """Rate when a share of the steps, 0 to 1, is done."""
    if share < _WARM_SHARE:
        return highest * (1 + share / _WARM_SHARE * (_FIRST_RATE - 1)) / _FIRST_RATE
    cooled = (share - _WARM_SHARE) / (1 - _WARM_SHARE)
    return highest * (1 + math.cos(math.pi * cooled)) / 2
