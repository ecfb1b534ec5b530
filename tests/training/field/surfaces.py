"""Fields that tests can know all about."""

import numpy as np

from evaluation.samples import Inputs, Samples


def rows(n: int, inputs: int = 2, seed: int = 0) -> Inputs:
    """`[n, i]` float32 in [-1, 1]."""
    return np.random.default_rng(seed).uniform(-1, 1, (n, inputs)).astype(np.float32)


def waves(x: Inputs) -> Inputs:
    """A smooth surface with structure everywhere, `[n, 1]`, around 500."""
    height: Inputs = 500 + 100 * np.sin(7 * x[:, :1]) * np.cos(5 * x[:, -1:])
    return height.astype(np.float32)


def samples(n: int, inputs: int = 2, seed: int = 0) -> Samples:
    x = rows(n, inputs, seed)
    return Samples(x, waves(x), "waves")
