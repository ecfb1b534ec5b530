"""A fast wrong answer is no result: every contender is held against the slow truth first."""

from torch import Tensor

from bench.contenders import Contenders
from fff import reference
from fff.weights import FFFWeights

TOLERANCE = 1e-3  # of the largest logit; rounding is 1000 times less, another leaf far more
CLEAR_MARGIN = 1e-3  # below, plain float32 scores may take the other side of a boundary
DENSE_ROWS = 8  # of a batch; the rest would take longer to check than to time


class ParityError(RuntimeError):
    """A contender that does not compute what it is timed for."""


def check(sides: Contenders, x: Tensor) -> None:
    """
    Compare a batch on every side.

    Our leaves must all be the reference's, near boundaries too, because ours decides exactly;
    the gather form is compared where the leaf is beyond doubt.

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
    few = x[:DENSE_ROWS]
    _compare("dense", sides.runs["dense"](few), reference.dense(few, sides.wide))
    narrow = sides.runs["dense_inference"](few)
    _compare("dense_inference", narrow, reference.dense(few, sides.narrow))


def check_single_leaf(x: Tensor, weights: FFFWeights) -> None:
    """
    See that rows meant to share a leaf do.

    Raises:
        ParityError: If they reach more than one.
    """
    leaves = set(reference.route(x, weights)[0].tolist())
    if len(leaves) != 1:
        raise ParityError(f"rows meant for one leaf reach {len(leaves)}")


def _compare(name: str, got: Tensor, truth: Tensor) -> None:
    if not len(truth):
        return
    worst = float((got - truth).abs().max() / truth.abs().max())
    if not worst <= TOLERANCE:  # not `>`: NaN must not pass
        raise ParityError(f"{name}: logits differ by {worst:.2g} of the largest one")
