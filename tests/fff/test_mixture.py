"""A mixture gives each row to its k best experts, the same in any batch, and trains its gate."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from fff import reference
from fff.backends import Backend
from fff.baselines import Mixture
from fff.expert_balance import load_loss
from fff.kernels.torch_mixture import TorchMixture
from fff.mixture import Gate, MixtureWeights
from fff.shapes import ShapeError
from fff.weights import FeedForwardWeights
from networks.backends import build_backend
from tests.fff.exactness import assert_like_the_reference
from tests.fff.networks import mixture, rows

CPU = torch.device("cpu")
Build = Callable[[MixtureWeights], Backend]


def expert(w: MixtureWeights, e: int) -> FeedForwardWeights:
    return FeedForwardWeights(w.w1[e], w.b1[e], w.w2[e], w.b2[e], w.activation)


def selected_by_the_reference(x: Tensor, w: MixtureWeights) -> list[set[int]]:
    return [{e for _, e in row} for row in reference.experts(x, w)]


@pytest.fixture(params=["numba", "torch"])
def build(request: pytest.FixtureRequest) -> Build:
    return lambda weights: build_backend(weights, CPU, request.param)


@pytest.mark.parametrize("n", [0, 1, 33])
@pytest.mark.parametrize("k", [1, 2, 5])
def test_the_backend_agrees_with_the_reference_for_a_batch_and_for_each_row_alone(
    n: int, k: int, build: Build
) -> None:
    x, w = rows(n, 123), mixture(123, 5, 7, 11, k)
    backend = build(w)

    together = backend.infer(x)

    assert_like_the_reference(together, x, w)
    assert (together.leaf.shape, together.margin.shape) == ((n, 0), (n, 0))
    for row, logits in zip(x, together.logits, strict=True):
        torch.testing.assert_close(backend.infer(row[None]).logits[0], logits)


def test_all_experts_selected_are_the_full_softmax_mixture(build: Build) -> None:
    x, w = rows(40, 12), mixture(12, 6, 4, 5, k=6)

    logits = build(w).infer(x).logits

    shares = torch.softmax(x @ w.gate_weight + w.gate_bias, 1)  # [n, E]
    full = sum(shares[:, e, None] * reference.dense(x, expert(w, e)) for e in range(6))
    torch.testing.assert_close(logits, full)


@pytest.mark.parametrize("experts", [1, 4])
def test_one_expert_a_row_is_that_experts_own_network(experts: int, build: Build) -> None:
    x, w = rows(40, 12), mixture(12, experts, 4, 5, k=1)
    best = (x @ w.gate_weight + w.gate_bias).argmax(1).tolist()

    logits = build(w).infer(x).logits

    alone = [reference.dense(row, expert(w, e)) for row, e in zip(x, best, strict=True)]
    torch.testing.assert_close(logits, torch.stack(alone))


def test_experts_may_be_kept_in_bfloat16_and_the_gate_is_not() -> None:
    x, w = rows(200, 123), mixture(123, 5, 7, 11, k=2)
    exact, backend = reference.infer(x, w), build_backend(w, CPU, "numba", leaf_dtype="bfloat16")

    logits = backend.infer(x).logits

    assert backend.dtype == "bfloat16"
    torch.testing.assert_close(logits, exact.logits, rtol=0, atol=0.02)  # no other experts
    assert not torch.allclose(logits, exact.logits, rtol=0, atol=1e-5)


def test_an_expert_that_nobody_is_given_to_is_not_computed(monkeypatch: pytest.MonkeyPatch) -> None:
    x, w = rows(40, 12).abs(), mixture(12, 6, 4, 5, k=2)
    w.gate_weight[:, :4] = -1.0
    w.gate_weight[:, 4:] = 1.0
    computed: list[int] = []
    real = TorchMixture._expert

    def compute(self: TorchMixture, x: Tensor, e: int, out: Tensor | None = None) -> Tensor:
        computed.append(e)
        return real(self, x, e, out)

    monkeypatch.setattr(TorchMixture, "_expert", compute)

    build_backend(w, CPU, "torch").infer(x)

    assert computed == [4, 5]


def test_equal_scores_go_to_the_lower_numbers_in_any_batch(build: Build) -> None:
    """Equal columns have equal scores, which a matrix product may round to different ones."""
    x, w = rows(500, 123), mixture(123, 9, 4, 5, k=3)
    w.gate_weight[:] = w.gate_weight[:, :1]
    w.gate_bias[:] = w.gate_bias[0]
    gate = Gate(w.gate_weight, w.gate_bias, 3)

    selected = gate.select(x)

    assert selected.expert.tolist() == [[0, 1, 2]] * 500
    assert selected.rescored == 500
    torch.testing.assert_close(selected.share, torch.full((500, 3), 1 / 3))
    assert gate.select(torch.zeros(2, 123)).expert.tolist() == [[0, 1, 2]] * 2
    assert_like_the_reference(build(w).infer(x), x, w)


@pytest.mark.parametrize("k", [1, 2, 7])
def test_a_row_is_given_to_the_same_experts_in_any_batch(k: int) -> None:
    """Columns a rounding apart: a gate that were summed in float32 would differ by batch."""
    x, w = rows(300, 257), mixture(257, 8, 2, 3, k)
    w.gate_weight[:] = w.gate_weight[:, :1] * (1 + torch.randint(-2, 3, (257, 8)) * 2.0**-23)
    w.gate_bias[:] = w.gate_bias[0]
    gate = Gate(w.gate_weight, w.gate_bias, k)

    expected = selected_by_the_reference(x, w)
    for n in (1, 2, 7, 64, 300):
        parts = [gate.select(part).expert for part in x.split(n)]
        assert [{*row} for row in torch.cat(parts).tolist()] == expected


@pytest.mark.parametrize("of_rows", [1e-44, 1e-25, 1.0, 1e25, 3e37])
@pytest.mark.parametrize("of_weights", [1e-44, 1e-25, 1.0, 1e25, 3e37])
def test_sums_that_underflow_or_overflow_in_float32_select_what_the_exact_ones_do(
    of_rows: float, of_weights: float
) -> None:
    x, w = of_rows * rows(100, 40), mixture(40, 6, 2, 3, k=2)
    w.gate_weight.mul_(of_weights)

    selected = Gate(w.gate_weight, w.gate_bias, 2).select(x)

    got = [{*row} for row in selected.expert.tolist()]
    assert got == selected_by_the_reference(x, w)
    torch.testing.assert_close(selected.share.sum(1), torch.ones(100))


def test_most_rows_are_selected_for_without_a_second_look() -> None:
    x, w = rows(1000, 784), mixture(784, 16, 2, 3, k=2)

    assert 0 < Gate(w.gate_weight, w.gate_bias, 2).select(x).rescored < 100


def test_the_module_computes_what_it_exports() -> None:
    x, layer = rows(60, 6), Mixture(6, 4, 5, 3, 2, "silu").eval()
    nn.init.normal_(layer.gate_weight)
    w = layer.weights()

    output = layer.gated(x)

    torch.testing.assert_close(output.logits, reference.infer(x, w).logits)
    assert torch.equal(output.load, (output.gates > 0).float())
    assert w.tensors().keys() == {"gate_weight", "gate_bias", "w1", "b1", "w2", "b2"}  # no noise
    back = MixtureWeights.from_tensors(w.tensors(), w.activation, w.top_k)
    assert all(torch.equal(back.tensors()[name], t) for name, t in w.tensors().items())


def test_training_gives_each_row_to_k_experts_whose_shares_sum_to_one() -> None:
    layer = Mixture(6, 4, 5, 3, 2).train()

    gates = layer.gated(rows(60, 6)).gates

    assert ((gates > 0).sum(1) == 2).all()
    torch.testing.assert_close(gates.sum(1), torch.ones(60))
    assert not torch.equal(gates, layer.gated(rows(60, 6)).gates)  # another draw of the noise


def test_experts_begin_with_as_many_rows_each() -> None:
    given = (Mixture(6, 4, 5, 3, 2).train().gated(rows(20_000, 6)).gates > 0).float().mean(0)

    torch.testing.assert_close(given, torch.full((5,), 2 / 5), atol=0.02, rtol=0)


@pytest.mark.parametrize("k", [1, 2])
def test_gradients_reach_the_gate_its_noise_and_every_expert(k: int) -> None:
    layer = Mixture(6, 4, 5, 3, k, "gelu", dropout=0.1).train()

    output = layer.gated(rows(200, 6))
    (output.logits.square().mean() + load_loss(output.load)).backward()

    for name, parameter in layer.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.abs().max() > 0, name


def test_the_task_alone_trains_the_gate_where_shares_are_mixed() -> None:
    layer = Mixture(6, 4, 5, 3, 2).train()

    layer(rows(200, 6)).square().mean().backward()

    assert layer.gate_weight.grad is not None
    assert layer.gate_weight.grad.abs().max() > 0


def test_costs_are_those_of_the_gate_and_of_k_experts() -> None:
    w = mixture(784, 16, 8, 10, k=2)

    assert w.flops_per_row == 2 * 784 * 16 + 2 * 2 * 8 * (784 + 10)
    assert w.bytes_per_row == 4 * (784 * 16 + 16 + 2 * (784 * 8 + 8 + 8 * 10 + 10))


@pytest.mark.parametrize("name", ["gate_weight", "gate_bias", "w1", "b1", "w2", "b2"])
def test_a_tensor_that_does_not_fit_or_is_missing_is_named(name: str) -> None:
    tensors = mixture(6, 4, 3, 5, 2).tensors()

    with pytest.raises(ShapeError, match=f"{name} .*must be|must be .*{name}"):
        MixtureWeights.from_tensors(tensors | {name: tensors[name][None]}, "relu", 2)
    del tensors[name]
    with pytest.raises(ShapeError, match=f"'{name}' is missing"):
        MixtureWeights.from_tensors(tensors, "relu", 2)


@pytest.mark.parametrize("k", [0, 5])
def test_more_experts_a_row_than_there_are_or_none_is_refused(k: int) -> None:
    with pytest.raises(ShapeError, match=f"top_k must be from 1 to 4 experts, got {k}"):
        mixture(6, 4, 3, 5, k)
    with pytest.raises(ValueError, match=f"top_k={k}"):
        Mixture(6, 5, 4, 3, k)
