"""
FFF-beta on every backend: the reference's leaves exactly, its outputs to float32.

Run on the CPU, and on a CUDA device where there is one; the Triton kernel in its interpreter:
`tests/fff/kernels/gpu/test_beta.py`.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from fff import beta_reference
from fff.activations import ACTIVATIONS
from fff.backends import Backend, build_backend, choose_backend
from fff.beta_weights import FFFBetaWeights
from fff.decision import NO_BOUNDARY
from fff.errors import BackendUnavailable
from fff.explanation import explain
from fff.inference_result import InferenceResult
from fff.kernels.cpu.beta import NumbaBeta
from tests.fff.networks import neurons, rows
from tests.fff.test_batch_independence import HARD

Build = Callable[[FFFBetaWeights], Backend]
Sizes = tuple[int, int, int, int, int]
CPU = torch.device("cpu")
CUDA = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
SHAPES = {  # n, then i, d, k, o of `neurons`
    "one-neuron": (3, 5, 0, 1, 4),
    "a-dense-layer": (40, 9, 0, 21, 4),
    "all-widths-one": (65, 1, 3, 1, 1),
    "one-row-of-many-trees": (1, 33, 2, 130, 17),
    "odd-widths": (150, 37, 3, 3, 51),
    "two-chunks-of-a-deep-tree": (70, 64, 9, 1, 64),
    "wide": (20, 768, 5, 2, 768),
    "no-rows": (0, 6, 2, 2, 5),
}


@pytest.fixture(
    params=[
        ("cpu", "numba"),
        ("cpu", "torch"),
        pytest.param(("cuda", "triton"), marks=CUDA),
        pytest.param(("cuda", "torch"), marks=CUDA),
    ],
    ids="-".join,
)
def build(request: pytest.FixtureRequest) -> Build:
    device, name = request.param
    return lambda weights: build_backend(weights, torch.device(device), name)


def assert_like_the_reference(answer: InferenceResult, x: Tensor, w: FFFBetaWeights) -> None:
    """Its leaves and margins; outputs at most twice as inexact as plain PyTorch's."""
    leaf, margin = (
        torch.stack(parts, 1)
        for parts in zip(*(beta_reference.walk(x, w, k) for k in range(w.trees)), strict=True)
    )
    assert answer.leaf.dtype == torch.int32
    assert torch.equal(answer.leaf.long(), leaf)
    torch.testing.assert_close(answer.margin, margin.float(), rtol=1e-4, atol=1e-6)
    truth, plain = (beta_reference.outputs(x.to(t), leaf, w) for t in (torch.float64, torch.float))
    assert (answer.logits.shape, answer.logits.dtype) == (truth.shape, torch.float32)
    if len(x):
        error = (answer.logits.double() - truth).abs().max()
        assert error <= 2 * (plain.double() - truth).abs().max() + 1e-6


def same(one: InferenceResult, other: InferenceResult) -> bool:
    return all(
        torch.equal(getattr(one, f), getattr(other, f)) for f in ("logits", "leaf", "margin")
    )


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_a_backend_agrees_with_the_reference(build: Build, shape: Sizes) -> None:
    n, i, d, k, o = shape
    x, w = rows(n, i), neurons(i, d, k, o)

    assert_like_the_reference(build(w).infer(x), x, w)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_every_activation_is_computed_like_the_reference(build: Build, activation: str) -> None:
    x, w = rows(40, 12), neurons(12, 3, 2, 5, activation)

    assert_like_the_reference(build(w).infer(x), x, w)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(300, 37, 4, 5, 19), (300, 9, 7, 1, 40), (9, 40, 2, 70, 3)])
def test_the_compiled_kernel_gives_a_row_the_same_bits_in_any_company(
    shape: Sizes, threads: int
) -> None:
    n, i, d, k, o = shape
    x, backend = rows(n, i), NumbaBeta(neurons(i, d, k, o), CPU, threads=threads)
    whole, order = backend.infer(x), torch.randperm(n)

    shuffled = backend.infer(x[order])
    parts = [backend.infer(part) for part in x.split([1, 2, 3, n - 6])]
    single = [backend.infer(row[None]) for row in x]

    back = order.argsort()
    assert same(whole, InferenceResult(*(t[back] for t in fields(shuffled))))
    assert same(whole, InferenceResult(*map(torch.cat, zip(*map(fields, parts), strict=True))))
    assert same(whole, InferenceResult(*map(torch.cat, zip(*map(fields, single), strict=True))))


def fields(result: InferenceResult) -> tuple[Tensor, Tensor, Tensor]:
    return result.logits, result.leaf, result.margin


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_sums_of_zero_go_left_by_gt_and_right_by_ge(build: Build, zero: float) -> None:
    w = neurons(6, 3, 2, 4)
    w.w_in.fill_(zero)
    w.b_in.fill_(zero)

    gt, ge = (build(replace(w, tie=tie)).infer(rows(5, 6)) for tie in ("gt", "ge"))

    assert gt.leaf.tolist() == [[0, 0]] * 5
    assert ge.leaf.tolist() == [[7, 7]] * 5
    assert gt.margin.tolist() == [[NO_BOUNDARY] * 2] * 5  # nodes without weights bound nothing


@pytest.mark.parametrize("case", HARD)
def test_a_leaf_is_the_references_where_float32_is_in_doubt(build: Build, case: str) -> None:
    """The hard rows of `test_batch_independence`, at a tree whose nodes decide as theirs do."""
    x, tree = HARD[case]()
    w = replace(neurons(x.shape[1], tree.depth, 2, 3), tie=tree.tie)
    w.w_in[1, : tree.leaves - 1], w.b_in[1, : tree.leaves - 1] = tree.node_weight, tree.node_bias
    expected = torch.stack([beta_reference.walk(x, w, k)[0] for k in range(2)], 1)
    backend = build(w)

    assert torch.equal(backend.infer(x).leaf.long(), expected)
    single = [backend.infer(row[None]).leaf.long() for row in x]
    assert torch.equal(torch.cat(single), expected)
    assert case == "plain" or backend.rechecked_rows > 0


def test_rows_of_zeros_and_rows_that_all_take_one_path_are_like_others(build: Build) -> None:
    w = neurons(20, 6, 2, 8)
    x = torch.cat([torch.zeros(5, 20), rows(1, 20).expand(90, -1), rows(30, 20)])

    assert_like_the_reference(build(w).infer(x), x, w)


def test_a_neighbour_that_is_not_finite_changes_no_other_row(build: Build) -> None:
    x, backend = rows(20, 50), build(neurons(50, 4, 3, 6))
    clean = backend.infer(x)
    x[7], x[8, 3] = torch.nan, torch.inf

    answer = backend.infer(x)

    others = (torch.arange(20) != 7) & (torch.arange(20) != 8)
    assert torch.equal(answer.leaf[others], clean.leaf[others])
    torch.testing.assert_close(answer.logits[others], clean.logits[others])
    assert answer.logits[7].isnan().all()


def test_each_trees_path_is_explained_by_its_deciding_nodes(build: Build) -> None:
    x, backend = rows(30, 11), build(neurons(11, 4, 3, 2))
    answer = backend.infer(x)

    for k, nodes in enumerate(backend.trees):
        paths = explain(x, answer.leaf[:, k], nodes)  # refuses a leaf that decisions do not lead to
        torch.testing.assert_close(paths.margin.float(), answer.margin[:, k])


def test_a_processor_takes_the_compiled_kernel_and_float32_alone() -> None:
    w = neurons(6, 2, 2, 4)

    assert choose_backend(w, CPU).name == "numba"
    with pytest.raises(BackendUnavailable, match="kept in float32; bfloat16 asked for"):
        build_backend(w, CPU, leaf_dtype="bfloat16")
    with pytest.raises(BackendUnavailable, match="triton runs on CUDA devices, not on cpu"):
        build_backend(w, CPU, "triton")
    with pytest.raises(ValueError, match=r"x must be \[n, 6\], got \[2, 5\]"):
        build_backend(w, CPU).infer(rows(2, 5))
