"""Each rival computes what it is timed for: the reference's network, by other means."""

import importlib.util
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from bench.networks import Router, Shape, random_dense, random_tree
from bench.rivals import (
    Experts,
    dense,
    descend,
    fused_dense,
    gather_leaves,
    grouped_experts,
    mixture,
    transformers_experts,
)
from fff import reference
from fff.weights import FFFWeights
from tests.fff.networks import rows

TRANSFORMERS = pytest.mark.skipif(
    importlib.util.find_spec("transformers") is None,
    reason="transformers is on GPU machines; by hand: pip install transformers==5.17.0",
)
SHAPES = (Shape(24, 10, 8, 3), Shape(16, 16, 5, 2), Shape(24, 16, 1, 4), Shape(8, 8, 3, 0))


def in_type(w: FFFWeights, dtype: torch.dtype) -> FFFWeights:
    tensors = w.tensors()
    typed = {name: t.to(dtype) for name, t in tensors.items() if not name.startswith("node")}
    return FFFWeights.from_tensors(tensors | typed, w.activation)


def experts_of(make: Callable[[FFFWeights], Experts], shape: Shape, dtype: torch.dtype) -> None:
    """Hold experts against the reference, as exact as plain torch in their type."""
    w = random_tree(shape, torch.Generator().manual_seed(0))
    x, leaf = rows(33, shape.i), torch.randint(0, w.leaves, (33,))
    leaf[5:20] = leaf[5]  # some with many rows, others with none

    y = make(in_type(w, dtype))(x.to(dtype), leaf)

    truth, plain = (reference.leaves(x.to(t), leaf, w) for t in (torch.float64, dtype))
    assert (y.shape, y.dtype) == ((33, shape.o), dtype)
    assert worst(y, truth) <= 2 * worst(plain, truth) + 1e-6


def worst(y: Tensor, truth: Tensor) -> float:
    return float((y.double() - truth).abs().max())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_grouped_products_compute_each_row_by_its_expert(shape: Shape, dtype: torch.dtype) -> None:
    experts_of(grouped_experts, shape, dtype)


@TRANSFORMERS
@pytest.mark.parametrize("shape", [Shape(16, 16, 8, 2), Shape(32, 32, 16, 4)], ids=str)
def test_transformers_computes_each_row_by_its_expert(shape: Shape) -> None:
    experts_of(transformers_experts, shape, torch.bfloat16)


def test_transformers_is_not_asked_for_what_it_cannot_compute() -> None:
    w = random_tree(Shape(16, 8, 4, 1), torch.Generator())

    with pytest.raises(ValueError, match="as wide as their inputs"):
        transformers_experts(w)


def test_gathered_leaves_are_the_reference() -> None:
    w, x = random_tree(Shape(24, 10, 8, 3), torch.Generator().manual_seed(0)), rows(33, 24)
    leaf = descend(x, w)

    assert torch.equal(leaf, reference.route(x, w)[0])
    torch.testing.assert_close(gather_leaves(x, leaf, w), reference.leaves(x, leaf, w))


def test_a_leaf_laid_out_otherwise_is_gathered_alike() -> None:
    w, x = random_tree(Shape(24, 10, 8, 3), torch.Generator().manual_seed(0)), rows(33, 24)
    columns = w.w1.transpose(1, 2).contiguous().transpose(1, 2)
    other = FFFWeights.from_tensors(w.tensors() | {"w1": columns}, w.activation)

    leaf = descend(x, w)

    torch.testing.assert_close(gather_leaves(x, leaf, other), gather_leaves(x, leaf, w))


@pytest.mark.parametrize("form", [dense, fused_dense])
@pytest.mark.parametrize("columns", [False, True])
def test_a_dense_network_is_the_reference_by_every_form(form, columns: bool) -> None:
    w, x = random_dense(Shape(24, 10, 8, 3), 64, torch.Generator().manual_seed(0)), rows(33, 24)
    if columns:
        tensors = w.tensors()
        laid = {n: tensors[n].t().contiguous().t() for n in ("w1", "w2")}
        w = type(w).from_tensors(tensors | laid, w.activation)

    torch.testing.assert_close(form(w)(x), reference.dense(x, w), rtol=1e-5, atol=1e-5)


def test_only_relu_is_fused() -> None:
    w = random_dense(Shape(24, 10, 8, 3), 64, torch.Generator())
    gelu = type(w).from_tensors(w.tensors(), "gelu")

    with pytest.raises(ValueError, match="only relu"):
        fused_dense(gelu)


def test_two_experts_are_mixed_by_the_softmax_of_their_scores() -> None:
    w, x = random_tree(Shape(24, 10, 8, 2), torch.Generator().manual_seed(0)), rows(9, 24)
    router = Router(rows(24, 4, 1), rows(1, 4, 2)[0])
    compute = grouped_experts(w)

    def experts(x: Tensor, expert: Tensor) -> Tensor:
        return compute(x.repeat_interleave(2, 0), expert)

    y = mixture(router.scores, experts, 2)(x)

    scores = router.scores(x)
    best, expert = scores.topk(2)
    each = [reference.leaves(x, expert[:, k], w) for k in (0, 1)]
    share = best.softmax(1)
    torch.testing.assert_close(y, share[:, :1] * each[0] + share[:, 1:] * each[1])


def test_scores_of_16_bits_mix_outputs_of_32() -> None:
    w, x = random_tree(Shape(24, 10, 8, 2), torch.Generator().manual_seed(0)), rows(9, 24)
    router = Router(rows(24, 4, 1).bfloat16(), rows(1, 4, 2)[0].bfloat16())

    def experts(x: Tensor, expert: Tensor) -> Tensor:
        return grouped_experts(w)(x.float().repeat_interleave(2, 0), expert)

    assert mixture(router.scores, experts, 2)(x.bfloat16()).dtype == torch.float32
