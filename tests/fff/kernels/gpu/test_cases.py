"""
The Triton kernels against the reference, in Triton's interpreter and on a GPU.

Started by `test_kernels.py`, in a process for each. What the interpreter cannot show: speed, CUDA
graphs, and how tensor cores round.
"""

import weakref

import numpy as np
import pytest
import torch
from torch import Tensor

from fff import reference
from fff.activations import ACTIVATIONS
from fff.decision import canonical_score
from fff.kernels.gpu.backend import TritonGrouped
from fff.kernels.gpu.route import halving_order
from fff.kernels.gpu.tuning import Tuning
from fff.weights import FFFWeights
from tests.fff.exactness import assert_like_the_reference
from tests.fff.kernels.gpu.device import DEVICE, INTERPRETED
from tests.fff.networks import SHAPES, Shape, rows, tree
from tests.fff.test_batch_independence import HARD

# The interpreter computes with numpy, which warns of infinities that a GPU makes in silence.
pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")

DTYPES = ("float32", "bfloat16", "float16")
# Level by level and sorted from 17 rows on: the interpreter takes 10 ms a row.
FEW_ARE_MANY = Tuning(unsorted_rows=16, narrow_rows=16)
FEW_ROWS = SHAPES | {  # the interpreter takes 10 ms a row
    "all-widths-one": Shape(20, 1, 4, 1, 1, 1),
    "mnist-d4": Shape(18, 784, 4, 8, 10, 8),
    "leaves-wider-than-a-block": Shape(17, 600, 2, 150, 150, 140),
}


def check(x: Tensor, w: FFFWeights, dtype: str) -> None:
    prediction = TritonGrouped(w, DEVICE, dtype, tuning=FEW_ARE_MANY).infer(x)
    assert_like_the_reference(prediction, x, w, getattr(torch, dtype))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", FEW_ROWS.values(), ids=FEW_ROWS)
def test_a_layer_is_computed_like_the_reference(shape: Shape, dtype: str) -> None:
    check(shape.rows(), shape.tree(), dtype)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_computed_like_the_reference(activation: str) -> None:
    check(4 * rows(9, 12), tree(12, 1, 4, 5, 2, activation), "float32")


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_an_activation_is_exact_near_0_and_far_from_it(activation: str) -> None:
    """One neuron per row, passed through: relative error of a few float32 roundings."""
    w = tree(1, 0, 1, 1, activation=activation)
    for tensor, value in ((w.w1, 1.0), (w.b1, 0.0), (w.w2, 1.0), (w.b2, 0.0)):
        tensor.fill_(value)
    sizes = torch.tensor([0.0, 1e-6, 1e-3, 0.1, 0.24, 0.26, 1.0, 2.9, 3.1, 8.0, 15.0, 80.0, 2e3])
    x = torch.cat([sizes, -sizes])[:, None]

    logits = TritonGrouped(w, DEVICE).infer(x).logits

    truth = ACTIVATIONS[activation](x.double()).float()
    torch_error = (ACTIVATIONS[activation](x) - truth).abs()
    # A GPU's exp is by a power of two, whose argument has lost bits where it is large.
    relative = 2e-6 if INTERPRETED else 1e-5
    assert ((logits - truth).abs() <= relative * truth.abs() + 2 * torch_error + 1e-7).all()


def test_a_lineage_without_output_bias_is_computed_without_it() -> None:
    check(rows(9, 12), tree(12, 2, 4, 5, leaf_output_bias=False), "float32")


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_ties_all_go_right_by_ge_and_left_by_gt(zero: float) -> None:
    ge, gt = tree(6, 2, 2, 3, tie="ge"), tree(6, 2, 2, 3, tie="gt")
    for w in (ge, gt):
        w.node_weight.fill_(zero)
        w.node_bias.fill_(zero)

    for n in (2, 17):
        for w, leaf in ((ge, 3), (gt, 0)):
            answer = TritonGrouped(w, DEVICE, tuning=FEW_ARE_MANY).infer(rows(n, 6))
            assert answer.leaf.flatten().tolist() == [leaf] * n


def test_a_margin_is_finite_where_nodes_have_no_weights() -> None:
    w = tree(6, 3, 2, 3)
    w.node_weight[1:] = 0  # the root alone is a boundary
    check(rows(9, 6), w, "float32")

    w.node_weight.zero_()
    check(rows(9, 6), w, "float32")


@pytest.mark.parametrize("case", HARD)
def test_hard_rows_take_the_references_leaf_alone_and_in_any_batch(case: str) -> None:
    x, w = HARD[case]()
    x = x[::4]  # two or more of every kind
    net, (true, _) = TritonGrouped(w, DEVICE, tuning=FEW_ARE_MANY), reference.route(x, w)

    assert net.infer(x).leaf[:, 0].tolist() == true.tolist()
    assert net.infer(x[:10]).leaf[:, 0].tolist() == true[:10].tolist()
    assert [int(net.infer(row[None]).leaf) for row in x] == true.tolist()


@pytest.mark.parametrize("i", [2, 3, 5, 6, 7, 23, 50, 784])
def test_a_score_that_float64_itself_decides_by_rounding_is_decided_alike(i: int) -> None:
    """Terms of many sizes that cancel: the sign is that of the canonical order's own error."""
    half, g = i // 2, torch.Generator().manual_seed(i)
    x = torch.randn(16, i, generator=g) * 2.0 ** torch.randint(0, 60, (16, i), generator=g)
    x[:, half : 2 * half] = -x[:, torch.randperm(half, generator=g)]
    w = tree(i, 1, 1, 1)
    w.node_weight.fill_(1.0)
    w.node_bias.zero_()
    w.node_weight[0, 2 * half :] = 0.0

    true, _ = reference.route(x, w)
    other_order = (x.double().flip(1).cumsum(1)[:, -1] >= 0).long()

    net = TritonGrouped(w, DEVICE)
    assert net.infer(x).leaf[:, 0].tolist() == true.tolist()
    assert net.rechecked_rows == len(x)
    assert i < 50 or not torch.equal(other_order, true)


@pytest.mark.parametrize("i", [*range(1, 40), 784, 1000, 4097])
def test_halving_in_the_kernels_order_is_the_canonical_sum(i: int) -> None:
    x, weight = rows(8, i, 1) * 10 ** rows(8, i, 2), rows(8, i, 3)
    order = halving_order(i).long()
    terms = torch.where(order >= 0, (x.double() * weight.double())[:, order.clamp(min=0)], 0.0)

    while terms.shape[1] > 1:
        terms = terms[:, : terms.shape[1] // 2] + terms[:, terms.shape[1] // 2 :]

    assert sorted(order[order >= 0].tolist()) == list(range(i))
    assert torch.equal(terms[:, 0], canonical_score(x, weight, torch.zeros(8)))


@pytest.fixture
def _products_in_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    """
    Let the interpreter multiply matrices in one order of additions, whatever the rows beside.

    It asks numpy's BLAS, where a row's bits depend on its place in the block on some processors
    (an EPYC without AVX-512; not on a Xeon with it). A GPU has its own.
    """
    if not INTERPRETED:
        return

    def product(a: np.ndarray, b: np.ndarray, dtype: np.dtype) -> np.ndarray:
        a, b = a.astype(dtype), b.astype(dtype)
        out = np.zeros((len(a), b.shape[1]), dtype)
        for k in range(len(b)):
            out += a[:, k, None] * b[k]
        return out

    monkeypatch.setattr(np, "matmul", product)


@pytest.mark.usefixtures("_products_in_one_order")
@pytest.mark.parametrize("dtype", DTYPES)
def test_the_bits_of_a_row_do_not_depend_on_its_batch(dtype: str) -> None:
    x, w = rows(35, 37), tree(37, 2, 5, 7, 3, "gelu")
    net = TritonGrouped(w, DEVICE, dtype, tuning=FEW_ARE_MANY)
    whole = net.infer(x).logits

    for n in (2, 16, 17):  # unsorted and sorted, three levels at once and one
        assert torch.equal(net.infer(x[-n:]).logits, whole[-n:])
    assert torch.equal(torch.cat([net.infer(row[None]).logits for row in x[:18]]), whole[:18])
    shuffled = torch.randperm(len(x))[:20]
    assert torch.equal(net.infer(x[shuffled]).logits, whole[shuffled])


@pytest.mark.usefixtures("_products_in_one_order")
@pytest.mark.parametrize(
    "tuning",
    [
        Tuning(block_bytes=1, narrow_rows=0, row_stages=2),
        Tuning(unsorted_rows=0, ranked_rows=32, rank_step=16, leaf_warps=8, leaf_stages=2),
        Tuning(unsorted_rows=40, narrow_rows=0, route_warps=2),
    ],
    ids=["a-program-a-tile", "always-sorted", "never-sorted"],
)
def test_no_choice_of_the_launches_changes_a_bit(tuning: Tuning) -> None:
    x, w = rows(35, 37), tree(37, 3, 5, 150, 3, "gelu")  # 150 outputs: three blocks of columns

    usual, other = (TritonGrouped(w, DEVICE, tuning=t).infer(x) for t in (Tuning(), tuning))

    assert torch.equal(other.leaf, usual.leaf)
    assert torch.equal(other.logits, usual.logits)


def test_a_row_in_doubt_at_several_nodes_is_one_row_rechecked() -> None:
    w = tree(6, 3, 2, 3)
    w.node_weight.zero_()
    w.node_bias.zero_()
    net = TritonGrouped(w, DEVICE, tuning=FEW_ARE_MANY)

    for n in (0, 1, 17):
        net.infer(rows(n, 6))

    assert net.rechecked_rows == 18


def test_a_neighbour_that_is_not_finite_changes_no_other_row() -> None:
    x, w = rows(20, 50), tree(50, 3, 2, 3, 4)
    net = TritonGrouped(w, DEVICE, tuning=FEW_ARE_MANY)
    clean, others = net.infer(x), torch.arange(20) != 7

    for poison in (torch.nan, torch.inf, -torch.inf):
        x[7] = poison
        answer = net.infer(x)

        assert torch.equal(answer.leaf[others], clean.leaf[others])
        assert torch.equal(answer.logits[others], clean.logits[others])


def test_more_rows_than_the_largest_bucket_are_several_batches() -> None:
    x, w = rows(9, 5), tree(5, 2, 2, 3)

    assert_like_the_reference(TritonGrouped(w, DEVICE, max_rows=4).infer(x), x, w)


def test_a_layers_memory_is_freed_with_its_last_reference() -> None:
    net = TritonGrouped(tree(5, 2, 2, 3, 2), DEVICE)
    net.infer(rows(3, 5))
    parts = [weakref.ref(part) for part in (net, net.layer.leaves.w1, net.graphs)]

    del net

    assert [part() for part in parts] == [None, None, None]  # no collection was needed


def test_an_unknown_leaf_type_is_refused() -> None:
    with pytest.raises(ValueError, match="leaf dtype must be one of .* got 'float64'"):
        TritonGrouped(tree(5, 2, 2, 3), DEVICE, "float64")
