"""
Networks of any small shape and kind: the reference's leaf, logits to float32, a batch its rows.

Half of the networks have integers for nodes, and rows of integers: ties at every turn.
"""

import random
from dataclasses import dataclass, replace

import torch
from hypothesis import event, given, settings
from hypothesis import strategies as st
from torch import Tensor

from fff import reference
from fff.activations import ACTIVATIONS
from fff.inference_result import InferenceResult
from fff.kernels.cpu.backend import NumbaGrouped
from fff.kernels.torch_grouped import TorchGrouped
from fff.weights import FFFWeights, TieRule
from tests.fff.networks import Shape, rows, tree

CPU = torch.device("cpu")
WIDTHS = st.integers(1, 40) | st.sampled_from([63, 64, 65, 127, 128, 129, 784])


@dataclass(frozen=True)
class Network:
    """What is drawn."""

    shape: Shape
    activation: str
    tie: TieRule
    leaf_output_bias: bool
    storage: str
    threads: int
    whole_numbers: bool
    seed: int

    def weights(self) -> FFFWeights:
        w = tree(*self.shape[1:], self.activation, self.tie, self.leaf_output_bias)
        if self.whole_numbers:
            w.node_weight.mul_(self.shape.i**0.5).round_()
            w.node_bias.mul_(4).round_()
        return w

    def rows(self) -> Tensor:
        x = rows(self.shape.n, self.shape.i, self.seed)
        return x.round() if self.whole_numbers else x


DRAWN_SHAPES = st.builds(
    Shape,
    n=st.integers(0, 40) | st.sampled_from([64, 65, 300]),
    i=WIDTHS,
    d=st.integers(0, 6) | st.just(9),
    l=st.integers(1, 40) | st.sampled_from([63, 64, 65]),
    o=WIDTHS,
    m=st.sampled_from([0, 0, 1, 5, 33]),
).filter(lambda drawn: 2**drawn.d * drawn.l * (drawn.i + drawn.o) < 2_000_000)
NETWORKS = st.builds(
    Network,
    shape=DRAWN_SHAPES,
    activation=st.sampled_from(sorted(ACTIVATIONS)),
    tie=st.sampled_from(["ge", "gt"]),
    leaf_output_bias=st.booleans(),
    storage=st.sampled_from(["float32", "bfloat16"]),
    threads=st.sampled_from([1, 2]),
    whole_numbers=st.booleans(),
    seed=st.integers(0, 99),
)


def rounded(w: FFFWeights) -> FFFWeights:
    """The network that bfloat16 storage computes."""
    master = w.master and replace(w.master, w1=bfloat16(w.master.w1), w2=bfloat16(w.master.w2))
    return replace(w, w1=bfloat16(w.w1), w2=bfloat16(w.w2), master=master)


def bfloat16(tensor: Tensor) -> Tensor:
    return tensor.bfloat16().float()


def assert_near(logits: Tensor, x: Tensor, leaf: Tensor, w: FFFWeights) -> None:
    """As near to float64 as a small multiple of PyTorch's error and of float32's own."""
    truth = reference.leaves(x.double(), leaf, w)
    plain = (reference.leaves(x, leaf, w) - truth).abs().amax()
    assert ((logits - truth).abs() <= 2 * plain + 2e-6 * truth.abs().amax().clamp(min=1)).all()


def same(answer: InferenceResult, whole: InferenceResult, k: int) -> bool:
    parts = ((getattr(answer, p), getattr(whole, p)) for p in ("leaf", "logits", "margin"))
    return all(torch.equal(part, of_all[k : k + 1]) for part, of_all in parts)


@given(NETWORKS)
@settings(max_examples=200)
def test_any_network_is_computed_as_by_the_reference_and_row_by_row(drawn: Network) -> None:
    w, x = drawn.weights(), drawn.rows()
    kernel = NumbaGrouped(w, CPU, threads=drawn.threads, storage=drawn.storage)
    leaf, margin = reference.route(x, w)

    answer = kernel.infer(x)

    event("rows in doubt" if kernel.rechecked_rows else "no row in doubt")
    assert answer.logits.shape == (drawn.shape.n, drawn.shape.o)
    assert torch.equal(answer.leaf[:, 0].long(), leaf)
    torch.testing.assert_close(answer.margin[:, 0], margin.float(), rtol=1e-4, atol=1e-6)
    if drawn.shape.n:
        assert_near(answer.logits, x, leaf, w if drawn.storage == "float32" else rounded(w))
    assert all(same(kernel.infer(x[k : k + 1]), answer, k) for k in range(drawn.shape.n))


@given(NETWORKS)
@settings(max_examples=100)
def test_the_portable_backend_takes_the_references_leaf_row_by_row(drawn: Network) -> None:
    w, x = drawn.weights(), drawn.rows()
    backend, (leaf, _) = TorchGrouped(w, CPU), reference.route(x, w)

    assert torch.equal(backend.infer(x).leaf[:, 0].long(), leaf)
    assert [int(backend.infer(row[None]).leaf) for row in x] == leaf.tolist()


@given(NETWORKS, st.randoms(use_true_random=False))
@settings(max_examples=100)
def test_any_cut_of_any_batch_changes_no_bit(drawn: Network, dice: random.Random) -> None:
    kernel = NumbaGrouped(drawn.weights(), CPU, threads=drawn.threads, storage=drawn.storage)
    x = replace(drawn, shape=drawn.shape._replace(n=drawn.shape.n + 2)).rows()
    whole = kernel.infer(x)
    order = list(range(len(x)))
    dice.shuffle(order)
    cut = dice.randrange(1, len(x))

    for part in (order[:cut], order[cut:]):
        answer = kernel.infer(x[part])
        for name in ("leaf", "logits", "margin"):
            assert torch.equal(getattr(answer, name), getattr(whole, name)[part]), name
