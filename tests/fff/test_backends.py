"""
Every backend keeps the reference's promises: its leaf exactly, its logits to float32.

Run on the CPU, and on a CUDA device where there is one.
"""

from collections.abc import Callable

import pytest
import torch

from fff.activations import ACTIVATIONS
from fff.backends import Backend, build_backend, choose_device
from fff.errors import DeviceUnavailable
from fff.weights import Weights
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import SHAPES, Shape, dense, rows, tree

Build = Callable[[Weights], Backend]

CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")


@pytest.fixture(params=["numba", "torch", pytest.param("cuda", marks=CUDA)])
def build(request: pytest.FixtureRequest) -> Build:
    if request.param == "cuda":
        return lambda weights: build_backend(weights, torch.device("cuda"))
    return lambda weights: build_backend(weights, torch.device("cpu"), request.param)


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_backend_agrees_with_the_reference(build: Build, shape: Shape) -> None:
    x, w = shape.rows(), shape.tree()

    answer = build(w).infer(x)

    assert (answer.logits.shape, answer.leaf.shape) == ((shape.n, shape.o), (shape.n, 1))
    assert (answer.logits.dtype, answer.leaf.dtype) == (torch.float32, torch.int32)
    assert_like_the_reference(answer, x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("kind", ["fff", "dense"])
def test_every_activation_is_computed_like_the_reference(
    build: Build, kind: str, activation: str
) -> None:
    x = rows(40, 12)
    w = tree(12, 3, 4, 5, 2, activation) if kind == "fff" else dense(12, 20, 5, activation)

    assert_like_the_reference(build(w).infer(x), x, w)


def test_a_lineage_without_output_bias_is_computed_without_it(build: Build) -> None:
    x, w = rows(40, 12), tree(12, 3, 4, 5, leaf_output_bias=False)

    assert_like_the_reference(build(w).infer(x), x, w)


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
    assert_like_the_reference(build(w).infer(x), x, w)

    w.node_weight.zero_()
    assert_like_the_reference(build(w).infer(x), x, w)


def test_a_device_is_automatic_or_exactly_the_one_requested() -> None:
    assert "auto" in choose_device("auto").reason
    assert choose_device("cpu").torch_device == torch.device("cpu")

    with pytest.raises(DeviceUnavailable, match=r"cuda:99 was asked for; \d+ CUDA devices"):
        choose_device("cuda:99")
    with pytest.raises(ValueError, match="must be auto, cpu, cuda or cuda:N; got 'gpu'"):
        choose_device("gpu")
