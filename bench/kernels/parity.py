"""Before a kernel cell is timed: every side computes what `fff.reference` does, on its own rows."""

import torch
from torch import Tensor

from bench.kernels.sides import MIXTURES, Contenders
from bench.parity import CLEAR_MARGIN, ParityError, check_logits
from bench.rows import Routing, zipf_shares
from fff import reference
from fff.weights import FFFWeights

DENSE_ROWS = 8  # of a batch; the rest would take longer to check than to time
SLOW_ROWS = 32  # of the authors' evaluation


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
    prediction = sides.backend.infer(x)
    wrong = int((prediction.leaf[:, 0] != leaf).sum())
    if wrong:
        raise ParityError(f"ours: {wrong} of {len(x)} rows take another leaf")
    _compare("ours", prediction.logits, truth)
    clear = margin > CLEAR_MARGIN
    _compare("gather", sides.runs["gather"](x)[clear], truth[clear])
    few = slice(0, SLOW_ROWS)
    _compare("authors", sides.runs["authors"](x[few])[clear[few]], truth[few][clear[few]])
    for name in MIXTURES:
        _check_mixture(name, sides, x)
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
        routing: That the rows were drawn for; `balanced` ones may reach any leaf.
        weights: The tree that routed them.

    Raises:
        ParityError: If one-leaf rows reach more than one, or the most popular leaf of Zipf rows
            has not the share it should have.
    """
    counts = leaf.bincount(minlength=weights.leaves)
    reached = int((counts > 0).sum())
    if routing == "single-leaf" and reached != 1:
        raise ParityError(f"rows meant for one leaf reach {reached}")
    if routing == "zipf":
        share, expected = float(counts.max()) / len(leaf), float(zipf_shares(weights.leaves)[0])
        deviation = (expected * (1 - expected) / len(leaf)) ** 0.5  # standard
        if abs(share - expected) > 4 * deviation:
            raise ParityError(f"the first leaf of Zipf's law has {share:.2f}, not {expected:.2f}")


def _check_mixture(name: str, sides: Contenders, x: Tensor) -> None:
    """Compare with experts computed one by one, chosen and mixed in float64."""
    k = MIXTURES[name]
    scores = x.double() @ sides.router.weight.double() + sides.router.bias.double()  # [n, E]
    best, expert = scores.sort(dim=1, descending=True)
    share = torch.softmax(best[:, :k], 1)  # [n, k]
    truth = torch.zeros(len(x), sides.tree.output_width, dtype=torch.float64)
    for place in range(k):
        truth += share[:, place, None] * reference.leaves(x, expert[:, place], sides.tree)
    clear = best[:, k - 1] - best[:, k] > CLEAR_MARGIN
    _compare(name, sides.runs[name](x)[clear], truth[clear])


def _compare(name: str, logits: Tensor, truth: Tensor) -> None:
    if len(truth):  # of a small batch, no row may be beyond doubt
        check_logits(name, logits, truth)
