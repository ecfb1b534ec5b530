"""
The compiled CPU kernel: the reference's leaf exactly, its logits to float32, at any shape.

Rows that are hard to route are those of `test_batch_independence`.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from fff import reference
from fff.activations import ACTIVATIONS
from fff.kernels.cpu.backend import NumbaGrouped
from fff.kernels.cpu.layout import pack
from fff.weights import TieRule
from tests.fff.exactness import assert_as_exact_as_torch, assert_like_the_reference
from tests.fff.networks import SHAPES, Shape, rows, tree
from tests.fff.test_batch_independence import HARD

CPU = torch.device("cpu")
KERNEL_SHAPES = SHAPES | {
    "one-leaf-and-a-master": Shape(33, 8, 0, 40, 3, 2),
    "one-beyond-a-block": Shape(50, 65, 3, 3, 65, 0),
    "one-short-of-a-block": Shape(50, 63, 3, 33, 79, 37),
    "two-bytes-of-leaf-index": Shape(90, 64, 9, 2, 80, 0),
    "bert-base": Shape(40, 768, 7, 24, 768, 0),
}


@pytest.mark.parametrize("shape", KERNEL_SHAPES.values(), ids=KERNEL_SHAPES)
@pytest.mark.parametrize("threads", [1, 2])
def test_the_kernel_agrees_with_the_reference(threads: int, shape: Shape) -> None:
    x, w = shape.rows(), shape.tree()

    assert_like_the_reference(NumbaGrouped(w, CPU, threads=threads).infer(x), x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("scale", [1.0, 30.0], ids=["small", "large"])
def test_every_activation_is_the_references(activation: str, scale: float) -> None:
    x, w = rows(40, 12) * scale, tree(12, 3, 5, 5, 2, activation)

    assert_as_exact_as_torch(NumbaGrouped(w, CPU).infer(x).logits, x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_a_row_that_is_not_a_number_gives_no_number(activation: str) -> None:
    x, w = torch.full((1, 12), torch.nan), tree(12, 0, 5, 5, 0, activation)

    assert NumbaGrouped(w, CPU).infer(x).logits.isnan().all()


@pytest.mark.parametrize("case", HARD)
def test_hard_rows_take_the_references_leaf_alone_and_in_any_batch(case: str) -> None:
    x, w = HARD[case]()
    true, margin = reference.route(x, w)
    kernel = NumbaGrouped(w, CPU)

    answer = kernel.infer(x)

    assert answer.leaf[:, 0].tolist() == true.tolist()
    torch.testing.assert_close(answer.margin[:, 0], margin.float(), rtol=1e-4, atol=1e-6)
    assert [int(kernel.infer(row[None]).leaf) for row in x] == true.tolist()


def test_rows_in_doubt_are_counted() -> None:
    clear, hard = HARD["plain"](), HARD["near-ties"]()
    kernels = [NumbaGrouped(w, CPU) for _, w in (clear, hard)]

    for kernel, (x, _) in zip(kernels, (clear, hard), strict=True):
        kernel.infer(x)

    assert [kernel.rechecked_rows for kernel in kernels] == [0, 96]


@pytest.mark.parametrize("zero", [0.0, -0.0])
@pytest.mark.parametrize(("tie", "leaf"), [("ge", 7), ("gt", 0)])
def test_a_tie_goes_where_the_rule_says(zero: float, tie: TieRule, leaf: int) -> None:
    w = tree(6, 3, 2, 3, tie=tie)
    w.node_weight.fill_(zero)
    w.node_bias.fill_(zero)

    assert NumbaGrouped(w, CPU).infer(rows(5, 6)).leaf.flatten().tolist() == [leaf] * 5


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_rows_that_are_not_finite_go_where_the_reference_sends_them(poison: float) -> None:
    x, w = rows(9, 50), tree(50, 3, 2, 3)
    x[::2, 17] = poison
    plain = reference.infer(x, w)

    answer = NumbaGrouped(w, CPU).infer(x)

    assert torch.equal(answer.leaf, plain.leaf)
    torch.testing.assert_close(answer.margin, plain.margin, rtol=1e-4, atol=1e-6, equal_nan=True)


def test_a_lineage_without_output_bias_is_computed_without_it() -> None:
    x, w = rows(40, 12), tree(12, 3, 4, 5, leaf_output_bias=False)

    assert_as_exact_as_torch(NumbaGrouped(w, CPU).infer(x).logits, x, w)


@pytest.mark.parametrize("l", [2, 8, 24, 40])
def test_bfloat16_storage_is_float32_arithmetic_on_rounded_weights(l: int) -> None:  # noqa: E741
    x, w = rows(70, 100), tree(100, 4, l, 70, 9)
    half = NumbaGrouped(w, CPU, storage="bfloat16").infer(x)
    for tensor in (w.w1, w.w2, w.master.w1, w.master.w2) if w.master else ():
        tensor.copy_(tensor.bfloat16())
    full = NumbaGrouped(w, CPU).infer(x)

    assert torch.equal(half.leaf, full.leaf)
    # Leaves of 4 neurons or fewer are dot products in float32 and lanes in bfloat16.
    torch.testing.assert_close(half.logits, full.logits, rtol=0, atol=0 if l > 4 else 1e-5)


def test_leaves_can_lie_in_a_file(tmp_path: Path) -> None:
    w = tree(100, 4, 8, 70)
    in_memory = pack(w)
    shape = in_memory.records.shape

    packed = pack(w, records=np.memmap(tmp_path / "leaves", np.uint8, "w+", shape=shape))

    in_file = np.memmap(tmp_path / "leaves", np.uint8, "r", shape=shape)
    assert np.array_equal(in_file, in_memory.records)
    assert packed.fields == in_memory.fields


def test_rows_of_another_type_or_layout_are_converted() -> None:
    w = tree(12, 3, 4, 5)
    kernel, x = NumbaGrouped(w, CPU), rows(12, 12)

    assert torch.equal(kernel.infer(x.T).logits, kernel.infer(x.T.contiguous()).logits)
    assert torch.equal(kernel.infer(x.double()).logits, kernel.infer(x).logits)


@pytest.mark.parametrize("shape", [(3, 11), (12,), (3, 12, 1)])
def test_rows_of_another_width_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x must be \[n, 12\], got"):
        NumbaGrouped(tree(12, 3, 4, 5), CPU).infer(torch.zeros(shape))


def test_what_the_kernel_does_not_know_is_refused() -> None:
    w = tree(12, 3, 4, 5)

    with pytest.raises(ValueError, match="storage must be one of float32, bfloat16; got 'int8'"):
        NumbaGrouped(w, CPU, storage="int8")
    with pytest.raises(ValueError, match="threads >= 1; got cpu and 0"):
        NumbaGrouped(w, CPU, threads=0)
    with pytest.raises(ValueError, match="needs the CPU"):
        NumbaGrouped(w, torch.device("cuda"))


def test_leaves_that_the_caller_chose_are_computed_as_they_stand() -> None:
    x, w = rows(70, 33), tree(33, 4, 9, 7, 0)
    leaf = torch.randint(0, 16, (70,))
    kernel = NumbaGrouped(w, CPU)

    torch.testing.assert_close(kernel.compute_leaves(x, leaf), reference.leaves(x, leaf, w))
    routed = kernel.infer(x)
    assert torch.equal(kernel.compute_leaves(x, routed.leaf[:, 0]), routed.logits)
    assert kernel.compute_leaves(x[:0], leaf[:0]).shape == (0, 7)


@pytest.mark.parametrize("wrong", [-1, 16])
def test_a_leaf_that_does_not_exist_is_refused(wrong: int) -> None:
    kernel = NumbaGrouped(tree(8, 4, 2, 3, 0), CPU)
    with pytest.raises(ValueError, match="leaves must be 0 to 15"):
        kernel.compute_leaves(rows(2, 8), torch.tensor([3, wrong]))
