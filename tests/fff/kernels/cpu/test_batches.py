"""Bitwise the same answer for a row: whatever its batch, its place in it, and the threads."""

from concurrent.futures import ThreadPoolExecutor
from functools import cache

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from fff.inference_result import InferenceResult
from fff.kernels.cpu import backend as cpu
from fff.kernels.cpu.backend import NumbaGrouped
from tests.fff.networks import rows, tree

CPU = torch.device("cpu")
NETWORKS = {
    "lanes": lambda: tree(100, 5, 24, 70, 7, "gelu"),
    "dots": lambda: tree(67, 6, 2, 17),
    "panels": lambda: tree(33, 3, 72, 128, activation="silu"),
    "deep": lambda: tree(20, 9, 8, 9),
    "narrow": lambda: tree(2, 12, 8, 1),
    "narrow-many-outputs": lambda: tree(7, 6, 11, 10, 3, "gelu"),
}
N = 300


@pytest.fixture(params=NETWORKS)
def kernel(request: pytest.FixtureRequest) -> NumbaGrouped:
    return NumbaGrouped(NETWORKS[request.param](), CPU)


def rows_for(kernel: NumbaGrouped) -> Tensor:
    return rows(N, kernel.input_width)


def same(left: InferenceResult, right: InferenceResult, at: slice | list[int] | Tensor) -> bool:
    """Whether `left` is `right` at some rows, to the last bit."""
    return all(
        torch.equal(getattr(left, name), getattr(right, name)[at])
        for name in ("logits", "leaf", "margin")
    )


def test_a_slice_of_a_batch_is_the_batch_of_the_slice(kernel: NumbaGrouped) -> None:
    x = rows_for(kernel)
    whole = kernel.infer(x)

    for size in (*range(1, 65), 128, 256, N):
        for start in range(0, N - size + 1, max(size, 40)):
            part = slice(start, start + size)
            assert same(kernel.infer(x[part]), whole, part)


def test_order_and_repetition_change_no_bit(kernel: NumbaGrouped) -> None:
    x = rows_for(kernel)
    whole = kernel.infer(x)
    dice = torch.Generator().manual_seed(0)

    for _ in range(10):
        chosen = torch.randint(0, N, (200,), generator=dice)
        assert same(kernel.infer(x[chosen]), whole, chosen)


def test_one_popular_leaf_changes_no_bit(kernel: NumbaGrouped) -> None:
    x = rows_for(kernel)
    whole = kernel.infer(x)
    crowd = [3] * 150 + list(range(20)) + [3] * 50

    assert same(kernel.infer(x[crowd]), whole, crowd)


@pytest.mark.parametrize("poison", [torch.nan, torch.inf, -torch.inf, 3e38])
def test_a_poisoned_neighbour_changes_no_bit(kernel: NumbaGrouped, poison: float) -> None:
    x = rows_for(kernel)
    whole = kernel.infer(x)
    x[::3] = poison

    healthy = [k for k in range(N) if k % 3]
    answer = kernel.infer(x)

    assert same(
        InferenceResult(answer.logits[healthy], answer.leaf[healthy], answer.margin[healthy]),
        whole,
        healthy,
    )


def test_rows_may_begin_anywhere_in_memory(kernel: NumbaGrouped) -> None:
    x = rows_for(kernel)
    memory = torch.empty(x.numel() + 1)
    shifted = memory[1:].view_as(x).copy_(x)

    assert same(kernel.infer(shifted), kernel.infer(x), slice(None))


@pytest.mark.parametrize("threads", [2, 3])
@pytest.mark.parametrize("network", NETWORKS)
def test_threads_change_no_bit(network: str, threads: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_BRIEF_FLOPS", 0)
    alone = NumbaGrouped(NETWORKS[network](), CPU)
    together = NumbaGrouped(NETWORKS[network](), CPU, threads=threads)
    x = rows_for(alone)
    whole = alone.infer(x)

    for size in (2, 17, 64, N) * 20:
        assert same(together.infer(x[:size]), whole, slice(size))


def test_callers_on_several_threads_get_their_own_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cpu, "_BRIEF_FLOPS", 0)
    kernel = NumbaGrouped(NETWORKS["lanes"](), CPU, threads=2)
    x = rows_for(kernel)
    whole = kernel.infer(x)
    starts = [7 * k % 200 for k in range(300)]

    def call(start: int) -> InferenceResult:
        return kernel.infer(x[start : start + 1 + start % 90])

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(call, starts))

    assert all(
        same(answer, whole, slice(start, start + 1 + start % 90))
        for start, answer in zip(starts, answers, strict=True)
    )


def test_an_answer_of_one_row_is_not_overwritten_by_the_next(kernel: NumbaGrouped) -> None:
    x = rows_for(kernel)

    answers = [kernel.infer(x[k : k + 1]) for k in range(100)]

    whole = kernel.infer(x)
    assert all(same(answer, whole, slice(k, k + 1)) for k, answer in enumerate(answers))


@given(st.lists(st.integers(0, N - 1), min_size=1, max_size=60))
def test_any_batch_of_any_rows_gives_the_same_bits(chosen: list[int]) -> None:
    kernel = prepared()
    x = rows_for(kernel)

    assert same(kernel.infer(x[chosen]), kernel.infer(x), chosen)


@cache
def prepared() -> NumbaGrouped:
    return NumbaGrouped(NETWORKS["lanes"](), CPU)
