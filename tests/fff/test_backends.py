"""
Every backend keeps the reference's promises: its leaf exactly, its logits to float32.

Run on the CPU, and on a CUDA device where there is one.
"""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fff import reference
from fff.activations import ACTIVATIONS
from fff.backends import Backend, DeviceUnavailable, build_backend, choose_device
from fff.prediction import Prediction
from fff.weights import FFFWeights, Weights
from tests.fff.networks import dense, rows, tree

Build = Callable[[Weights], Backend]

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SHAPES = [  # n, i, d, l, o, m
    pytest.param(1, 8, 0, 4, 3, 0, id="one-leaf-one-row"),
    pytest.param(33, 8, 0, 4, 3, 2, id="one-leaf-and-a-master"),
    pytest.param(1, 123, 3, 5, 11, 0, id="one-row"),
    pytest.param(7, 123, 3, 5, 11, 3, id="nothing-divides-a-block"),
    pytest.param(64, 1, 4, 1, 1, 1, id="all-widths-one"),
    pytest.param(3, 17, 7, 2, 5, 0, id="fewer-rows-than-leaves"),
    pytest.param(256, 784, 4, 8, 10, 8, id="mnist-d4"),
    pytest.param(0, 6, 2, 3, 4, 2, id="no-rows"),
]


@pytest.fixture(params=["numba", "torch", pytest.param("cuda", marks=CUDA)])
def build(request: pytest.FixtureRequest) -> Build:
    if request.param == "cuda":
        return lambda weights: build_backend(weights, torch.device("cuda"))
    return lambda weights: build_backend(weights, torch.device("cpu"), request.param)


def worst(y: Tensor, truth: Tensor) -> float:
    return float((y.double() - truth).abs().max()) if len(y) else 0.0


def assert_same(ours: Prediction, x: Tensor, w: Weights) -> None:
    """The reference's leaf and margin; logits at most twice as inexact as plain PyTorch's."""
    plain = reference.infer(x, w)
    assert torch.equal(ours.leaf, plain.leaf)
    torch.testing.assert_close(ours.margin, plain.margin, rtol=1e-4, atol=1e-6)
    if isinstance(w, FFFWeights):
        truth = reference.leaves(x.double(), plain.leaf[:, 0].long(), w)
    else:
        truth = reference.dense(x.double(), w)
    assert worst(ours.logits, truth) <= 2 * worst(plain.logits, truth) + 1e-6


@pytest.mark.parametrize(("n", "i", "d", "l", "o", "m"), SHAPES)
def test_a_backend_agrees_with_the_reference(
    build: Build,
    n: int,
    i: int,
    d: int,
    l: int,  # noqa: E741
    o: int,
    m: int,
) -> None:
    x, w = rows(n, i), tree(i, d, l, o, m)

    answer = build(w).infer(x)

    assert (answer.logits.shape, answer.leaf.shape) == ((n, o), (n, 1))
    assert (answer.logits.dtype, answer.leaf.dtype) == (torch.float32, torch.int32)
    assert_same(answer, x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["fff", "dense"])
def test_every_activation_is_computed_like_the_reference(
    build: Build, kind: str, activation: str
) -> None:
    x = rows(40, 12)
    w = tree(12, 3, 4, 5, 2, activation) if kind == "fff" else dense(12, 20, 5, activation)

    assert_same(build(w).infer(x), x, w)


def test_a_lineage_without_output_bias_is_computed_without_it(build: Build) -> None:
    x, w = rows(40, 12), tree(12, 3, 4, 5, leaf_output_bias=False)

    assert_same(build(w).infer(x), x, w)


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_ties_all_go_right_by_ge_and_left_by_gt(build: Build, zero: float) -> None:
    ge, gt = tree(6, 3, 2, 3, tie="ge"), tree(6, 3, 2, 3, tie="gt")
    for w in (ge, gt):
        w.node_weight.fill_(zero)
        w.node_bias.fill_(zero)

    assert build(ge).infer(rows(5, 6)).leaf.flatten().tolist() == [7] * 5
    assert build(gt).infer(rows(5, 6)).leaf.flatten().tolist() == [0] * 5


@pytest.mark.parametrize("bias", [0.0, 0.25])
def test_a_margin_is_finite_where_nodes_have_no_weights(build: Build, bias: float) -> None:
    x, w = rows(40, 6), tree(6, 3, 2, 3)
    w.node_weight[1:] = 0  # the root alone is a boundary
    w.node_bias[1:] = bias
    assert_same(build(w).infer(x), x, w)

    w.node_weight.zero_()
    assert_same(build(w).infer(x), x, w)


def test_a_device_is_automatic_or_exactly_the_one_asked_for() -> None:
    assert "auto" in choose_device("auto").reason
    assert choose_device("cpu").torch_device == torch.device("cpu")

    with pytest.raises(DeviceUnavailable, match=r"cuda:99 was asked for; \d+ CUDA devices"):
        choose_device("cuda:99")
    with pytest.raises(ValueError, match="must be auto, cpu, cuda or cuda:N; got 'gpu'"):
        choose_device("gpu")
