"""
Routing drift: how far live leaf shares are from the reference's, and how far chance takes them;
and which leaves fell silent that the reference used.

The Jensen-Shannon distance of a few rows from any shares is large; it says something only above
what as many rows drawn like the reference would show. `chance_level` is that, and so a fresh or
small window is not called drift.

Source: Lin, "Divergence measures based on the Shannon entropy", 1991; the distance is its root.
"""

from functools import cache

import numpy as np
import numpy.typing as npt

Counts = npt.NDArray[np.int64]
Reals = npt.NDArray[np.float64]

_ONE_IN_A_THOUSAND = 3.09  # of a normal distribution lie above, in standard deviations
_MOST_ROWS = 1000  # expected of one leaf; beyond, its divergence is as good as a chi-square's


def js_distance(rows: Counts, reference: Counts) -> float:
    """
    Measure the Jensen-Shannon distance (base 2) of two leaf counts, in `[0, 1]`.

    Args:
        rows: Per leaf, `[leaves]`; 0 if there are none.
        reference: Per leaf, `[leaves]`.
    """
    if not rows.sum():
        return 0.0
    p, q = rows / rows.sum(), reference / max(int(reference.sum()), 1)
    mean = (p + q) / 2
    divergence = (_relative_entropy(p, mean) + _relative_entropy(q, mean)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def chance_level(rows: float, reference: Counts | Reals) -> float:
    """
    Estimate the distance that rows drawn like the reference exceed once in a thousand times.

    A leaf's count is near Poisson, and so the moments of its part in the divergence are known;
    the sum over the leaves is taken for a chi-square scaled to its mean and variance
    (Satterthwaite, 1946), with the quantile of Wilson and Hilferty, 1931.

    Args:
        rows: In the window that is compared.
        reference: Rows per leaf, `[leaves]`: itself a sample, which counts too.

    Returns:
        In `[0, 1]`; 1 for no rows.
    """
    leaves, known = len(reference), float(reference.sum())
    if leaves == 1:
        return 0.0
    if not rows or not known:
        return 1.0
    effective = 1 / (1 / rows + 1 / known)
    # As if every leaf had half a row more: one that the reference never met may yet be met.
    expected = effective * (reference + 0.5) / (known + 0.5 * leaves)  # [leaves]
    grid, means, variances = _one_leaf()
    mean = np.interp(expected, grid, means).sum() / effective * (leaves - 1) / leaves
    variance = np.interp(expected, grid, variances).sum() / effective**2
    freedom = 2 * mean**2 / variance
    spread = 2 / (9 * freedom)
    divergence = mean * (1 - spread + _ONE_IN_A_THOUSAND * spread**0.5) ** 3
    return float(np.sqrt(min(divergence, 1.0)))


def silent_leaves(rows: Counts | Reals, reference: Counts | Reals) -> list[int]:
    """
    Find leaves that the reference used and the rows, too many for that to be chance, did not.

    Were a leaf's share the same in both, each of its `c` rows would lie in the reference with
    the chance `m / (m + n)` of `m` reference rows and `n` others; that all do is likelier than
    once in a thousand times, over all leaves, unless the leaf is in this list. (The exact chance
    is Fisher's, 1922, and smaller still.) A leaf that was dead in the reference is never in it.

    Args:
        rows: Per leaf, `[leaves]`.
        reference: Per leaf, `[leaves]`. Neither need be whole, where rows are counted in parts.
    """
    if not reference.any():
        return []
    evidence = reference * np.log1p(rows.sum() / reference.sum())  # [leaves]
    silent = (rows == 0) & (evidence > np.log(1000 * len(rows)))
    return [int(leaf) for leaf in np.flatnonzero(silent)]


@cache
def _one_leaf() -> tuple[Reals, Reals, Reals]:
    """
    Tabulate one leaf's part in the divergence, times the number of rows.

    Returns:
        Expected rows of the leaf, and the mean and variance of its part at each; both nearly
        constant above the last.
    """
    expected = np.geomspace(1e-3, _MOST_ROWS, 121)[:, None]
    count = np.arange(2 * _MOST_ROWS)
    log_factorial = np.concatenate([[0.0], np.log(count[1:]).cumsum()])
    chance = np.exp(count * np.log(expected) - expected - log_factorial)  # Poisson, [121, counts]
    ratio = count / expected
    part = -np.log2((1 + ratio) / 2)
    part += np.where(count > 0, ratio * np.log2(2 * np.maximum(ratio, 1e-9) / (1 + ratio)), 0.0)
    part *= expected / 2  # of one leaf: q f(p / q), times rows
    mean = (chance * part).sum(1)
    return expected[:, 0], mean, (chance * part**2).sum(1) - mean**2


def _relative_entropy(p: Reals, q: Reals) -> float:
    some = p > 0
    return float((p[some] * np.log2(p[some] / q[some])).sum())
