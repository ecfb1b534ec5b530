"""`fff::hard_descent`: the reference's answers and leaves, and gradients of what it computes."""

import subprocess
import sys
from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from fff import reference
from fff.activations import ACTIVATIONS
from fff.layers import FFF
from fff.taken_leaves import BACK_THROUGH
from tests.fff.networks import SHAPES, Shape, rows, tree

shapes = pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
MODES = (torch.enable_grad, torch.no_grad, torch.inference_mode)


def operands(layer: FFF) -> tuple[object, ...]:
    leaves = layer.w1s, layer.b1s, layer.w2s, layer.b2s
    return layer.node_weights, layer.node_biases, *leaves, layer.activation, layer.tie


def small(i: int = 6, d: int = 3, activation: str = "gelu", m: int = 0) -> FFF:
    return FFF.from_weights(tree(i, d, 2, 4, m, activation)).eval()


@shapes
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_evaluation_is_the_reference(shape: Shape, mode: Callable[[], torch.no_grad]) -> None:
    x, layer = shape.rows(), FFF.from_weights(shape.tree()).eval()

    with mode():
        output = layer.hard(x)

    expected = reference.infer(x, layer.weights())
    assert torch.equal(output.leaf, expected.leaf[:, 0])
    torch.testing.assert_close(output.margin, expected.margin[:, 0], rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(output.logits, expected.logits, rtol=1e-4, atol=1e-4)


def test_the_rule_for_ties_is_the_layers() -> None:
    nodes_of_zero = tree(6, 2, 2, 4)
    nodes_of_zero.node_weight.zero_()
    nodes_of_zero.node_bias.zero_()
    layer = FFF.from_weights(nodes_of_zero)

    assert layer.hard(rows(1, 6)).leaf == 3
    layer.tie = "gt"
    assert layer.hard(rows(1, 6)).leaf == 0


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_the_derivative_of_every_activation_is_autograds(activation: str) -> None:
    sums = torch.linspace(-25, 25, 101, dtype=torch.float64, requires_grad=True)
    grad = torch.linspace(1, 2, 101, dtype=torch.float64)

    expected = torch.autograd.grad(ACTIVATIONS[activation](sums), sums, grad)[0]

    torch.testing.assert_close(BACK_THROUGH[activation](grad, sums.detach()), expected)


@pytest.mark.parametrize("training", [False, True], ids=["hard", "soft"])
def test_gradients_are_the_finite_differences(training: bool) -> None:
    """In float64, of the row and of every parameter; hard, but for the nodes, which get none."""
    layer = small(3, 2, m=1).double().train(training)
    layer.node_weights.requires_grad_(training)
    layer.node_biases.requires_grad_(training)
    x = rows(3, 3).double().requires_grad_()
    learnt = {name: p for name, p in layer.named_parameters() if p.requires_grad}

    def compute(x: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(learnt, parameters, strict=True))
        y: Tensor = torch.func.functional_call(layer, given, x)
        return y

    assert torch.autograd.gradcheck(compute, (x, *learnt.values()))


def test_the_kernels_gradients_are_those_of_the_leaf_that_was_taken() -> None:
    x, layer = rows(60, 6).requires_grad_(), small(m=3)
    grad = rows(60, 4, seed=1)

    layer(x).backward(grad)
    taken = [x.grad, *(p.grad for p in layer.parameters())]
    x.grad = None
    layer.zero_grad()
    layer.at_leaves(x, layer.hard(x).leaf.long()).backward(grad)
    expected = [x.grad, *(p.grad for p in layer.parameters())]

    assert [name for name, p in layer.named_parameters() if p.grad is None] == [
        "node_weights",
        "node_biases",
    ]
    for mine, theirs in zip(taken, expected, strict=True):
        torch.testing.assert_close(mine, theirs)


def test_no_gradient_goes_through_leaf_or_margin() -> None:
    output = small().hard(rows(3, 6).requires_grad_())

    assert output.logits.requires_grad
    assert not output.leaf.requires_grad
    assert not output.margin.requires_grad


def test_a_second_derivative_is_refused_and_not_taken_to_be_zero() -> None:
    x = rows(3, 6).requires_grad_()
    (grad,) = torch.autograd.grad(small()(x).square().sum(), x, create_graph=True)

    with pytest.raises(NotImplementedError, match="a hard descent has a first derivative alone"):
        grad.sum().backward()


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_torch_finds_the_operators_well_registered(dtype: torch.dtype) -> None:
    layer, x = small().to(dtype), rows(5, 6).to(dtype).requires_grad_()
    leaf, grad = layer.hard(x).leaf, torch.ones(5, 4)

    torch.library.opcheck(torch.ops.fff.hard_descent.default, (x, *operands(layer)))
    leaves = [t.detach() for t in (layer.w1s, layer.b1s, layer.w2s, layer.b2s)]
    backward = torch.ops.fff.hard_descent_backward.default
    torch.library.opcheck(backward, (grad, x.detach(), leaf, *leaves, "gelu"))


def test_a_machine_without_the_kernel_is_told_so_and_computes() -> None:
    code = """
import sys, warnings
sys.modules["numba"] = None
import torch
from fff import FFF, reference
layer, x = FFF(6, 4, 3, 2).eval(), torch.randn(20, 6)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    output = layer.hard(x)
print(*(each.message for each in told))
expected = reference.infer(x, layer.weights())
torch.testing.assert_close(output.logits, expected.logits)
assert torch.equal(output.leaf, expected.leaf[:, 0])
"""

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120)

    assert done.returncode == 0, done.stderr
    assert "is computed by plain PyTorch, slower: the kernel for processors needs numba" in (
        done.stdout
    )
