"""The trainable FFF-beta: one computation in training and in service, the published names."""

import sys

import pytest
import torch
from torch import Tensor, nn

from fff import FFFBeta, beta_paths, beta_reference
from fff.activations import activation_by_name
from tests.fff.networks import neurons, rows


@pytest.fixture(params=["all-neurons", "gathered"])
def _either_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """The backward pass has two ways; here each is taken whatever the sizes."""
    monkeypatch.setattr(beta_paths, "_DENSE_UP_TO", 1e9 if request.param == "all-neurons" else 0)


def layer(d: int = 3, k: int = 2, activation: str = "gelu") -> FFFBeta:
    return FFFBeta.from_weights(neurons(6, d, k, 4, activation))


def published(module: FFFBeta, x: Tensor) -> Tensor:
    """The published training code's way: all neurons, and a mask of 0 and 1 without gradient."""
    n = 2 ** (module.depth + 1) - 1
    z = module.linear_in(x).view(len(x), module.trees, n)
    with torch.no_grad():
        mask, node = torch.zeros_like(z), torch.zeros(len(x), module.trees, 1, dtype=torch.long)
        for _ in range(module.depth + 1):
            mask.scatter_(2, node, 1.0)
            node = 2 * node + 1 + (z.gather(2, node.clamp(max=n - 1)) > 0)
            node = node.clamp(max=n - 1)
    hidden = activation_by_name(module.activation)(z) * mask
    outputs: Tensor = module.linear_out(hidden.flatten(1))
    return outputs


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("d", [0, 3])
@pytest.mark.parametrize("mode", [True, False])
def test_outputs_and_gradients_are_the_published_codes(d: int, mode: bool) -> None:
    module, x = layer(d).train(mode), rows(40, 6).requires_grad_()
    grad = rows(40, 4, seed=1)

    outputs, gradients = [], []
    for forward in (module, lambda x: published(module, x)):
        outputs.append(forward(x))
        outputs[-1].backward(grad)
        gradients.append([x.grad, *(p.grad for p in module.parameters())])
        x.grad = None
        module.zero_grad()

    torch.testing.assert_close(*outputs)
    for mine, theirs in zip(*gradients, strict=True):
        torch.testing.assert_close(mine, theirs)


@pytest.mark.usefixtures("_either_way")
@pytest.mark.parametrize("activation", ["gelu", "squared_relu"])
def test_gradients_are_the_finite_differences(activation: str) -> None:
    """In float64. A row near a boundary would jump: these are not."""
    module = layer(activation=activation).double()
    names = [name for name, _ in module.named_parameters()]

    def hard(x: Tensor, *parameters: Tensor) -> Tensor:
        given = dict(zip(names, parameters, strict=True))
        outputs: Tensor = torch.func.functional_call(module, given, x)
        return outputs

    x = rows(7, 6).double().requires_grad_()
    assert float(module.hard(x).margin.min()) > 1e-3
    assert torch.autograd.gradcheck(hard, (x, *module.parameters()), fast_mode=True)


def test_a_neuron_that_no_row_met_gets_a_gradient_of_zero() -> None:
    module, x = layer(4, 1), rows(2, 6)

    module(x).sum().backward()

    met = {0}
    for leaf in module.hard(x).leaf.flatten().tolist():
        met |= {((16 + leaf) >> level) - 1 for level in range(5)}
    assert module.linear_in.weight.grad is not None
    moved = module.linear_in.weight.grad.abs().sum(1).nonzero().flatten().tolist()
    assert moved == sorted(met)


@pytest.mark.parametrize("shape", [(6,), (5, 6), (2, 3, 6), (0, 6)])
def test_any_leading_dimensions_are_computed_like_rows(shape: tuple[int, ...]) -> None:
    module, x = layer().eval(), torch.randn(shape)

    output = module.hard(x)

    expected = beta_reference.infer(x.reshape(-1, 6), module.weights())
    assert output.logits.shape == (*shape[:-1], 4)
    assert output.leaf.shape == output.margin.shape == (*shape[:-1], 2)
    assert torch.equal(output.leaf.view(-1, 2), expected.leaf)
    torch.testing.assert_close(output.logits.view(-1, 4), expected.logits)


@pytest.mark.parametrize("autocast", [True, False])
def test_bfloat16_is_answered_in_bfloat16_and_decided_in_float32(autocast: bool) -> None:
    module, x = layer().eval(), rows(50, 6).bfloat16()
    if not autocast:
        module.bfloat16()
    expected = beta_reference.infer(x.float(), module.weights())

    with torch.autocast("cpu", torch.bfloat16, enabled=autocast):
        output = module.hard(x)

    assert output.logits.dtype == torch.bfloat16
    assert torch.equal(output.leaf, expected.leaf)
    torch.testing.assert_close(output.logits.float(), expected.logits, rtol=1e-2, atol=1e-2)


def test_what_an_optimiser_writes_is_what_computes_next() -> None:
    module, x = layer(), rows(30, 6)
    optimiser = torch.optim.AdamW(module.parameters(), lr=0.1, fused=True)
    for _ in range(2):
        module(x).square().sum().backward()
        optimiser.step()

    torch.testing.assert_close(module(x), beta_reference.infer(x, module.weights()).logits)


def test_the_published_state_dict_loads_with_a_bias_and_without() -> None:
    """Layout D: rows `k * n + heap index`; `linear_out` is transposed."""
    w, x = neurons(6, 2, 3, 4), rows(20, 6)
    state = {
        "ffn.linear_in.weight": w.w_in.reshape(21, 6),
        "ffn.linear_in.bias": w.b_in.reshape(21),
        "ffn.linear_out.weight": w.w_out.reshape(21, 4).T,
    }
    model = nn.ModuleDict({"ffn": FFFBeta(6, 4, depth=2, trees=3)})

    model.load_state_dict(state)
    assert {name: t.shape for name, t in model.state_dict().items()} == {
        name: t.shape for name, t in state.items()
    }
    torch.testing.assert_close(model["ffn"](x), beta_reference.infer(x, w).logits)

    w.b_in.zero_()
    del state["ffn.linear_in.bias"]
    model.load_state_dict(state)
    torch.testing.assert_close(model["ffn"](x), beta_reference.infer(x, w).logits)


def test_weights_survive_the_way_through_the_module() -> None:
    w = neurons(6, 2, 3, 4, "tanh", "ge")

    back = FFFBeta.from_weights(w).weights()

    assert (back.activation, back.tie, back.trees) == ("tanh", "ge", 3)
    assert all(torch.equal(back.tensors()[name], t) for name, t in w.tensors().items())


def test_initial_weights_are_those_of_the_published_model() -> None:
    module = FFFBeta(64, 64, depth=7)

    for linear in (module.linear_in, module.linear_out):
        assert abs(float(linear.weight.detach().std()) - 0.02) < 1e-3
    assert not module.linear_in.bias.any()


@pytest.fixture
def operands() -> tuple[object, ...]:
    module = layer()
    tensors = module.linear_in.weight, module.linear_in.bias, module.linear_out.weight
    return rows(5, 6).requires_grad_(), *tensors, 2, "gelu", "gt"


def test_torch_finds_the_operators_well_registered(operands: tuple[object, ...]) -> None:
    descent = torch.ops.fff.beta_descent.default
    leaf = descent(*operands)[1]
    given = [t.detach() if isinstance(t, Tensor) else t for t in operands[:-1]]

    torch.library.opcheck(descent, operands)
    backward = torch.ops.fff.beta_descent_backward.default
    torch.library.opcheck(backward, (torch.ones(5, 4), given[0], leaf, *given[1:]))


def test_an_exported_layer_computes_any_number_of_rows_alike() -> None:
    module, x = layer().eval(), rows(9, 6)
    batch = {"x": {0: torch.export.Dim("n")}}

    program = torch.export.export(module, (x,), dynamic_shapes=batch)

    for n in (9, 4):
        assert torch.equal(program.module()(x[:n]), module(x[:n]))


def test_a_machine_without_the_kernel_is_told_so_and_computes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "fff.kernels.cpu.beta", None)
    module, x = layer(), rows(20, 6)

    with pytest.warns(UserWarning, match="by plain PyTorch, slower: the kernel .* needs numba"):
        output = module(x)

    torch.testing.assert_close(output, beta_reference.infer(x, module.weights()).logits)


def test_a_second_derivative_is_refused() -> None:
    x = rows(5, 6).requires_grad_()
    (gradient,) = torch.autograd.grad(layer()(x).square().sum(), x, create_graph=True)

    with pytest.raises(NotImplementedError, match="a first derivative alone"):
        gradient.sum().backward()


def test_what_does_not_fit_is_refused_with_what_came() -> None:
    with pytest.raises(ValueError, match=r"x must be \[..., 6\], got \[2, 5\]"):
        layer()(rows(2, 5))
    with pytest.raises(ValueError, match=r"x must be torch.float32, .*; got torch.float64"):
        layer()(rows(2, 6).double())
    with pytest.raises(ValueError, match="depth=-1"):
        FFFBeta(6, 4, depth=-1)
    with pytest.raises(ValueError, match="trees=0"):
        FFFBeta(6, 4, depth=1, trees=0)
