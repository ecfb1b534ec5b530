"""
Narrow rows of small leaves, which have code of their own: what it owes the reference, and to whom.

Covered:      every input width it serves, outputs around a vector's width, every activation, ties,
              rows that are not finite, memory that ends where the data ends.
Not covered:  cuts of batches (`test_batches`, `test_slices`), other processors (`test_isa`).
"""

import ctypes
import mmap
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from fff import reference
from fff.activations import ACTIVATIONS, activation_by_name
from fff.kernels.cpu.backend import NumbaGrouped
from fff.kernels.cpu.layer import Layer
from fff.kernels.cpu.layout import pack
from fff.kernels.cpu.narrow_layout import MAX_LEAF_PRODUCTS
from fff.kernels.cpu.walk_ir import MAX_INPUTS, ROWS_ABREAST
from fff.weights import FFFWeights
from tests.fff.exactness import assert_as_exact_as_torch
from tests.fff.kernels.cpu.test_fuzz import Network, assert_near, same
from tests.fff.kernels.cpu.test_ties import (
    FAMILIES,
    TIES,
    Case,
    family,
    in_canonical_order,
    leaves,
    one_node,
    walk,
)
from tests.fff.networks import Shape, rows, tree

CPU = torch.device("cpu")
NETWORKS = st.builds(
    Network,
    shape=st.builds(
        Shape,
        n=st.integers(1, 70),
        i=st.integers(1, MAX_INPUTS),
        d=st.integers(0, 9),
        l=st.integers(1, 33),
        o=st.integers(1, 33),
        m=st.sampled_from([0, 0, 5]),
    ),
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    tie=st.sampled_from(TIES),
    leaf_output_bias=st.booleans(),
    storage=st.just("float32"),
    threads=st.sampled_from([1, 2]),
    whole_numbers=st.booleans(),
    seed=st.integers(0, 99),
)


def is_narrow(w: FFFWeights, storage: str = "float32") -> bool:
    return pack(w, storage).node_records is not None


@given(NETWORKS)
@settings(max_examples=200)
def test_a_narrow_network_is_computed_as_by_the_reference_and_row_by_row(drawn: Network) -> None:
    w, x = drawn.weights(), drawn.rows()
    kernel = NumbaGrouped(w, CPU, threads=drawn.threads)
    leaf, margin = reference.route(x, w)

    answer = kernel.infer(x)

    assert is_narrow(w)
    assert torch.equal(answer.leaf[:, 0].long(), leaf)
    torch.testing.assert_close(answer.margin[:, 0], margin.float(), rtol=1e-6, atol=0)
    assert_near(answer.logits, x, leaf, w)
    assert all(same(kernel.infer(x[k : k + 1]), answer, k) for k in range(len(x)))
    assert kernel.rechecked_rows == 0


@pytest.mark.parametrize("inputs", range(1, MAX_INPUTS + 1))
def test_near_ties_of_every_width_go_where_the_canonical_order_says(inputs: int) -> None:
    for name in FAMILIES:
        x, w, bias = family(name, 500, pairs=-(-inputs // 2))
        case = x[:, :inputs], w[:, :inputs], bias
        for tie in TIES:
            for some in (case, one_node(case, 0), one_node(case, 1)):
                expected = walk(some, tie, in_canonical_order)
                assert np.array_equal(leaves("numba", some, tie), expected), (name, tie)


def test_most_near_ties_are_decided_here_and_not_by_the_kernel_for_wide_rows() -> None:
    """Otherwise the test above would test little; weights below float32's precision are not."""
    narrow = [name for name in FAMILIES if is_narrow(as_layer(family(name, 9, pairs=3)))]

    assert len(narrow) >= len(FAMILIES) - 2


def as_layer(case: Case) -> FFFWeights:
    _, node_weight, node_bias = (torch.from_numpy(part).float() for part in case)
    return replace(tree(7, 8, 2, 1), node_weight=node_weight, node_bias=node_bias)


@pytest.mark.parametrize("inputs", [1, 2, 3, 8, 16])
@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf])
def test_rows_that_are_not_finite_are_walked_again_and_counted(inputs: int, poison: float) -> None:
    x, w = rows(77, inputs), tree(inputs, 5, 3, 2)
    x[::3, -1] = poison
    w.node_weight[::4] = 0  # infinity times 0 is no number
    plain, kernel = reference.infer(x, w), NumbaGrouped(w, CPU)

    answer = kernel.infer(x)

    assert torch.equal(answer.leaf, plain.leaf)
    torch.testing.assert_close(answer.margin, plain.margin, rtol=1e-6, atol=0, equal_nan=True)
    torch.testing.assert_close(answer.logits[1::3], plain.logits[1::3])
    assert kernel.rechecked_rows == 26


@pytest.mark.parametrize("tie", TIES)
def test_nodes_without_weights_are_no_boundary(tie) -> None:
    x, w = rows(40, 3), tree(3, 4, 2, 1, tie=tie)
    w.node_weight[1::2] = 0
    w.node_bias[:] = 0

    answer = NumbaGrouped(w, CPU).infer(x)

    leaf, margin = reference.route(x, w)
    assert torch.equal(answer.leaf[:, 0].long(), leaf)
    torch.testing.assert_close(answer.margin[:, 0], margin.float(), rtol=1e-6, atol=0)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_that_of_float64_rounded_once_or_nearly(activation: str) -> None:
    size = torch.logspace(-12, 1.5, 3000)
    v = torch.cat([torch.linspace(-30, 30, 9001), size, -size, torch.zeros(1)])[:, None]
    one, no_bias = torch.ones(1, 1, 1), torch.zeros(1, 1)
    w = replace(tree(1, 0, 1, 1), w1=one, b1=no_bias, w2=one, b2=no_bias, activation=activation)

    y = NumbaGrouped(w, CPU).infer(v).logits

    truth = activation_by_name(activation)(v.double())
    assert ((y - truth).abs() <= 6.1e-8 * truth.abs() + 1e-12).all()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations_of_huge_numbers_are_the_references(activation: str) -> None:
    v = torch.tensor([[1e3], [-1e3], [1e18], [-1e18]])
    one, no_bias = torch.ones(1, 1, 1), torch.zeros(1, 1)
    w = replace(tree(1, 0, 1, 1), w1=one, b1=no_bias, w2=one, b2=no_bias, activation=activation)

    y = NumbaGrouped(w, CPU).infer(v).logits

    torch.testing.assert_close(y, activation_by_name(activation)(v.double()).float())


@pytest.mark.parametrize(
    ("w", "storage"),
    [
        (tree(MAX_INPUTS + 1, 3, 4, 5), "float32"),
        (tree(2, 3, MAX_LEAF_PRODUCTS // 3 + 1, 1), "float32"),
        (tree(2, 3, 4, 5), "bfloat16"),
    ],
    ids=["wide-rows", "wide-leaves", "bfloat16"],
)
def test_the_kernel_for_wide_rows_keeps_the_rest(w: FFFWeights, storage: str) -> None:
    assert not is_narrow(w, storage)


@pytest.mark.parametrize("size", [1e-44, 1e-40, 3e38])
def test_nodes_whose_inverse_norm_float32_cannot_hold_are_left_to_it_too(size: float) -> None:
    x, w = rows(40, 2), tree(2, 3, 4, 5)
    w.node_weight[0] = torch.tensor([size, 0.0])
    w.node_bias[0] = 0

    answer = NumbaGrouped(w, CPU).infer(x)

    assert not is_narrow(w)
    leaf, margin = reference.route(x, w)
    assert torch.equal(answer.leaf[:, 0].long(), leaf)
    torch.testing.assert_close(answer.margin[:, 0], margin.float(), rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("outputs", [1, 3, 9])
def test_leaves_that_the_caller_chose_are_computed_as_they_stand(outputs: int) -> None:
    x, w = rows(70, 5), tree(5, 4, 9, outputs)
    leaf, kernel = torch.randint(0, 16, (70,)), NumbaGrouped(w, CPU)
    routed = kernel.infer(x)

    torch.testing.assert_close(kernel.compute_leaves(x, leaf), reference.leaves(x, leaf, w))
    assert torch.equal(kernel.compute_leaves(x, routed.leaf[:, 0]), routed.logits)
    assert kernel.compute_leaves(x[:0], leaf[:0]).shape == (0, outputs)


def test_a_deep_tree_is_walked_to_its_last_leaf() -> None:
    x, w = rows(500, 2), tree(2, 15, 8, 1)
    w.node_weight[:, 0] = 1e-3  # all but a few rows go right at each node
    w.node_bias[:] = 1

    answer = NumbaGrouped(w, CPU).infer(x)

    assert answer.leaf.max() == 2**15 - 1
    assert torch.equal(answer.leaf[:, 0].long(), reference.route(x, w)[0])
    assert_as_exact_as_torch(answer.logits, x, w)


Numbers = npt.NDArray[Any]


def guarded(size: int) -> Numbers:
    """Memory of which the byte behind the last belongs to a page that must not be touched."""
    pages = -(-size // mmap.PAGESIZE) * mmap.PAGESIZE
    memory = np.frombuffer(mmap.mmap(-1, pages + mmap.PAGESIZE), np.uint8)
    behind = ctypes.c_void_p(memory.ctypes.data + pages)
    assert ctypes.CDLL(None).mprotect(behind, ctypes.c_size_t(mmap.PAGESIZE), 0) == 0  # no access
    return memory[pages - size : pages]


def guarded_copy(values: Numbers) -> Numbers:
    copy = guarded(values.nbytes).view(values.dtype).reshape(values.shape)
    copy[:] = values
    return copy


@pytest.mark.skipif(sys.platform != "linux", reason="protects a page by the C library of Linux")
@pytest.mark.parametrize("n", [1, 2, ROWS_ABREAST - 1, ROWS_ABREAST, ROWS_ABREAST + 1])
@pytest.mark.parametrize(
    "shape", [(1, 1, 1), (2, 8, 1), (2, 5, 3), (3, 8, 9), (8, 7, 8), (15, 2, 17)]
)
def test_nothing_is_read_or_written_beyond_the_data(shape: tuple[int, int, int], n: int) -> None:
    """A process that does so dies here."""
    i, l, o = shape  # noqa: E741
    x, w = rows(n, i), tree(i, 4, l, o)
    w.node_weight[:], w.node_bias[:] = 0, 1  # all rows meet the last node and the last leaf
    packed = pack(w)
    assert packed.node_records is not None
    packed = replace(
        packed,
        records=guarded_copy(packed.records),
        node_records=guarded_copy(packed.node_records),
    )
    there = torch.from_numpy(guarded_copy(x.numpy()))
    logits, leaf, margin = (
        torch.from_numpy(guarded(4 * size).view(kind))
        for size, kind in ((n * o, np.float32), (n, np.int32), (n, np.float32))
    )
    out = logits, leaf, margin, logits.data_ptr(), leaf.data_ptr(), margin.data_ptr()

    Layer(packed, 1).run(n, there.data_ptr(), out, None, brief=True)

    assert leaf.tolist() == [15] * n
    assert torch.equal(logits.view(n, o), NumbaGrouped(w, CPU).infer(x).logits)
