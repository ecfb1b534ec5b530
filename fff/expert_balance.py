"""
The losses that keep all experts of a mixture in use: of importance and of load.

Left alone, a gate prefers the experts that it happened to prefer, which are then trained more. Both
losses are the squared coefficient of variation of a sum over the batch, one number an expert: 0
where all are equal. `fff.baselines.Mixture.gated` returns what they take.

Shape letters: see `fff.mixture`.

Source: Shazeer et al., Outrageously Large Neural Networks, arXiv:1701.06538, section 4 and appendix
A; written from the paper. The FFF's paper trains its rival with a weight of 0.1 for each (table 2).
"""

import torch
from torch import Tensor

_LEAST = 1e-10  # of a square of a mean: a batch without rows has loss 0, not NaN


def importance_loss(gates: Tensor) -> Tensor:
    """How unevenly shares, `[n, E]`, sum up over the rows; a scalar, to be weighted and added."""
    return _variation(gates.sum(0))


def load_loss(load: Tensor) -> Tensor:
    """How unevenly rows are given to experts, by probabilities, `[n, E]`; a scalar, as above."""
    return _variation(load.sum(0))


def smooth_load(score: Tensor, noisy: Tensor, deviation: Tensor, top_k: int) -> Tensor:
    """
    Estimate the load, differentiably: the probability that an expert is selected.

    It is over a new draw of the noise of that expert's score while the others keep theirs.

    Args:
        score: Scores without noise, `[n, E]`.
        noisy: The same with it, `[n, E]`.
        deviation: Standard deviation of the noise, `[n, E]`, above 0.
        top_k: Experts of a row, from 1 to E.

    Returns:
        `[n, E]`; ones where all experts are selected anyway.
    """
    if top_k == score.shape[1]:
        return torch.ones_like(score)
    best = noisy.topk(top_k + 1, dim=1).values
    last, next_one = best[:, top_k - 1, None], best[:, top_k, None]  # [n, 1]
    # What to exceed is the k-th largest of the others: one's own place is taken by the next.
    threshold = torch.where(noisy > next_one, next_one, last)  # [n, E]
    load: Tensor = torch.special.ndtr((score - threshold) / deviation)
    return load


def _variation(total: Tensor) -> Tensor:
    """Squared coefficient of variation of `[E]`: variance over squared mean."""
    return total.var(correction=0) / (total.mean() ** 2 + _LEAST)
