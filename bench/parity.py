"""A fast wrong answer is no result: every contender is held against the slow truth first."""

import torch
from torch import Tensor

from bench.kernels.sides import MIXTURES, Contenders
from bench.rows import Routing, zipf_shares
from fff import reference
from fff.weights import FFFWeights

TOLERANCE = 1e-3  # of the largest logit; rounding is 1000 times less, another leaf far more
CLEAR_MARGIN = 1e-3  # below, plain float32 scores may take the other side of a boundary
DENSE_ROWS = 8  # of a batch; the rest would take longer to check than to time
SLOW_ROWS = 32  # of the authors' evaluation


class ParityError(RuntimeError):
    """A contender that does not compute what it is timed for."""


def check(sides: Contenders, x: Tensor) -> None:
    """
    Compare a batch on every side.

    Our leaves must all be the reference's, near boundaries too, because ours decides exactly;
    other sides are compared where their choice is beyond doubt.

    Raises:
        ParityError: Naming the side and by how much it differs.
    """
    leaf, margin = reference.route(x, sides.tree)
    truth = reference.leaves(x, leaf, sides.tree)
    got = sides.backend.infer(x)
    wrong = int((got.leaf[:, 0] != leaf).sum())
    if wrong:
        raise ParityError(f"ours: {wrong} of {len(x)} rows take another leaf")
    _compare("ours", got.logits, truth)
    clear = margin > CLEAR_MARGIN
    _compare("gather", sides.runs["gather"](x)[clear], truth[clear])
    few = slice(0, SLOW_ROWS)
    _compare("authors", sides.runs["authors"](x[few])[clear[few]], truth[few][clear[few]])
    for name, chosen in MIXTURES.items():
        _check_mixture(name, chosen, sides, x)
    for name in ("dense", "dense_inference", "dense_compiled"):
        if name in sides.runs:
            # A compiled side takes whole batches only.
            weights = sides.narrow if name == "dense_inference" else sides.wide
            y = sides.runs[name](x)[:DENSE_ROWS]
            _compare(name, y, reference.dense(x[:DENSE_ROWS], weights))


def check_routing(leaf: Tensor, routing: Routing, weights: FFFWeights) -> None:
    """
    See that rows reach the leaves they are meant for.

    Args:
        leaf: Of each row, `[n]`, from `reference.route`.
        routing: What was asked for; `balanced` rows may reach any leaf.
        weights: The tree.

    Raises:
        ParityError: If one-leaf rows reach more than one, or the most popular leaf of Zipf rows
            has not the share it should have.
    """
    counts = leaf.bincount(minlength=weights.leaves)
    reached = int((counts > 0).sum())
    if routing == "single-leaf" and reached != 1:
        raise ParityError(f"rows meant for one leaf reach {reached}")
    if routing == "zipf":
        share, wanted = float(counts.max()) / len(leaf), float(zipf_shares(weights.leaves)[0])
        off = abs(share - wanted)
        if off > 4 * (wanted * (1 - wanted) / len(leaf)) ** 0.5:  # standard deviations
            raise ParityError(f"the first leaf of Zipf's law has {share:.2f}, not {wanted:.2f}")


def _check_mixture(name: str, chosen: int, sides: Contenders, x: Tensor) -> None:
    """Compare with experts computed one by one, chosen and mixed in float64."""
    scores = x.double() @ sides.router.weight.double() + sides.router.bias.double()  # [n, E]
    best, expert = scores.sort(dim=1, descending=True)
    share = torch.softmax(best[:, :chosen], 1)
    truth = sum(
        share[:, k, None] * reference.leaves(x, expert[:, k], sides.tree) for k in range(chosen)
    )
    assert isinstance(truth, Tensor)
    clear = best[:, chosen - 1] - best[:, chosen] > CLEAR_MARGIN
    _compare(name, sides.runs[name](x)[clear], truth[clear])


def _compare(name: str, got: Tensor, truth: Tensor) -> None:
    if not len(truth):
        return
    worst = float((got - truth).abs().max() / truth.abs().max())
    if not worst <= TOLERANCE:  # not `>`: NaN must not pass
        raise ParityError(f"{name}: logits differ by {worst:.2g} of the largest one")
