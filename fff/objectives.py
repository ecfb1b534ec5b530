"""
Losses that an FFF is trained on beside its task: firm decisions (hardening), balanced leaves.

Source: hardening, arXiv:2308.14711, section "Hardening", normalised as in the authors' code
(natural logarithm, mean over batch and nodes); load balance, the code of arXiv:2405.16836
(Switch-style), with the true size of the batch where the original divides by the nominal one.
"""

import torch
import torch.nn.functional as F
from torch import Tensor


def hardening(scores: Tensor) -> Tensor:
    """
    Mean Bernoulli entropy of the soft decisions, in nats.

    Args:
        scores: Node scores, `[n, 2**d - 1]`.

    Returns:
        Scalar in `[0, ln 2]`; 0 at depth 0, where nothing is decided.
    """
    if scores.numel() == 0:
        return scores.new_zeros(())
    # H(sigmoid(s)) = softplus(s) - s sigmoid(s): no logarithm of a rounded 0.
    return (F.softplus(scores) - scores * torch.sigmoid(scores)).mean()


def hard_leaves(scores: Tensor) -> Tensor:
    """
    Follow the hard decisions through already computed scores (ties go right).

    Args:
        scores: Node scores, `[n, 2**d - 1]`.

    Returns:
        Leaf of each row, `[n]`, int64.
    """
    nodes = scores.shape[1]
    node = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    for _ in range((nodes + 1).bit_length() - 1):
        right = scores.gather(1, node[:, None])[:, 0] >= 0
        node = 2 * node + 1 + right
    return node - nodes


def load_balance(mixture: Tensor, leaf: Tensor) -> Tensor:
    """
    Push the soft shares away from leaves that take more than theirs: `L sum_j f_j P_j`.

    Args:
        mixture: Soft share of each leaf, `[n, L]`, differentiable.
        leaf: Hard leaf of each row, `[n]`, int64.

    Returns:
        Scalar: 1 when balanced, at most `L`.
    """
    rows, leaves = mixture.shape
    taken = torch.bincount(leaf, minlength=leaves).to(mixture) / rows  # f, [L]
    return leaves * (taken * mixture.mean(0)).sum()
