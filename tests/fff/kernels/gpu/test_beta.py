"""
The Triton kernels of FFF-beta against the reference.

Started by `test_kernels.py`, in Triton's interpreter and on a GPU.
"""

from dataclasses import replace

import pytest
import torch

from fff import beta_reference
from fff.kernels.gpu.beta import TritonBeta
from tests.fff.kernels.gpu.device import DEVICE
from tests.fff.networks import neurons, rows
from tests.fff.test_batch_independence import HARD
from tests.fff.test_beta_backends import Sizes, assert_like_the_reference, fields

# The interpreter computes with numpy, which warns of infinities that a GPU makes in silence.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")


@pytest.mark.parametrize(
    "shape", [(1, 5, 0, 1, 4), (5, 37, 2, 3, 51), (6, 1, 3, 1, 1), (2, 768, 5, 1, 1030)]
)
def test_a_layer_is_computed_like_the_reference_and_row_by_row(shape: Sizes) -> None:
    n, i, d, k, o = shape
    x, w = rows(n, i), neurons(i, d, k, o)
    backend = TritonBeta(w, DEVICE)

    answer = backend.infer(x)

    assert_like_the_reference(answer, x, w)
    for part, alone in zip(fields(answer), fields(backend.infer(x[-1:])), strict=True):
        assert torch.equal(part[-1:], alone)
    assert len(backend.infer(x[:0])) == 0


@pytest.mark.parametrize("case", ["near-ties", "sum-overflows"])
def test_a_leaf_is_the_references_where_float32_is_in_doubt(case: str) -> None:
    x, tree = HARD[case]()
    x = x[::8]
    w = replace(neurons(x.shape[1], tree.depth, 1, 3, "relu"), tie=tree.tie)
    w.w_in[0, : tree.leaves - 1], w.b_in[0, : tree.leaves - 1] = tree.node_weight, tree.node_bias
    backend = TritonBeta(w, DEVICE)

    leaf = backend.infer(x).leaf

    assert torch.equal(leaf[:, 0].long(), beta_reference.walk(x, w, 0)[0])
    assert backend.rechecked_rows > 0


@pytest.mark.parametrize("tie", ["gt", "ge"])
def test_sums_of_zero_follow_the_rule_for_ties(tie) -> None:
    w = replace(neurons(6, 3, 2, 4), tie=tie)
    w.w_in.zero_()
    w.b_in.zero_()

    assert TritonBeta(w, DEVICE).infer(rows(2, 6)).leaf.tolist() == [[7 * (tie == "ge")] * 2] * 2
